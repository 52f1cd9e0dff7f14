"""Manifests: what a line means, where a mistake stands, and that nothing else can be said."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.jobs.bench import Part
from tests.media.making import Studio
from typer.core import TyperCommand
from typer.main import get_command

from soundmatte.documents import Order
from soundmatte.errors import UsageError
from soundmatte.jobs.found import Clip
from soundmatte.jobs.manifest import (
    COLUMNS,
    ForAll,
    Line,
    _column,
    by_name,
    order,
    read,
    with_mattes,
)
from soundmatte.settings import Cloud
from stemmux.errors import UnreadableMedia


@pytest.fixture
def clip(studio: Studio) -> Path:
    """Two seconds with a timecode."""
    return studio.clip("mov", frames=50, options=("-timecode", "10:00:00:00")).path


def rest(folder: Path, asked: list[tuple[str, Cloud]] | None = None, **words: Any) -> ForAll:
    """What holds for all: the words, and an engine that is quick."""

    def engine(use: str, cloud: Cloud) -> Part:
        if asked is not None:
            asked.append((use, cloud))
        return Part()

    return ForAll(words, "auto", Cloud(), folder / "out", engine)


def written(folder: Path, text: str, name: str = "shots.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def orders(path: Path, all_of_them: ForAll) -> list[Order]:
    return [order(line, all_of_them)[0] for line in read(path)]


def test_every_option_of_a_separation_is_a_column() -> None:
    """What is about the whole command is none."""
    from soundmatte.cli import app

    group: Any = get_command(app)
    command: TyperCommand = group.commands["separate"]
    options = {word for param in command.params for word in param.opts if word.startswith("--")}
    of_the_command = {
        *("--overwrite", "--dry-run", "--json", "--progress", "--verbose", "--mask", "--help"),
    }
    columns = {_column(option, "here") for option in options - of_the_command}
    assert columns | {"clip"} == set(COLUMNS)


def test_a_csv_line_is_an_order(clip: Path, studio: Studio, tmp_path: Path) -> None:
    matte = studio.picture(frames=50)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "clip.mov").symlink_to(clip)
    (tmp_path / "media" / "matte.mp4").symlink_to(matte)
    table = written(
        tmp_path,
        "clip,matte,prompt,in,out,handles,track,invert,style,bits,span,output,candidates\n"
        'media/clip.mov,media/matte.mp4,"a dog, barking",10:00:00:10,1.6,5f,1,yes,clean,16,'
        "0.5-0.7 0.9-1,stems/one,2\n"
        "\n"
        "media/clip.mov,,,,,,,,,,,,\n",
    )
    asked: list[tuple[str, Cloud]] = []
    full, bare = orders(table, rest(tmp_path, asked, prompt="cat"))
    chosen = full.selection
    assert chosen.media == tmp_path / "media" / "clip.mov"
    assert chosen.matte is not None
    assert (chosen.matte.path, chosen.matte.invert) == (tmp_path / "media" / "matte.mp4", True)
    assert chosen.prompt == "a dog, barking"
    times = (chosen.start, chosen.end, chosen.handles)
    assert times == (Fraction(2, 5), Fraction(8, 5), Fraction(1, 5))
    assert [(s.start, s.end) for s in chosen.spans] == [
        (Fraction(1, 2), Fraction(7, 10)),
        (Fraction(9, 10), 1),
    ]
    assert (chosen.style, chosen.bits, chosen.track) == ("clean", "16", 1)
    assert full.output == tmp_path / "stems" / "one"
    assert [cloud.candidates for _, cloud in asked] == [2, 1]
    assert (bare.selection.prompt, bare.selection.start) == ("cat", None)
    assert bare.output == tmp_path / "out"


def test_a_json_line_is_the_same_order(clip: Path, tmp_path: Path) -> None:
    words = {"clip": str(clip), "in": 0.4, "out": "40f", "track": 1, "replace_audio": True}
    words |= {"bits": 24, "exclude-span": ["0.5-0.6", "0.7-0.8"], "matte": None, "engine": "cloud"}
    lines = written(tmp_path, "\n" + json.dumps(words) + "\n\n", "shots.jsonl")
    asked: list[tuple[str, Cloud]] = []
    [made] = orders(lines, rest(tmp_path, asked))
    chosen = made.selection
    assert (chosen.start, chosen.end, chosen.bits) == (Fraction(2, 5), Fraction(8, 5), "24")
    assert chosen.replace_audio
    assert [span.include for span in chosen.spans] == [False, False]
    assert asked[0][0] == "cloud"


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_cells_may_stand_between_other_signs(clip: Path, tmp_path: Path, sign: str) -> None:
    rows = ["clip,prompt,in".replace(",", sign), f"{clip}{sign}speech{sign}0.4", ""]
    table = written(tmp_path, "\ufeff" + "\r\n".join(rows))
    [made] = orders(table, rest(tmp_path))
    assert (made.selection.prompt, made.selection.start) == ("speech", Fraction(2, 5))


WRONG = [
    ("clip,colour\nCLIP,red\n", "line 1", "'colour' is no column"),
    ("clip,in,in\nCLIP,1,2\n", "line 1", "twice"),
    ("prompt\nspeech\n", "line 2", "names no clip"),
    ("clip,in\nCLIP,1\nCLIP,soon\n", "line 3, column in", "'soon' is no time"),
    ("clip,out\nCLIP,09:00:00:00\n", "line 2, column out", "before the clip"),
    ("clip,handles\nCLIP,wide\n", "line 2, column handles", "no time"),
    ("clip,span\nCLIP,1\n", "line 2, column span", "no stretch"),
    ("clip,span\nCLIP,0.1-0.2 2-1\n", "line 2, column span", "ends before"),
    ("clip,track\nCLIP,first\n", "line 2, column track", "'first'"),
    ("clip,track\nCLIP,0\n", "line 2, column track", "'0'"),
    ("clip,style\nCLIP,loud\n", "line 2, column style", "'loud'"),
    ("clip,invert\nCLIP,perhaps\n", "line 2, column invert-matte", "'perhaps'"),
    ("clip,candidates\nCLIP,9\n", "line 2, column candidates", "'9'"),
    ("clip,max-cost\nCLIP,cheap\n", "line 2, column max-cost", "'cheap'"),
    ("clip,engine\nCLIP,steam\n", "line 2, column engine", "'steam'"),
    ("clip,accept-doubtful\nCLIP,7\n", "line 2, column accept-doubtful", "'7'"),
    ("clip,sound-activity-ranking\nCLIP,7\n", "line 2, column sound-activity-ranking", "'7'"),
    ("clip,prompt\nCLIP,a,b\n", "line 2", "3 cells"),
    ('clip,prompt\nCLIP,"open\n', "line 2", "no CSV"),
    ("clip,prompt,\nCLIP,,dog\n", "line 2", "3 cells"),
    ("clip,,prompt\nCLIP,,dog\n", "line 1", "''"),
    ("\nclip,mask,matte\nCLIP,,\n", "line 2", "twice"),
    ("clip\n", "", "names no clip"),
    ("", "", "names no clip"),
]


@pytest.mark.parametrize(("text", "where", "what"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_named_with_its_line_and_column(
    clip: Path, tmp_path: Path, text: str, where: str, what: str
) -> None:
    table = written(tmp_path, text.replace("CLIP", str(clip)))
    with pytest.raises(UsageError) as caught:
        orders(table, rest(tmp_path))
    said = str(caught.value)
    assert f"shots.csv, {where}" in said if where else str(table) in said
    assert what in said
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{",
        "clip",
        '{"clip": 3}',
        '{"clip": ["a"]}',
        '{"clip": "CLIP", "size": 1}',
        '{"clip": "CLIP", "mask": "a.mov", "matte": "b.mov"}',
        "[" * 9999,
    ],
)
def test_a_json_line_that_is_none_is_named(clip: Path, tmp_path: Path, line: str) -> None:
    path = written(tmp_path, '{"clip": "CLIP"}\n'.replace("CLIP", str(clip)) + line, "shots.jsonl")
    with pytest.raises(UsageError, match=r"shots\.jsonl, line 2"):
        orders(path, rest(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "\n\nclip,prompt\nCLIP,dog\n",
        "clip;prompt;;\r\nCLIP;dog;;\r\n;;;\r\n",
        "\ufeff\r\nclip,prompt,\rCLIP,dog",
    ],
)
def test_what_spreadsheets_leave_around_a_table_is_no_part_of_it(
    clip: Path, tmp_path: Path, text: str
) -> None:
    [line] = read(written(tmp_path, text.replace("CLIP", str(clip))))
    assert line.words == {"clip": clip, "prompt": "dog"}


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("clip\nä.mov".encode("latin-1"))
    for name in ("no.csv", "latin.csv", ""):
        with pytest.raises(UsageError, match=name or "cannot be read"):
            read(tmp_path / name)


def test_a_clip_that_cannot_be_read_is_no_mistake_of_the_manifest(tmp_path: Path) -> None:
    table = written(tmp_path, "clip,in\nlost.mov,1\n")
    [line] = read(table)
    with pytest.raises(UnreadableMedia):
        order(line, rest(tmp_path))
    made, _ = order(line, rest(tmp_path), times=False)
    assert made.selection.start is None


def test_a_word_of_the_command_line_is_not_blamed_on_a_line(clip: Path, tmp_path: Path) -> None:
    line = Line("shots.csv, line 2", {"clip": clip})
    with pytest.raises(UsageError) as caught:
        order(line, rest(tmp_path, track="first"))
    assert str(caught.value).startswith("--track")
    assert "shots.csv" not in str(caught.value)


def test_files_by_name_are_lines_too(tmp_path: Path) -> None:
    found = [Clip(Path("a.mov")), Clip(Path("day/b.mov"), Path("day"))]
    one, other = by_name(found, "{stem}.png")
    assert one.words == {"clip": Path("a.mov"), "matte": Path("a.png")}
    assert other.words["matte"] == Path("day/b.png")
    made, _ = order(other, rest(tmp_path))
    assert made.output == tmp_path / "out" / "day"
    assert "matte" not in by_name(found)[0].words


def test_a_pattern_is_for_lines_without_a_matte() -> None:
    lines = [Line("x", {"clip": Path("a.mov")}), Line("y", {"clip": "b.mov", "matte": "m.png"})]
    filled = with_mattes(lines, "{stem}.png")
    assert [str(line.words["matte"]) for line in filled] == ["a.png", "m.png"]
    assert with_mattes(lines, "") == lines


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.fixed_dictionaries({"clip": CELLS, "prompt": CELLS, "in": CELLS}), max_size=4))
def test_csv_says_what_json_says(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    """Whatever is in the cells, quotes and line ends too, both forms read alike or both refuse."""
    import csv
    import io

    folder = tmp_path_factory.getbasetemp()
    rows = [{**row, "clip": row["clip"].strip() + "x"} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, ["clip", "prompt", "in"], quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    table = folder / "same.csv"
    table.write_text(text.getvalue(), encoding="utf-8", newline="")
    stripped = [{name: cell.strip() for name, cell in row.items()} for row in rows]
    lines = [json.dumps({k: v for k, v in row.items() if v}) for row in stripped]
    same = folder / "same.jsonl"
    same.write_text("\n".join(lines), encoding="utf-8")
    if not rows:
        for path in (table, same):
            with pytest.raises(UsageError):
                read(path)
        return
    assert _one_kind_of_ends(table) == _one_kind_of_ends(same)


def _one_kind_of_ends(path: Path) -> list[dict[str, str]]:
    """The words of a manifest; ends of lines in a cell come back as one kind."""
    return [
        {n: str(v).replace("\r\n", "\n").replace("\r", "\n") for n, v in line.words.items()}
        for line in read(path)
    ]
