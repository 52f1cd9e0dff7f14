"""`soundmatte key`: the API key of the cloud engine; keep, try and remove it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from soundmatte.cli import options
from stemmux.console import print_json

if TYPE_CHECKING:
    from soundmatte.separation.keys import Key

#: Asks the service about a key in a way that costs nothing; raises where it is not accepted.
Check = Callable[["Key"], None]
#: More than this on standard input is no key (characters).
_LONGEST = 4096
_HELP = """The API key of the cloud engine: keep it in the system's keyring, try it, remove it.

It is looked for in the environment first (FAL_KEY, then FAL_KEY_ID with FAL_KEY_SECRET), then in
the keyring. It is never written to a file."""


def commands(check: Check | None = None) -> typer.Typer:
    """The `key` commands.

    Args:
        check: asks the service about a key; without it `test` says only what is known here.
    """
    app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)
    app.command("set")(set_key)
    app.command("remove")(remove)

    @app.command()
    def test(json: options.Json = False) -> None:
        """Say where the key comes from, and ask the service whether it takes it; costs nothing."""
        from soundmatte.separation.errors import NoKey
        from soundmatte.separation.keys import find

        key = find()
        if key is None:
            raise NoKey(
                "There is no API key.", hint="Set FAL_KEY, or keep one with `soundmatte key set`."
            )
        if not json:
            typer.echo(f"The key comes from {key.origin}; its form: {key.form}.")
        if check is not None:
            check(key)
        answer = "accepted" if check is not None else "not asked"
        if json:
            print_json({"origin": key.origin, "form": key.form, "service": answer})
        else:
            typer.echo(f"The service: {answer}.")

    return app


def set_key() -> None:
    """Keep a key in the system's keyring.

    Type or paste it at the prompt, where it does not show, or pipe it in. It is no argument on
    purpose: what is typed on a command line stays in the shell's history, and every program on the
    computer can read it while the command runs.

    \b
    soundmatte key set
    pass show fal | soundmatte key set
    """
    from soundmatte.separation.keys import store

    if sys.stdin.isatty():
        text = typer.prompt("Key", hide_input=True, default="", show_default=False, err=True)
    else:
        text = sys.stdin.read(_LONGEST)
    key = store(text)
    typer.echo(f"Kept in {key.origin}.")
    _say_what_goes_before()


def remove() -> None:
    """Take the key out of the system's keyring."""
    from soundmatte.separation.keys import KEYRING
    from soundmatte.separation.keys import remove as take_out

    typer.echo(f"Removed from {KEYRING}." if take_out() else f"There was none in {KEYRING}.")
    _say_what_goes_before()


def _say_what_goes_before() -> None:
    whole = bool(os.environ.get("FAL_KEY"))
    halves = bool(os.environ.get("FAL_KEY_ID") and os.environ.get("FAL_KEY_SECRET"))
    if whole or halves:
        name = "FAL_KEY" if whole else "FAL_KEY_ID with FAL_KEY_SECRET"
        typer.echo(f"The environment's {name} goes before the keyring.", err=True)


def _ask(key: Key) -> None:
    from soundmatte.cli.cloud import check_key

    check_key(key)


app = commands(_ask)
