"""What docs/timelines.md says is what the code does."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import typer.main

from soundmatte.cli.timeline import app
from soundmatte.timelines import formats

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "timelines.md").read_text(encoding="utf-8")


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("losses", DOCS / "make_losses.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_losses_is_made_of_the_code() -> None:
    made = maker()
    assert made.page(PAGE) == PAGE, "run python docs/make_losses.py"
    for name in formats.WRITTEN:
        for what, sentence in formats.writer(name).LOSSES:
            assert f"| {formats.named(name).title} | {what} | {sentence} |" in PAGE


def test_every_command_on_the_page_is_one() -> None:
    """Each is understood, word for word, by the command that it names."""
    commands = typer.main.get_command(app)
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    shown = [words for words in map(shlex.split, lines) if words[:2] == ["soundmatte", "timeline"]]
    assert len(shown) >= 8
    for _, _, name, *words in shown:
        command = commands.commands[name]  # type: ignore[attr-defined]
        command.make_context(name, words)
