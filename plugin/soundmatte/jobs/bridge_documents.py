"""What goes over the bridge: requests, their results, and events, each a document.

`docs/bridge.md` is made from them. This module must not know how anything is done.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from soundmatte.documents import VERSION, Lay, Order, Placement, Selection, Separation


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Request(_Document):
    version: Literal[1]
    id: str = Field(min_length=1, max_length=100)


class Describe(_Request):
    """What the engine would use, how it is set, and what a clip holds. Result: `Description`.

    Attributes:
        media: the clip; null asks about the engine alone.
    """

    request: Literal["describe"]
    media: Path | None = None


class Estimate(_Request):
    """Check everything, name the price, do nothing. Result: `Estimated`, or the error that
    `separate` would end with.

    Attributes:
        selection: what is not said in it is as in the settings.
        output: folder for what is written.
        use: the engine; null leaves it to the settings.
        terms: of the cloud engine, where they are to differ from the settings.
        overwrite: replace files that are there.
        accept_doubtful: deliver stems that look empty or wrong.
    """

    request: Literal["estimate"]
    selection: Selection
    output: Path
    use: Literal["auto", "cloud", "offline"] | None = None
    terms: dict[str, Any] = {}
    overwrite: bool = False
    accept_doubtful: bool = False


class Preview(_Request):
    """Show the matte over the picture. Result: `Previewed`.

    Attributes:
        selection: of which the clip, the range and the matte count.
        output: folder for what is written.
        overwrite: replace files that are there.
    """

    request: Literal["preview"]
    selection: Selection
    output: Path
    overwrite: bool = False


class Separate(_Request):
    """Separate a clip's sound, or go on with it. Result: `Separation`.

    Attributes:
        order: as `estimate` gave it, or as `jobs` does for a job that was stopped.
        page: show a page in the person's own browser first; the order is what it proposes, and
            what the person agrees to there is estimated anew. The result comes when they are done
            listening.
    """

    request: Literal["separate"]
    order: Order
    page: bool = False


class Jobs(_Request):
    """The newest jobs, or one of them. Result: `JobList`.

    Attributes:
        most: how many, the newest first.
        job: id of the one that is asked for.
    """

    request: Literal["jobs"]
    most: int = Field(default=50, ge=1, le=1000)
    job: str | None = None


class PlacementOf(_Request):
    """What a job that is done put where, to do it on a timeline once more.

    With `lay` the stems are written anew as a timeline takes them, and the result names those. The
    same stems laid in the same way again are the same files, which are left as they are.
    Result: `Placement`.

    Attributes:
        job: its id.
        lay: how the timeline takes them; null names the stems that the job made.
        output: folder for what is written; null is that of the job's own stems.
    """

    request: Literal["placement"]
    job: str
    lay: Lay | None = None
    output: Path | None = None


class Cancel(_Request):
    """End a request. It has no result of its own: the request ends with `done` or `error`.

    Attributes:
        id: of the request that is to end.
    """

    request: Literal["cancel"]


Request = Describe | Estimate | Preview | Separate | Jobs | PlacementOf


class Track(_Document):
    """An audio track of a clip.

    Attributes:
        number: from 1.
        rate: Hz.
    """

    number: int
    title: str
    language: str
    codec: str
    rate: int
    channels: int


class Clip(_Document):
    """What a clip holds.

    Attributes:
        duration: seconds from its first picture.
        timecode: of its first picture; null where it has none.
        frame_rate: frames per second; null without a picture, or where it varies.
        width, height: as seen, in pixels; null without a picture.
        warnings: sentences about what is wrong with the file.
    """

    media: Path
    container: str
    duration: Fraction
    timecode: str | None
    frame_rate: Fraction | None
    width: int | None
    height: int | None
    tracks: tuple[Track, ...]
    warnings: tuple[str, ...]


class Description(_Document):
    """What the engine would use, how it is set, and what a clip holds.

    Attributes:
        program: version of the program.
        ffmpeg: version of the ffmpeg that is used.
        engine: the engine that the settings lead to. `why`: a sentence on it.
        settings: every setting in force, by its dotted name.
        clip: null where none was asked about.
    """

    version: Literal[1] = VERSION
    program: str
    ffmpeg: str
    engine: str
    why: str
    settings: dict[str, Any]
    clip: Clip | None = None


class Estimated(_Document):
    """What a separation would do and cost at most.

    Attributes:
        order: for `separate`; it allows no more than the price that is named here.
        why: a sentence on why it is that engine.
        route: what the engine takes for the target.
        usd: the most that it will cost.
        windows: in how many stretches the range is separated.
        start, duration: of the stems in seconds, handles included.
        handle_in, handle_out: seconds of them that lie outside the range.
        rate: Hz.
        writes: files; of several containers the first that can carry the clip is taken.
        notes: sentences that a person should read before.
    """

    version: Literal[1] = VERSION
    order: Order
    why: str
    route: str
    usd: float
    windows: int
    start: float
    duration: float
    handle_in: float
    handle_out: float
    rate: int
    channels: int
    writes: tuple[Path, ...]
    notes: tuple[str, ...]


class Previewed(_Document):
    """A preview that was written.

    Attributes:
        sheet: contact sheet, PNG.
        movie: MP4, without sound.
        still: one picture out of the middle, PNG, as large as editors draw icons.
        coverage: share of the picture that is object, 0 to 1.
        warnings: sentences about a matte that is unlikely to be meant so.
    """

    version: Literal[1] = VERSION
    sheet: Path
    movie: Path
    still: Path
    coverage: float
    warnings: tuple[str, ...]


class JobRow(_Document):
    """A job in the journal.

    Attributes:
        id: of the job.
        state: planned, extracted, uploaded, submitting, submitted, fetched, conformed, placed,
            done, failed, cancelled, or uncertain: sent without an answer, for a person to decide.
        made, changed: seconds since 1970.
        running: a living process works on it.
        stopped: its process was killed in the middle.
        order: with it `separate` goes on where the job stopped, failed or was cancelled.
        usd: the most that it may cost.
        failure: why it ended, where it failed. `hint`: the way out.
        separation: what came of it; null until it is done.
    """

    id: str
    state: str
    made: float
    changed: float
    running: bool
    stopped: bool
    order: Order
    usd: float
    failure: str
    hint: str
    separation: Separation | None


class JobList(_Document):
    """Jobs, the newest first."""

    version: Literal[1] = VERSION
    jobs: tuple[JobRow, ...]


class Hello(_Document):
    """The engine's first word, before any request.

    Attributes:
        version: of the documents.
        program: version of the program.
        pid: number of the process.
        requests: that it takes.
        at_once: how many separations are done at the same time; further ones wait.
    """

    event: Literal["hello"]
    version: int
    program: str
    pid: int
    requests: tuple[str, ...]
    at_once: int


class Progress(_Document):
    """How far a request is.

    Attributes:
        stage: the step that it is at.
        share: of that step, 0 to 1.
    """

    event: Literal["progress"] = "progress"
    id: str
    stage: str
    share: float


class Log(_Document):
    """A sentence that the person should read."""

    event: Literal["log"] = "log"
    id: str
    text: str


class Done(_Document):
    """A request has ended well; `result` is the document that the request names."""

    event: Literal["done"] = "done"
    id: str
    result: dict[str, Any]


class Error(_Document):
    """A request has ended without a result, or a line was no request.

    Attributes:
        id: null where a line named none that could be taken.
        kind: name of the situation; `Cancelled` is one.
        message: one sentence. `hint`: the way out.
        exit_code: status that the command line would have ended with.
    """

    event: Literal["error"] = "error"
    id: str | None
    kind: str
    message: str
    hint: str
    exit_code: int


#: By the request's name: what is said, and what comes back.
REQUESTS: Final[dict[str, tuple[type[_Request], type[BaseModel] | None]]] = {
    "describe": (Describe, Description),
    "estimate": (Estimate, Estimated),
    "preview": (Preview, Previewed),
    "separate": (Separate, Separation),
    "jobs": (Jobs, JobList),
    "placement": (PlacementOf, Placement),
    "cancel": (Cancel, None),
}
EVENTS: Final = (Hello, Progress, Log, Done, Error)
Event = Annotated[Hello | Progress | Log | Done | Error, Field(discriminator="event")]
