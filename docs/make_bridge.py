"""Write down what goes over the bridge, out of the documents themselves.

python docs/make_bridge.py > docs/bridge.md
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from soundmatte import documents
from soundmatte.jobs import bridge, bridge_documents, bridge_pipe

_SELECTION = {"media": "/clips/shot.mov", "start": "25/2", "end": "20", "prompt": "dog"}
_ORDER = {"selection": _SELECTION, "engine": "offline", "output": "/clips/stems"}

#: A conversation; a test holds every line against the documents.
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "engine",
        {
            "event": "hello",
            "version": bridge.VERSION,
            "program": "0.1.0",
            "pid": 4711,
            "requests": list(bridge.REQUESTS),
            "at_once": bridge.AT_ONCE,
        },
    ),
    ("editor", {"version": 1, "id": "1", "request": "separate", "order": _ORDER}),
    ("engine", {"event": "progress", "id": "1", "stage": "separate", "share": 0.42}),
    ("editor", {"version": 1, "id": "1", "request": "cancel"}),
    (
        "engine",
        {
            "event": "error",
            "id": "1",
            "kind": "Cancelled",
            "message": "The request was cancelled.",
            "hint": "Send it again to go on; nothing that was paid for is paid again.",
            "exit_code": 130,
        },
    ),
]

_HEAD = """# The bridge

Made by `docs/make_bridge.py` from the documents in `soundmatte.documents` and
`soundmatte.jobs.bridge_documents`; a test holds the two together.

`soundmatte bridge` is the engine as an editor's own child process: no daemon, no port. The editor
writes *requests* to its standard input and reads *events* from its standard output, each a JSON
object on a line of its own. Editors written in Python do not need this page: the client,
`soundmatte/hosts/bridge_client.py`, is one file for every Python from 3.6 on, needs nothing but the
standard library, and never blocks who calls it.

```text
"""

_RULES = f"""```

## Rules

- The engine speaks first: `hello`. The editor refuses another `version` than its own, and so does
  the engine in every request; the sentence names the side to update.
- Every request has an `id` of the editor's choosing, and ends with exactly one `done` or `error`
  that carries it. A line that is no request gets an `error` too, and the bridge goes on.
- Requests run beside one another: up to {bridge.AT_ONCE} separations, of which one computes while
  the others wait for a service; one preview; and one of the short requests, which are therefore
  answered whatever else runs. Further ones wait for their turn.
- A `cancel` line ends its request, and no other, at the service too. The end of standard input (so
  also the editor's death), or SIGTERM, ends all of them, then the engine with every program that it
  started. Each takes less than five seconds; only after that may an editor kill the engine. What
  was cancelled can be gone on with: `jobs` has its order.
- Standard output holds events and nothing else; whatever is printed by anything goes to standard
  error, which belongs in a file. The exit status is 0, or 130 if something was under way.
- Lines are UTF-8, up to {bridge_pipe.LONGEST // 1024} KiB; events are ASCII. A file name that is no
  text travels as Python has it (surrogate escapes), and comes back as it was.
- Times are fractions of a second, written `"25/2"`; paths should be absolute.
- `estimate` turns a selection into an order and names its price; a person agrees; `separate` takes
  that order. The order allows no more than the price that was named.
- With `"page": true`, `separate` opens a page in the person's browser, on 127.0.0.1 and for that
  one request; where none opens, a `log` event has its address, which lets one browser in, once. A
  page that is closed, or cancelled, before anything was agreed to ends the request as `Cancelled`.

"""

_STAGES = """A separation's stages are `extract`, `separate`, `conform`, `gate`, `place`, `remux`
and `report`; that of a preview is `preview`, that of a placement which lays stems is `lay`.
With a page it is at `page` while it waits for the person, and at `listen` while copies of the
sounds are made.

"""

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_WORDS |= {Fraction: "fraction", Path: "path", Decimal: "decimal", type(None): "null", Any: "any"}


def document() -> str:
    """The whole page."""
    text = _HEAD
    for who, line in EXAMPLES:
        text += f"{'←' if who == 'engine' else '→'} {json.dumps(line, ensure_ascii=False)}\n"
    text += _RULES + "## Requests\n\n"
    for name, (request, result) in bridge_documents.REQUESTS.items():
        text += _section(request, f"`{name}`", result)
    text += "## Events\n\n"
    for event in bridge_documents.EVENTS:
        text += _section(event, f"`{typing.get_args(event.model_fields['event'].annotation)[0]}`")
        text += _STAGES if event is bridge_documents.Progress else ""
    text += "## Documents\n\n"
    for model in _documents():
        text += _section(model, model.__name__)
    return text.rstrip() + "\n"


def _section(model: type[BaseModel], title: str, result: type[BaseModel] | None = None) -> str:
    said, attributes = _described(model)
    said = re.sub(r" ?Result: .*", "", said) if result else said
    text = f"### {title}\n\n{said}\n\n"
    if result:
        text += f"Result: [{result.__name__}](#{result.__name__.lower()}).\n\n"
    text += "| key | type | if left out | |\n|---|---|---|---|\n"
    for name, field in model.model_fields.items():
        if name not in ("event", "request"):
            cells = (f"`{name}`", _type(field.annotation), _default(field), attributes.get(name))
            text += "| " + " | ".join(cell or "" for cell in cells) + " |\n"
    return text + "\n"


def _described(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """What a docstring says of the whole, and of each attribute."""
    lead, _, rest = (model.__doc__ or "").replace("None", "null").partition("Attributes:")
    attributes: dict[str, str] = {"version": "of the documents", "id": "of the request"}
    # `name: …`, `first, second: …`, and `other: …` behind a full stop.
    parts = re.split(r"(?:^|(?<=\. ))`?((?:\w+, )*\w+)`?: ", " ".join(_entries(rest)), flags=re.M)
    for names, words in zip(parts[1::2], parts[2::2], strict=True):
        for name in names.split(", "):
            if name in model.model_fields:
                attributes[name] = " ".join(words.split()).rstrip(".")
    return " ".join(lead.split()), attributes


def _entries(text: str) -> Iterator[str]:
    """Each attribute on a line of its own."""
    for line in text.splitlines():
        stripped = line.strip()
        begins = len(line) - len(line.lstrip()) <= 8
        yield f"\n{stripped}" if begins and stripped else stripped


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple | dict) and not value:
        return "nothing"
    return f"`{json.dumps(value, default=str)}`"


def _type(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return ", ".join(f"`{json.dumps(value)}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return ", or ".join(map(_type, inner))
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return "object"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return _WORDS[kind]


def _documents() -> list[type[BaseModel]]:
    """Everything that requests and results hold, in the order in which it is met."""
    found: list[type[BaseModel]] = []

    def meet(kind: Any) -> None:
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
            found.append(kind)
            for field in kind.model_fields.values():
                meet(field.annotation)
        for inner in typing.get_args(kind):
            meet(inner)

    for request, result in bridge_documents.REQUESTS.values():
        for field in request.model_fields.values():
            meet(field.annotation)
        meet(result)
    assert documents.Selection in found
    return found


if __name__ == "__main__":
    print(document(), end="")
