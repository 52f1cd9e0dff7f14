"""What each request over the bridge does, and the document that comes of it.

This module must not know lines, events or threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from pydantic import BaseModel, ValidationError

from soundmatte import __version__
from soundmatte.documents import MatteChoice, Order, Placement, Selection, Separation
from soundmatte.errors import SettingsRefused, UsageError
from soundmatte.jobs import bridge_documents as documents
from soundmatte.settings import Cloud, Output, load

if TYPE_CHECKING:
    from soundmatte.jobs.journal import Job
    from soundmatte.jobs.lanes import Lanes
    from soundmatte.jobs.run import Listener
    from stemmux.probe import Media


def answer(request: documents.Request, listener: Listener, lanes: Lanes) -> BaseModel:
    """Do what is asked.

    Raises:
        StemmuxError, SoundmatteError: by what stopped it.
    """
    match request:
        case documents.Describe():
            return _described(request)
        case documents.Estimate():
            return _estimated(request)
        case documents.Preview():
            return _previewed(request, listener)
        case documents.Separate():
            if request.page:
                from soundmatte.jobs import bridge_page

                return bridge_page.separated(request.order, listener, lanes)
            return _separated(request.order, listener, lanes)
        case documents.Jobs():
            return _jobs(request)
        case documents.PlacementOf():
            return _placement(request, listener)
        case _:
            assert_never(request)


def _described(request: documents.Describe) -> documents.Description:
    from soundmatte.jobs import engines
    from stemmux.ffmpeg import find
    from stemmux.probe import probe

    loaded = load()
    settings = loaded.settings
    engine, why = engines.choose(settings.engine.use, settings.cloud)
    values = settings.model_dump(mode="json")
    dotted = {name: name.partition(".") for name in loaded.origins}
    return documents.Description(
        program=__version__,
        ffmpeg=find().version,
        engine=engine.name,
        why=why,
        settings={name: values[part][field] for name, (part, _, field) in dotted.items()},
        clip=_clip(probe(request.media)) if request.media is not None else None,
    )


def _clip(media: Media) -> documents.Clip:
    width, height = media.video.display_size if media.video else (None, None)
    return documents.Clip(
        media=media.path.absolute(),
        container=media.container,
        duration=media.duration,
        timecode=str(media.timecode) if media.timecode else None,
        frame_rate=media.constant_rate,
        width=width,
        height=height,
        tracks=tuple(
            documents.Track(
                number=number,
                title=track.title,
                language=track.language,
                codec=track.codec,
                rate=track.rate,
                channels=track.channels,
            )
            for number, track in enumerate(media.audio, 1)
        ),
        warnings=media.warnings,
    )


def _estimated(request: documents.Estimate) -> documents.Estimated:
    from soundmatte.jobs import engines, run

    settings = load().settings
    with terms_refused():
        cloud = Cloud.model_validate({**settings.cloud.model_dump(), **request.terms})
    engine, why = engines.choose(request.use or settings.engine.use, cloud)
    selection = _as_set(request.selection, settings.output)
    output = request.output.absolute()
    work = run.plan(selection, engine, output, overwrite=request.overwrite)
    media, span = work.known
    assert work.wanted is not None
    assert work.answer is not None
    track = media.track(selection.track)
    # What a person agrees to is the price that they were shown.
    limit = {"max_cost": str(work.answer.usd)} if engine.name == "cloud" else {}
    order = Order(
        selection=selection,
        engine=engine.name,
        terms={**engine.terms, **limit},
        output=output,
        overwrite=request.overwrite,
        accept_doubtful=request.accept_doubtful,
    )
    return documents.Estimated(
        order=order,
        why=why,
        route=work.answer.route,
        usd=float(work.answer.usd),
        windows=work.answer.windows,
        start=float(span.start),
        duration=float(span.duration),
        handle_in=float(work.wanted.start - span.start),
        handle_out=float(span.end - work.wanted.end),
        rate=track.rate,
        channels=track.channels,
        writes=tuple(work.finished(kind) for kind in work.kinds),
        notes=work.notes,
    )


def _as_set(selection: Selection, output: Output) -> Selection:
    """The selection with what it does not say as in the settings, and with whole paths."""
    unsaid = set(Output.model_fields) - selection.model_fields_set
    said: dict[str, Any] = {name: getattr(output, name) for name in unsaid}
    for name, file in (("matte", selection.matte), ("picture", selection.picture)):
        if file is not None:
            said[name] = file.model_copy(update={"path": file.path.absolute()})
    return selection.model_copy(update={**said, "media": selection.media.absolute()})


def _previewed(request: documents.Preview, listener: Listener) -> documents.Previewed:
    from soundmatte.report.preview import preview

    selection = request.selection
    if selection.matte is None:
        raise UsageError("There is no matte to show.", hint="Choose one.")
    clip, start, end, into = seen(selection, selection.matte)
    still = request.output.absolute() / f"{clip.stem}_preview_still.png"
    with listener.stage("preview") as progress:
        made = preview(
            clip,
            selection.matte.path,
            request.output,
            invert=selection.matte.invert,
            matte_from=selection.matte.plane,
            start=start,
            end=end,
            matte_start=into,
            still=still,
            progress=progress,
            overwrite=request.overwrite,
        )
    return documents.Previewed(
        sheet=made.sheet.absolute(),
        movie=made.movie.absolute(),
        still=still,
        coverage=made.coverage,
        warnings=made.warnings,
    )


def seen(
    selection: Selection, matte: MatteChoice
) -> tuple[Path, Fraction | None, Fraction | None, Fraction | None]:
    """The file that is seen while the range is heard, from when to when of it, and where its
    matte lies; see `soundmatte.report.preview.preview`.
    """
    from stemmux.probe import probe

    picture = selection.picture
    if picture is None:
        return selection.media, selection.start, selection.end, matte.start
    span = probe(selection.media).span(selection.start, selection.end)
    # A picture may end some part of a frame before its sound.
    last = min(picture.start + span.end, probe(picture.path).duration)
    into = (matte.start or Fraction(0)) - picture.start
    return picture.path, picture.start + span.start, last, into


def _separated(order: Order, listener: Listener, lanes: Lanes) -> Separation:
    from soundmatte.jobs import engines, run

    with terms_refused("Send an order as it was given by estimate."):
        engine = engines.engine_of(order)
    return run.separate(
        order.selection,
        engine,
        order.output,
        listener,
        overwrite=order.overwrite,
        accept_doubtful=order.accept_doubtful,
        lanes=lanes,
    )


@contextmanager
def terms_refused(hint: str = "Correct that setting of the cloud engine.") -> Iterator[None]:
    """Terms that the cloud engine does not have are a refusal, with this way out.

    Raises:
        SettingsRefused: in place of pydantic's error.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsRefused(
            f"Of the engine's terms, {name} cannot be used: {first['msg'].lower()}.",
            hint=hint,
        ) from None


