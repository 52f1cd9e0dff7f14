"""How loud a sound is, by EBU R 128: integrated, range, true peak, and the loudest moments.

Measured and reported; no level is ever changed. ffmpeg's `ebur128` filter does the arithmetic
(ITU-R BS.1770, EBU Tech 3341 and 3342); it hears the file once, in constant memory. This module
must not know what the sound is of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from stemmux.errors import FfmpegFailed, MediaError
from stemmux.ffmpeg import address, guarded, run_graph
from stemmux.files import scratch

if TYPE_CHECKING:
    import ffmpeg as graph

    from stemmux.ffmpeg import Progress

#: At or below this the gate of BS.1770 let nothing through (LUFS).
_GATE = -70.0
#: At or below this the filter saw silence (LUFS).
_SILENCE = -120.0
_TRUE_PEAK = re.compile(r"True peak:\s+Peak:\s+(-?[\d.]+|-?inf|-?nan) dBFS")
_VALUE = re.compile(r"lavfi\.r128\.(M|S|I|LRA)=(\S+)")
_DAMAGE = re.compile(r"Number of (?:NaNs|Infs): (\S+)")


@dataclass(frozen=True)
class Loudness:
    """What was measured; -inf is silence, or a sound too short or too quiet to be heard.

    Attributes:
        integrated_lufs: of the whole, gated (LUFS).
        range_lu: loudness range (LU); 0 where nothing passed the gate.
        true_peak_dbtp: highest level between the samples (dB of full scale), to a tenth.
        max_momentary_lufs, max_short_term_lufs: loudest 400 ms and 3 s (LUFS).
    """

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    max_momentary_lufs: float
    max_short_term_lufs: float

    def as_values(self) -> dict[str, float | None]:
        """For JSON, which has no infinities: None is silence."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


def measure(path: Path, *, track: int = 1, progress: Progress | None = None) -> Loudness:
    """The loudness of a sound file, or of an audio track (counted from 1) of a movie.

    Channels are weighted by the speakers that the file names; where it names none for more than
    two channels, all weigh the same. One channel is one speaker (not two with the same sound).

    Raises:
        UnreadableMedia: it is no media file.
        NoAudio: it has no such track.
        MediaError: it has samples that are no numbers.
    """
    from stemmux.probe import probe

    media = probe(path)
    heard = media.track(track)
    named = heard.channels <= 2 or "NONE" not in heard.speakers
    return _measured([_source(path, named)[str(heard.index)]], media.duration, progress)[0]


def measure_waves(paths: Sequence[Path], progress: Progress | None = None) -> list[Loudness]:
    """The loudness of each of some WAV files, heard side by side in one run; see `measure`.

    Raises:
        UnreadableMedia: one is no WAV file.
        MediaError: one has samples that are no numbers.
    """
    from stemmux.bwf import wave_format
    from stemmux.contents import speakers

    sources, longest = [], Fraction(0)
    for path in paths:
        form, frames = wave_format(path)
        named = form.channels <= 2 or "NONE" not in speakers(path)
        sources.append(_source(path, named))
        longest = max(longest, Fraction(frames, form.rate))
    return _measured(sources, longest, progress)


def _source(path: Path, named: bool) -> graph.nodes.FilterableStream:
    # ffmpeg would take six nameless channels for 5.1 and not hear the fourth.
    return guarded(path) if named else guarded(path, guess_layout_max=2)


def _measured(
    sounds: Sequence[graph.nodes.FilterableStream], duration: Fraction, progress: Progress | None
) -> list[Loudness]:
    import ffmpeg as graph

    with ExitStack() as stack:
        outs = [stack.enter_context(scratch(".txt")) for _ in sounds]
        # Not "quiet", which ffmpeg 5 does not know; what is said at "verbose" is not printed.
        measured = [
            sound.filter(f"ebur128@{number}", peak="true", metadata=1, framelog="verbose").filter(
                "ametadata", mode="print", file=address(out)
            )
            for number, (sound, out) in enumerate(zip(sounds, outs, strict=True))
        ]
        said = run_graph(
            # The summary with the true peak is said at the level "info".
            *(
                graph.output(one, "-", format="null", acodec="pcm_f64le", v="info")
                for one in measured
            ),
            limit=300 + float(duration) * len(sounds),
            duration=duration,
            progress=progress,
        )
        found = [_loudness(out, _of(number, said)) for number, out in enumerate(outs)]
    for sound, (_, doubtful) in zip(sounds, found, strict=True):
        if doubtful:
            _check_numbers(sound, 300 + float(duration))
    return [loudness for loudness, _ in found]


def _check_numbers(sound: graph.nodes.FilterableStream, limit: float) -> None:
    """Look for samples that are no numbers.

    Raises:
        MediaError: there are some.
    """
    import ffmpeg as graph

    counted = sound.filter(
        "astats", measure_perchannel="none", measure_overall="Number_of_NaNs+Number_of_Infs"
    )
    said = run_graph(graph.output(counted, "-", format="null", v="info"), limit=limit)
    if any(float(count) for count in _DAMAGE.findall(said)):
        raise MediaError(
            "The sound has samples that are no numbers, so it has no loudness.",
            hint="The file is damaged; has it been conformed?",
        )


def _of(number: int, said: str) -> str:
    """The last words of one of the filters."""
    _, _, summary = said.partition(f"[ebur128@{number} @ ")
    return summary.partition("[ebur128@")[0]


def _loudness(values: Path, said: str) -> tuple[Loudness, bool]:
    """From what the filter noted every 100 ms, and from its last words.

    The noted peak is too coarse, and the last words know no loudest moments.

    Returns:
        The loudness, and whether a value was no number: samples may be none, or silence follows a
        sound, whose power the filter takes away again and is left with a little less than nothing.
    """
    last = {"I": -math.inf, "LRA": 0.0}
    loudest = {"M": -math.inf, "S": -math.inf}
    doubtful = False
    if values.exists():
        with values.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                match = _VALUE.match(line)
                if match is None:
                    continue
                name, value = match[1], float(match[2])
                if math.isnan(value):
                    doubtful = True
                elif name in last:
                    last[name] = value
                elif value > loudest[name]:
                    loudest[name] = value
    peaks = _TRUE_PEAK.findall(said)
    if not peaks:
        raise FfmpegFailed("ffmpeg did not say how loud the sound is.", hint="Is it a whole one?")
    nothing = not last["I"] > _GATE
    loudness = Loudness(
        -math.inf if nothing else last["I"],
        0.0 if nothing else last["LRA"],
        float(peaks[-1]),
        _heard(loudest["M"]),
        _heard(loudest["S"]),
    )
    return loudness, doubtful


def _heard(level: float) -> float:
    return level if level > _SILENCE else -math.inf
