"""What of a clip a new file no longer carries, found by reading both.

This module must not know how the new file was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from stemmux.cargo import TEXT, Loss
from stemmux.carry import Carrying
from stemmux.containers import RULES, Fact
from stemmux.contents import Contents, Kind, Stream, speakers
from stemmux.probe import Media

#: Chapters may start this far from where they did: two ticks of the coarsest clock (s).
_SAME_TIME = Fraction(2, 1000)
#: The range in which black is 0, as libav counts ranges.
_FULL = 2
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("video", "picture"),
    ("audio", "sound"),
    ("subtitle", "subtitles"),
)
_COUNTED: tuple[tuple[Kind, Fact], ...] = (
    ("video", "further pictures"),
    ("subtitle", "text subtitles"),
    ("data", "timed data"),
    ("attachment", "attachments"),
)


def losses(carrying: Carrying, found: Media, after: Contents) -> list[Loss]:
    """Everything that a reader finds in the clip, and not or not the same in the new file.

    Args:
        carrying: what was to be carried.
        found, after: the new file, as it was read.
    """
    gone: dict[Fact, list[str]] = {}
    for fact, what in (
        *_of_the_file(carrying, found, after),
        *_of_tracks(carrying, after),
        *_of_stems(carrying, after),
        *_of_layouts(carrying, found),
        *_of_numbers(carrying, after),
    ):
        gone.setdefault(fact, []).append(what)
    return [*carrying.cargo.lost, *(Loss(fact, ", ".join(what)) for fact, what in gone.items())]


def _of_the_file(carrying: Carrying, found: Media, after: Contents) -> Iterator[tuple[Fact, str]]:
    media, before = carrying.media, carrying.held
    for name, value in sorted(before.tags.items()):
        if after.tags.get(name) != value:
            yield "tags", name
    if before.created and after.created != before.created:
        yield "creation time", before.created
    if media.timecode is not None and str(found.timecode) != str(media.timecode):
        yield "timecode", str(media.timecode)
    if not _same_chapters(before, after):
        yield "chapters", str(len(before.chapters))
    if gone := _colours(before.colour, after.colour):
        yield "colour tags", ", ".join(gone)
    if before.mastering and after.mastering != before.mastering:
        yield "mastering display", "of the picture"
    if before.light and after.light != before.light:
        yield "light levels", "/".join(map(str, before.light))
    if media.video is not None and found.picture().rotation != media.video.rotation:
        yield "rotation", f"{media.video.rotation}°"


def _colours(before: Sequence[int], after: Sequence[int]) -> list[str]:
    """What is said of colour in numbers of ITU-T H.273, as far as it is not said any more."""
    words = ("primaries", "transfer", "matrix")
    gone = [
        f"{word} {old}"
        for word, old, new in zip(words, before, after, strict=False)
        if old not in (0, new)
    ]
    # All take a picture to be of limited range that says nothing.
    if (before[3] == _FULL) != (after[3] == _FULL):
        gone.append("full range" if before[3] == _FULL else "limited range")
    return gone


def _same_chapters(before: Contents, after: Contents) -> bool:
    if len(after.chapters) != len(before.chapters):
        return not before.chapters
    return all(
        old.title == new.title and abs(old.start - new.start) <= _SAME_TIME
        for old, new in zip(before.chapters, after.chapters, strict=True)
    )


def _of_tracks(carrying: Carrying, after: Contents) -> Iterator[tuple[Fact, str]]:
    for kind, name in _KINDS:
        pairs = zip(carrying.cargo.of(kind), after.of(kind), strict=False)
        for number, (old, new) in enumerate(pairs, 1):
            called = f"{name} {number}"
            if old.title and new.title != old.title:
                yield "track titles", repr(old.title)
            if old.language and new.language != old.language:
                yield "languages", f"{old.language} of {called}"
            for role in sorted(set(old.roles) - set(new.roles)):
                yield "track roles", f"{role} of {called}"
            if old.default != new.default and _flag_was_kept(carrying, old):
                yield "default track", called
            if kind == "subtitle" and old.codec != new.codec and old.codec in TEXT:
                yield "text subtitles", f"all but the words of {called} ({old.codec})"


def _flag_was_kept(carrying: Carrying, stream: Stream) -> bool:
    """Whether the default flag of a stream should be as it was: it means the same, there and here.

    QuickTime and MP4 files switch a track on by the flag by which Matroska prefers it.
    """
    if stream.kind == "audio" and carrying.default is not None:
        return False
    source = carrying.media.container
    if "default track" not in RULES[carrying.container].keeps:
        # Nothing is lost where all tracks are alike.
        return len({one.default for one in carrying.cargo.of("audio")}) > 1
    if RULES[carrying.container].enables:
        return "mov" in source
    return carrying.container == "mkv" and "matroska" in source


def _of_stems(carrying: Carrying, after: Contents) -> Iterator[tuple[Fact, str]]:
    added = after.of("audio")[len(carrying.cargo.of("audio")) :]
    for stem, stream in zip(carrying.stems, added, strict=False):
        if stream.title != stem.title:
            yield "track titles", repr(stem.title)


def _of_layouts(carrying: Carrying, found: Media) -> Iterator[tuple[Fact, str]]:
    before = [
        (f"sound {number}", track.speakers) for number, track in enumerate(carrying.tracks, 1)
    ]
    before += [(repr(stem.title), speakers(stem.path)) for stem in carrying.stems]
    for (called, old), new in zip(before, found.audio, strict=False):
        # Of mono and stereo nothing is lost, nor where no places were named.
        if len(old) > 2 and "NONE" not in old and new.speakers != old:
            yield "channel layouts", f"{' '.join(old)} of {called}, read as {new.layout}"


def _of_numbers(carrying: Carrying, after: Contents) -> Iterator[tuple[Fact, str]]:
    for kind, fact in _COUNTED:
        count, left = len(carrying.cargo.of(kind)), len(after.of(kind))
        if left < count:
            yield fact, f"{count - left} of {count}"
    if len(after.covers) < len(carrying.cargo.covers):
        yield "cover", "it cannot be read"
