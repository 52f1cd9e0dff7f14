"""A stretch of the timeline as a file, by the Deliver page: what is seen, and what is heard.

Everything that is switched for it goes through `Changes`, and is put back by who made those. This
module must not know what the files are for.
"""

import glob
import os
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from soundmatte_resolve import timeline_view
from soundmatte_resolve.arithmetic import render_size
from soundmatte_resolve.changes import Changes
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.say import Teller
from soundmatte_resolve.timeline_view import AUDIO, VIDEO, Timeline, Track

#: Ids of codecs, without their signs and in small letters, best first: every frame by itself, no
#: more than is needed, and there on Linux too. H.264 is not there in the free edition on Linux.
_CODECS = (
    "dnxhrsq",
    "dnxhrlb",
    "prores422lt",
    "prores422p",
    "prores422proxy",
    "prores422",
    "dnxhrhq",
    "prores422hq",
    "dnxhrhqx",
    "h264",
)
#: Presets that Resolve brings: what they hold is known, what the page holds is not.
_PRESETS = ("DNxHR HQ", "ProRes 422 HQ", "H.264 Master", "H.265 Master", "YouTube 1080p")
_LOOK_EVERY = 0.5
#: Seconds for a file to appear once its render is complete.
_APPEARS = 5.0
_WAITING = ("Ready", "Ready for background render", "")


class Limits(NamedTuple):
    """Seconds that a render may take to begin, and in which it must get on."""

    start: float
    still: float


class Stretch(NamedTuple):
    """Absolute frames of the timeline, and a file for them.

    Attributes:
        name: of the file, without its ending; nothing else in the folder begins so.
        sound: what is heard goes into it too.
    """

    start: int
    frames: int
    folder: str
    name: str
    sound: bool


def show_only(changes: Changes, wanted: Callable[[Track], Optional[bool]]) -> None:
    """Switch tracks on and off.

    Args:
        wanted: what a track is to be; None leaves it.
    """
    for kind in (VIDEO, AUDIO):
        for track in timeline_view.tracks(changes.timeline, kind):
            on = wanted(track)
            if on is not None:
                changes.track(track, on)


def prepare(changes: Changes, name: str, teller: Teller) -> str:
    """Open the Deliver page with settings that are known; its own are kept as a preset.

    Args:
        name: for that preset.

    Returns:
        The id of the codec to render with.

    Raises:
        Refusal: a render is under way, or there is no format that could be used.
    """
    project = changes.session.project
    if project.IsRenderingInProgress():
        raise Refusal("Resolve is rendering.", "Wait for it, and try again.")
    codec = codec_of(project)
    # Settings and presets have no effect, and say nothing, unless this page is open.
    changes.page("deliver")
    changes.render_settings(name)
    told = project.GetRenderPresetList() or []
    there = [str(one.get("PresetName") if isinstance(one, dict) else one) for one in told]
    known = next((preset for preset in _PRESETS if preset in there), None)
    if name not in there:
        # Only what was kept can be put back.
        teller.say(
            "Resolve does not keep the settings of its Deliver page as a preset: look at them "
            "before you render anything else."
        )
    elif known is not None:
        project.LoadRenderPreset(known)
    return codec


def codec_of(project: Any) -> str:
    """The id of the codec for pictures in QuickTime; descriptions of them change between versions.

    Raises:
        Refusal: this Resolve can write none of those that are known.
    """
    formats = project.GetRenderFormats() or {}
    told = (project.GetRenderCodecs("mov") or {}) if "mov" in formats.values() else {}
    known = {"".join(c for c in str(name).lower() if c.isalnum()): name for name in told.values()}
    for name in _CODECS:
        if name in known:
            return str(known[name])
    raise Refusal(
        "This Resolve writes QuickTime with none of the codecs that are known here.",
        "It offers: {}.".format(", ".join(sorted(map(str, told))) or "nothing"),
    )


