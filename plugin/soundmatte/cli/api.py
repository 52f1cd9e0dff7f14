"""`soundmatte api`: the bare API, for those who want no more.

A submit here is charged by the service like any other; nothing is put in the journal.
"""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte.cli import cloud, options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.separation.schema import AnyInput, QueueStatus

app = typer.Typer(
    help="The bare API: upload, submit, status, result, cancel, subscribe.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_Endpoint = Annotated[
    str, typer.Argument(help="visual-separate, separate or span-separate.", show_default=False)
]
_Input = Annotated[
    list[str],
    typer.Option("--input", "-i", help="NAME=VALUE of an input field, or @FILE with JSON."),
]
_Request = Annotated[str, typer.Argument(help="The request id, as submit printed it.")]
_Logs = Annotated[bool, typer.Option("--logs", help="With what the job prints.")]


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="A video, mask or sound file.")],
    as_data_uri: Annotated[
        bool, typer.Option("--data-uri", help="Print a data URI instead (small files).")
    ] = False,
    server: cloud.Server = None,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Upload a file to the service's storage and print its address."""
    from soundmatte.separation.storage import data_uri

    if as_data_uri:
        typer.echo(data_uri(file))
        return
    with cloud.client(server) as client, Console(progress).stage("upload") as tell:
        typer.echo(client.upload(file, told=tell))


@app.command()
def submit(
    endpoint: _Endpoint,
    given: _Input,
    webhook: Annotated[str | None, typer.Option("--webhook", help="Post the result there.")] = None,
    server: cloud.Server = None,
) -> None:
    """Submit a job, which is charged, and print its ticket."""
    with cloud.client(server) as client:
        ticket = client.submit(_parsed(endpoint, given), webhook=webhook)
        print_json(ticket.model_dump(mode="json"))


@app.command()
def status(request: _Request, logs: _Logs = False, server: cloud.Server = None) -> None:
    """Where a request stands."""
    with cloud.client(server) as client:
        found = client.status(client.ticket(request), logs=logs)
        print_json(found.model_dump(mode="json", exclude_none=True))


@app.command()
def result(request: _Request, server: cloud.Server = None) -> None:
    """The output of a completed request."""
    with cloud.client(server) as client:
        print_json(client.result(client.ticket(request)).model_dump(mode="json"))


@app.command()
def cancel(request: _Request, server: cloud.Server = None) -> None:
    """Drop or stop a request."""
    with cloud.client(server) as client:
        print_json({"cancelled": client.cancel(client.ticket(request))})


@app.command()
def subscribe(
    endpoint: _Endpoint,
    given: _Input,
    logs: _Logs = False,
    server: cloud.Server = None,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Submit a job, which is charged, follow it, and print its output."""
    console = Console(progress)

    def update(found: QueueStatus) -> None:
        for line in found.logs or ():
            console.note(line.message)

    with cloud.client(server) as client:
        ticket = client.submit(_parsed(endpoint, given))
        console.note(f"Request {ticket.request_id}")
        output = client.finish(ticket, update=update, logs=logs)
        print_json(output.model_dump(mode="json"))


def _parsed(endpoint: str, given: list[str]) -> AnyInput:
    """The input document that the words make.

    Raises:
        UsageError: no such endpoint, or a field that it does not take.
    """
    from pydantic import ValidationError

    from soundmatte.errors import UsageError
    from soundmatte.separation.schema import input_of

    values: dict[str, Any] = {}
    for word in given:
        if word.startswith("@"):
            values.update(json_.loads(Path(word[1:]).read_text(encoding="utf-8")))
            continue
        name, _, text = word.partition("=")
        values[name] = json_.loads(text) if text[:1] in "[{" and text else text
    try:
        return input_of(endpoint, values)
    except KeyError:
        raise UsageError(
            f"There is no endpoint {endpoint!r}.",
            hint="visual-separate, separate or span-separate.",
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{place or 'the input'}: {first['msg']}.", hint="See docs/api.md."
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"The input cannot be read: {error}.") from None
