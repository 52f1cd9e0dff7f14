"""The options of the cloud engine, and what they say beside the settings.

This module must not run anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from soundmatte.engines.engine import Engine
    from soundmatte.jobs.engines import Use as UseWord
    from soundmatte.separation.client import Client
    from soundmatte.separation.keys import Key
    from soundmatte.settings import Cloud


class EngineWord(StrEnum):
    """What separates."""

    AUTO = "auto"
    CLOUD = "cloud"
    OFFLINE = "offline"


class AccelerationWord(StrEnum):
    """How much the service may hurry."""

    FAST = "fast"
    BALANCED = "balanced"
    QUALITY = "quality"


class FormatWord(StrEnum):
    """The form in which the service sends its stems."""

    WAV = "wav"
    MP3 = "mp3"


Use = Annotated[
    EngineWord | None,
    typer.Option("--engine", help="auto: cloud if a key or a server is set, else offline."),
]
Server = Annotated[
    str | None, typer.Option("--server", help="A server of your own that speaks the API.")
]
Candidates = Annotated[
    int | None,
    typer.Option("--candidates", min=1, max=4, help="Cloud: made and ranked; each costs more."),
]
Acceleration = Annotated[
    AccelerationWord | None, typer.Option("--acceleration", help="Cloud: speed against quality.")
]
Format = Annotated[
    FormatWord | None, typer.Option("--output-format", help="Cloud: how the stems travel.")
]
Chunk = Annotated[
    float | None,
    typer.Option("--max-chunk-duration", help="Cloud: seconds that the service takes at a time."),
]
Overlap = Annotated[
    float | None, typer.Option("--chunk-overlap", help="Cloud: seconds that such chunks share.")
]
Predict = Annotated[
    bool | None, typer.Option("--predict-spans", help="Cloud: find the times of a prompt first.")
]
Ranking = Annotated[
    bool | None,
    typer.Option("--sound-activity-ranking", help="Cloud: rank candidates by the spans."),
]
MaxCost = Annotated[
    str | None, typer.Option("--max-cost", help="Cloud: most that this may cost, in USD.")
]
PaidRetries = Annotated[
    int | None,
    typer.Option(
        "--paid-retries",
        min=0,
        max=5,
        help="Cloud: further jobs, in all, if one fails or two windows meet roughly.",
    ),
]


@dataclass(frozen=True)
class Words:
    """What was said on the command line; None leaves it to the settings."""

    engine: EngineWord | None = None
    server: str | None = None
    candidates: int | None = None
    acceleration: AccelerationWord | None = None
    output_format: FormatWord | None = None
    max_chunk_duration: float | None = None
    chunk_overlap: float | None = None
    predict_spans: bool | None = None
    use_sound_activity_ranking: bool | None = None
    max_cost: str | None = None
    paid_retries: int | None = None


def engine(words: Words) -> tuple[Engine, str]:
    """The engine to use, and a sentence on why it is that one; raises as `choice`."""
    from soundmatte.jobs import engines

    return engines.choose(*choice(words))


def choice(words: Words) -> tuple[UseWord, Cloud]:
    """Which engine is asked for, and how the cloud is to work if it is that.

    Raises:
        SettingsRefused: the settings, or a number on the command line, cannot be used.
    """
    from soundmatte.settings import load

    settings = load().settings
    use = words.engine.value if words.engine else settings.engine.use
    return use, _merged(settings.cloud, words)


def _merged(settings: Cloud, words: Words) -> Cloud:
    """The settings, with what the command line says in their place."""
    from pydantic import ValidationError

    from soundmatte.errors import SettingsRefused

    said = {
        name: value.value if isinstance(value, StrEnum) else value
        for name, value in vars(words).items()
        if name != "engine" and value is not None
    }
    try:
        return type(settings).model_validate({**settings.model_dump(), **said})
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise SettingsRefused(f"{option}: {first['msg'].lower()}.", hint="See --help.") from None


def client(server: str | None = None) -> Client:
    """A client for the bare API, at the server of the command line or the settings."""
    from soundmatte.separation.client import Client
    from soundmatte.separation.places import places
    from soundmatte.settings import load

    return Client(places=places(load().settings.cloud.server if server is None else server))


def check_key(key: Key) -> None:
    """Ask the service about a request that cannot exist, which costs nothing.

    Raises:
        BadKey: the service does not take the key.
        SeparationError: it could not be asked.
    """
    from soundmatte.separation.client import Client
    from soundmatte.separation.errors import Unknown
    from soundmatte.separation.places import places
    from soundmatte.settings import load

    with Client(key=key, places=places(load().settings.cloud.server)) as asked:
        try:
            asked.status(asked.ticket("00000000-0000-0000-0000-000000000000"))
        except Unknown:
            return
