"""Which clip is meant, which mask, and whether the media files say what is seen and heard there.

Pure: plain values in, plain values out. This module must not ask Resolve anything.
"""

from fractions import Fraction
from typing import Dict, List, NamedTuple, Optional, Sequence

from soundmatte_resolve.media_view import Media
from soundmatte_resolve.paths import same
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.timeline_view import Item, Shot, Timeline, Track

_SELECT = "Select one clip on the timeline, or put the playhead on it."
#: What of a picture makes it look otherwise than its file; other values than these do.
_UNTOUCHED: Dict[str, float] = {
    "Pan": 0,
    "Tilt": 0,
    "ZoomX": 1,
    "ZoomY": 1,
    "RotationAngle": 0,
    "Pitch": 0,
    "Yaw": 0,
    "FlipX": 0,
    "FlipY": 0,
    "CropLeft": 0,
    "CropRight": 0,
    "CropTop": 0,
    "CropBottom": 0,
    "Distortion": 0,
    "Opacity": 100,
}
#: How much the proportions of two pictures may differ, as a share.
_PROPORTIONS = Fraction(1, 100)


class Mask(NamedTuple):
    """Where the mask is: on a track, or a file of the media pool.

    Attributes:
        items: what lies on `track` while the clip does; empty for a file.
    """

    track: Optional[Track]
    items: List[Item]
    path: str


def clip(
    pictures: Sequence[Item],
    selected: Optional[Sequence[str]],
    partners: Sequence[str],
    playhead: str,
    named: Sequence[str],
    frame: Optional[int] = None,
) -> Item:
    """The clip that is meant.

    Args:
        pictures: everything on the video tracks.
        selected: ids of what is selected; None where Resolve cannot say.
        partners: ids of what is linked to that: a sound is selected, its picture is meant.
        playhead: id of what is seen at the playhead.
        named: names of tracks that hold masks.
        frame: at which the playhead is; None where Resolve does not say.

    Raises:
        Refusal: none or several may be meant.
    """
    meant = [item for item in pictures if item.id in (selected or ())]
    if not meant and selected:
        meant = [item for item in pictures if item.id in partners]
        if not meant:
            raise Refusal("What is selected has no picture.", _SELECT)
    meant = meant or [item for item in pictures if playhead and item.id == playhead]
    below = [item for item in meant if not is_named(item.track, named)]
    if meant and not below:
        # The mask lies above its clip, so it is what the playhead shows.
        rest = [item for item in pictures if not is_named(item.track, named)]
        below = [item for item in rest if any(item.overlaps(mask) for mask in meant)]
        if len(below) > 1 and not selected and frame is not None:
            # One mask over a whole scene: of its clips, the one that is seen below it.
            under = [item for item in below if item.start <= frame < item.end]
            below = sorted(under, key=lambda item: item.track.number)[-1:]
    if len(below) == 2 and below[0].overlaps(below[1]) and selected:
        # A clip and its mask are selected, one above the other.
        below = [min(below, key=lambda item: item.track.number)]
    if not below:
        raise Refusal("There is no clip under the playhead.", _SELECT)
    if len(below) > 1:
        names = ", ".join(sorted({item.name for item in below}))
        raise Refusal(f"More than one clip may be meant: {names}.", _SELECT)
    return below[0]


def is_named(track: Track, named: Sequence[str]) -> bool:
    """Whether a track has one of these names, in whatever case, or is called V3 by one."""
    names = [name.strip().lower() for name in named]
    return track.name.strip().lower() in names or f"v{track.number}" in names


def mask(wish: str, named: Sequence[str], clip: Item, pictures: Sequence[Item]) -> Optional[Mask]:
    """The mask of a clip among the video tracks; None: there is none there.

    Args:
        wish: "auto", or a track by its name or as V3.
        pictures: everything on the video tracks.

    Raises:
        Refusal: the track that is wished for is not there, or holds nothing at the clip.
    """
    others = [item for item in pictures if item.track != clip.track and item.overlaps(clip)]
    if wish != "auto":
        # Several tracks may have one name.
        there = sorted({item.track for item in others if is_named(item.track, [wish])})
        if not there:
            known = any(is_named(item.track, [wish]) for item in pictures)
            what = "no clip over this one on" if known else "no track"
            raise Refusal(
                f"There is {what} {wish}.", 'Correct "mask" in the wishes, or say "auto".'
            )
        return Mask(there[0], [item for item in others if item.track == there[0]], "")
    candidates = [item for item in others if is_named(item.track, named)]
    candidates = candidates or [item for item in others if item.track.number > clip.track.number]
    if not candidates:
        return None
    top = max(item.track.number for item in candidates)
    chosen = [item for item in candidates if item.track.number == top]
    return Mask(chosen[0].track, chosen, "")