def _jobs(request: documents.Jobs) -> documents.JobList:
    from soundmatte.jobs.journal import Journal

    journal = Journal.open()
    found = journal.jobs(request.most) if request.job is None else [journal.job(request.job)]
    return documents.JobList(jobs=tuple(map(_row, found)))


def _row(job: Job) -> documents.JobRow:
    return documents.JobRow(
        id=job.id,
        state=job.state,
        made=job.made,
        changed=job.changed,
        running=job.running,
        stopped=job.stopped,
        order=job.order,
        usd=float(job.usd),
        failure=job.failure,
        hint=job.hint,
        separation=job.separation,
    )


def _placement(request: documents.PlacementOf, listener: Listener) -> Placement:
    from soundmatte.jobs.journal import Journal
    from soundmatte.jobs.lay import lay

    name = request.job
    job = Journal.open().job(name)
    if job.separation is None:
        raise UsageError(
            f"Job {name} is {job.state}: there is nothing to place yet.",
            hint="Separate it first; its order is in its row of jobs.",
        )
    if request.lay is None:
        if request.output is not None:
            raise UsageError("Without lay nothing is written.", hint="Leave out output.")
        return job.separation.placement
    output = request.output or job.separation.target.parent
    with listener.stage("lay") as progress:
        return lay(job.separation, request.lay, output, progress=progress)