def render(
    changes: Changes,
    timeline: Timeline,
    stretch: Stretch,
    codec: str,
    limits: Limits,
    teller: Teller,
    stop: Callable[[], None],
) -> str:
    """Render a stretch with what is switched on; the path of the file.

    Args:
        stop: raises where the person wants it to end.

    Raises:
        Refusal: Resolve does not do it; the job, which may be under way, is left to the changes.
    """
    project = changes.session.project
    if project.IsRenderingInProgress():
        raise Refusal("Resolve is rendering.", "Wait for it, and try again.")
    # Single clip: individual clips have names of their own, and show every track.
    project.SetCurrentRenderMode(1)
    if project.SetCurrentRenderFormatAndCodec("mov", codec) is False:
        raise Refusal(f"Resolve does not take QuickTime with {codec}.", _AGAIN)
    _set_up(project, settings(timeline, stretch))
    # It is the current timeline that is rendered, whatever the tracks were switched on.
    changes.here()
    job = changes.render_job(stretch.name, stretch.folder)
    job["id"] = str(project.AddRenderJob() or "")
    if not job["id"]:
        raise Refusal("Resolve takes no render job.", _AGAIN)
    if not project.StartRendering([job["id"]], False):
        raise Refusal("Resolve does not start to render.", _AGAIN)
    _wait(project, job["id"], limits, teller, stop)
    return _file(stretch)


_AGAIN = "Look at its Deliver page, close every dialog, and try again."


def settings(timeline: Timeline, stretch: Stretch) -> Dict[str, Any]:
    """What is asked of the Deliver page. Marks are absolute here, and the last frame is in."""
    wanted: Dict[str, Any] = {
        "SelectAllFrames": False,
        "MarkIn": stretch.start,
        "MarkOut": stretch.start + stretch.frames - 1,
        "TargetDir": os.path.normpath(stretch.folder),
        "CustomName": stretch.name,
        "ExportVideo": True,
        "ExportAudio": stretch.sound,
        "FrameRate": timeline.told_rate,
    }
    if timeline.width and timeline.height:
        width, height = render_size(timeline.width, timeline.height)
        wanted.update(FormatWidth=width, FormatHeight=height)
    if stretch.sound:
        # AAC is not there on Linux, and would not be what is heard.
        wanted.update(AudioCodec="lpcm", AudioBitDepth=24, AudioSampleRate=48000)
    return wanted


def _set_up(project: Any, wanted: Dict[str, Any]) -> None:
    if project.SetRenderSettings(wanted):
        return
    # Linear PCM is QuickTime's own, should it have another name here.
    rest = {name: value for name, value in wanted.items() if name != "AudioCodec"}
    if not project.SetRenderSettings(rest):
        raise Refusal("Resolve does not take the settings of the render.", _AGAIN)


def _wait(project: Any, job: str, limits: Limits, teller: Teller, stop: Callable[[], None]) -> None:
    """Wait for a job's end. The render engine may never begin, until Resolve is started again."""
    began, share = time.monotonic(), -1.0
    while True:
        stop()
        told = project.GetRenderJobStatus(job)
        status = told if isinstance(told, dict) else {}
        state = str(status.get("JobStatus") or "")
        now = time.monotonic()
        if state == "Complete":
            teller.progress("rendering", 1.0)
            return
        if state in ("Failed", "Cancelled"):
            why = status.get("Error")
            raise Refusal("The render was not done{}.".format(f": {why}" if why else ""), _AGAIN)
        done = float(status.get("CompletionPercentage") or 0)
        if state not in _WAITING and done != share:
            began, share = now, done
            teller.progress("rendering", done / 100)
        if now - began > (limits.start if share < 0 else limits.still):
            what = "begin" if share < 0 else "get on with"
            raise Refusal(f"Resolve does not {what} the render.", "Start Resolve again.")
        time.sleep(_LOOK_EVERY)


def _file(stretch: Stretch) -> str:
    """The file that was rendered. Resolve may add to the name, or have written none at all."""
    pattern = os.path.join(glob.escape(stretch.folder), glob.escape(stretch.name) + "*")
    deadline = time.monotonic() + _APPEARS
    while True:
        found = [path for path in glob.glob(pattern) if os.path.getsize(path) > 0]
        if found:
            return max(found, key=os.path.getmtime)
        if time.monotonic() > deadline:
            raise Refusal("Resolve says that the render is complete, but there is no file.", _AGAIN)
        time.sleep(0.1)


def heard(sounds: Sequence[timeline_view.Item]) -> List[int]:
    """The audio tracks that these items are on."""
    return sorted({item.track.number for item in sounds})