def why_render(shot: Shot, timeline: Timeline) -> List[str]:
    """Why an item's file does not say what is seen there; empty where it does."""
    media = shot.media
    if media is None or not media.path:
        return [f"there is no file behind {shot.item.name}"]
    reasons = []
    if shot.comps:
        reasons.append("there is a Fusion composition on it")
    if not _plain_speed(shot, media, timeline):
        reasons.append("it does not run at 100 %, or Resolve does not say so")
    elif into(shot, timeline) is None:
        reasons.append("Resolve does not say clearly where in its file it begins")
    return reasons


def is_transformed(shot: Shot) -> bool:
    """Whether the picture is moved, zoomed, turned, cropped or faded on the timeline."""
    for name, usual in _UNTOUCHED.items():
        value = shot.properties.get(name)
        try:
            if value is not None and abs(float(value) - usual) > 1e-6:
                return True
        except (TypeError, ValueError):
            continue
    return False


def fills(media: Media, timeline: Timeline) -> bool:
    """Whether a file's picture has the timeline's proportions; so it is taken where unknown."""
    if media.size is None or not timeline.width or not timeline.height:
        return True
    ratio = Fraction(media.size[0] * timeline.height, media.size[1] * timeline.width)
    return abs(ratio - 1) <= _PROPORTIONS


def why_render_sound(shot: Shot, sounds: Sequence[Shot], timeline: Timeline) -> List[str]:
    """Why a clip's file does not say what is heard with it.

    Args:
        sounds: what is linked to the clip, of audio.
    """
    media, first = shot.media, into(shot, timeline)
    if media is None or first is None:
        return []
    if media.other_sound:
        return ["sound of another file is linked to it"]
    for sound in sounds:
        if sound.media is None or not same(sound.media.path, media.path):
            return ["its sound comes from another file"]
        # The left offset of a sound counts frames of the timeline, whatever the media's are.
        begins = Fraction(sound.left - (sound.item.start - shot.item.start)) / timeline.rate
        frame = max(1 / timeline.rate, 1 / (media.rate or timeline.rate))
        if abs(begins - first) > frame:
            return ["its sound is shifted against its picture"]
    return []


def into(shot: Shot, timeline: Timeline) -> Optional[Fraction]:
    """Seconds from the media's first picture to the item's; None where that is not clear.

    The left offset is exact at 100 %. The source start frame is one too small on some frames, and
    only confirms it. In whose frames the offset counts, where the rates differ, is told by it too.
    """
    media = shot.media
    if media is None:
        return None
    rate = media.rate or timeline.rate
    other = shot.source_start
    if rate == timeline.rate:
        agree = other < 0 or abs(other - shot.left) <= 1
        return shot.left / rate if agree else None
    if shot.left == 0 and other <= 1:
        return Fraction(0)
    if other < 0:
        return None
    frame = max(1 / rate, 1 / timeline.rate)
    near = [
        begin for begin in (shot.left / rate, shot.left / timeline.rate)
        if abs(begin - other / rate) <= frame
    ]  # fmt: skip
    return near[0] if near else None


def _plain_speed(shot: Shot, media: Media, timeline: Timeline) -> bool:
    """Whether the media runs at its own speed, forwards, as far as this Resolve can say."""
    if shot.speed is not None:
        return abs(shot.speed - 100) < 1e-3
    rate = media.rate or timeline.rate
    lasts = shot.item.duration / timeline.rate
    frame = max(1 / rate, 1 / timeline.rate)
    if shot.seconds is not None:
        return abs(Fraction(shot.seconds) - lasts) <= frame * Fraction(101, 100)
    if media.frames is None:
        return False
    # Before there are source times: what is used and what is left over must be all of it.
    return abs(media.frames - shot.left - shot.right - lasts * rate) <= 1


def only(values: Sequence[Item], covering: Item) -> Optional[Item]:
    """The one item that is there as long as another; None where there is no such one."""
    if len(values) == 1 and values[0].start <= covering.start and values[0].end >= covering.end:
        return values[0]
    return None
