"""DeepFilterNet3 on ONNX Runtime: 48 kHz sound of any length in, its speech out, in flat memory.

The transform, the features and their constants are those that the net was trained with
(Schroeter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement", 2023,
and its `libdf`). Unlike the original, which runs frame by frame with 30 ms of delay, this runs
the nets over blocks of many frames and so has no delay at all.

This module must not know where the weights come from, nor levels, rates and channel rules:
those are `weights` and `speech`.
"""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from soundmatte.engines.offline.runtime import open_net

Samples = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

RATE = 48_000
HOP = 480  # 10 ms
WINDOW = 2 * HOP
BINS = HOP + 1
BANDS = 32
FILTERED_BINS = 96  # below 4.8 kHz the net filters across frames; above it only sets gains
TAPS = 5
LOOKAHEAD = 2  # frames that the net sees before it decides on one
LEAST_BAND = 2  # bins
NORM_KEEP = 0.99  # of the running means at each hop: exp(-10 ms / 1 s), rounded as libdf rounds
BAND_MEAN_START = np.linspace(-60.0, -90.0, BANDS)  # dB
BIN_MEAN_START = np.linspace(1e-3, 1e-4, FILTERED_BINS)

#: Frames in one run of the nets, and frames before them that are run again so that the nets'
#: memory (recurrent layers, which start empty at each run) has settled: 12 s and 4 s. Against
#: one run over the whole clip that lost 0.02 dB; with 2 s of context it was 0.3 dB.
BLOCK = 1200
CONTEXT = 400


def _band_widths() -> NDArray[np.int64]:
    """The bins in each of the 32 bands, equal on the ERB scale but never below two bins."""
    scale = 24.7 * 9.265  # Glasberg and Moore (1990), as libdf has it
    top = 9.265 * np.log1p(RATE / 2 / scale)
    edges = scale * np.expm1(np.arange(1, BANDS + 1) * top / BANDS / 9.265) / (RATE / WINDOW)
    widths: list[int] = []
    before = borrowed = 0
    for edge in (round(float(edge)) for edge in edges):
        width = edge - before - borrowed
        borrowed = max(0, LEAST_BAND - width)
        widths.append(max(LEAST_BAND, width))
        before = edge
    widths[-1] += BINS - sum(widths)
    return np.array(widths)


def _running_mean(
    rows: NDArray[np.float64], start: NDArray[np.float64], keep: float = NORM_KEEP
) -> NDArray[np.float64]:
    """The exponential mean after each row: mean = keep * mean + (1 - keep) * row.

    Sixty-four rows at a time by one small triangular matrix, instead of a loop over all.
    """
    size = 64
    lag = np.arange(size)[:, None] - np.arange(size)[None, :]
    recent = np.where(lag >= 0, (1 - keep) * keep ** np.maximum(lag, 0), 0.0)
    decay = keep ** np.arange(1, size + 1)[:, None]
    means = np.empty_like(rows)
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        n = len(part)
        means[first : first + n] = recent[:n, :n] @ part + decay[:n] * start
        start = means[first + n - 1]
    return means


def _vorbis_window() -> Samples:
    """The window of both transforms; its squares, half a window apart, add up to one."""
    phase = np.pi * (np.arange(WINDOW) + 0.5) / WINDOW
    return np.sin(0.5 * np.pi * np.sin(phase) ** 2).astype(np.float32)


_WIDTHS = _band_widths()
_BAND_STARTS = np.concatenate([[0], np.cumsum(_WIDTHS)[:-1]])
_VORBIS = _vorbis_window()


class DeepFilterNet3:
    """The three nets: an encoder, the gains of the bands, the filter taps of the low bins."""

    def __init__(self, archive: bytes, threads: int) -> None:
        """Open the nets.

        Args:
            archive: `DeepFilterNet3_onnx.tar.gz`, already known to be the right file.
            threads: more than one lets the two decoders run side by side.
        """
        nets = {}
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for name in ("enc", "erb_dec", "df_dec"):
                member = tar.extractfile(f"tmp/export/{name}.onnx")
                assert member is not None  # the archive's hash is the right one
                nets[name] = open_net(member.read())
        self._encoder, self._gains, self._taps = nets["enc"], nets["erb_dec"], nets["df_dec"]
        self._beside = ThreadPoolExecutor(1) if threads > 1 else None

    def decide(self, bands: Samples, bins: Spectrum, context: int) -> tuple[Samples, Spectrum]:
        """Gains and taps for every frame but the first `context` ones.

        Args:
            bands: normalised band levels [frames, 32].
            bins: normalised low bins [frames, 96].
            context: frames at the beginning that only let the nets settle.

        Returns:
            Gains [frames, 481] and taps [5, frames, 96].
        """
        low = np.stack([bins.real, bins.imag])[None]
        e0, e1, e2, e3, embedding, c0 = self._encoder.run(
            ["e0", "e1", "e2", "e3", "emb", "c0"],
            {"feat_erb": bands[None, None], "feat_spec": low},
        )
        for_gains = {"emb": embedding, "e3": e3, "e2": e2, "e1": e1, "e0": e0}
        for_taps = {"emb": embedding, "c0": c0}
        if self._beside is None:
            (gains,) = self._gains.run(["m"], for_gains)
            (taps,) = self._taps.run(["coefs"], for_taps)
        else:
            running = self._beside.submit(self._gains.run, ["m"], for_gains)
            (taps,) = self._taps.run(["coefs"], for_taps)
            (gains,) = running.result()
        band_gains: Samples = gains.numpy()[0, 0, context:]
        pairs: Samples = taps.numpy().reshape(-1, FILTERED_BINS, TAPS, 2)[context:]
        complex_taps = np.ascontiguousarray(pairs).view(np.complex64)[..., 0]
        return np.repeat(band_gains, _WIDTHS, axis=1), complex_taps.transpose(2, 0, 1)


class DeepFilterStream:
    """One stretch of sound on its way through the nets.

    The gains and taps are found once, from the mean of the channels, and applied to each of
    them. What comes out has the samples that went in: same count, no delay. How the sound is
    cut into pieces changes nothing, since the nets run on a grid of their own.
    """

    def __init__(self, nets: DeepFilterNet3, channels: int) -> None:
        """Start with silence behind the first sample."""
        self._nets = nets
        self._waiting = [np.zeros((HOP, channels), np.float32)]  # frame 0 begins one hop early
        self._held = HOP  # samples in `_waiting`
        self._taken = 0  # samples that went in
        self._given = -HOP  # samples that came out, less the half frame before the first
        self._frame = 0  # the next frame to decide on
        self._spectrum = np.zeros((channels, TAPS - 1 - LOOKAHEAD, BINS), np.complex64)
        self._bands = np.zeros((0, BANDS), np.float32)
        self._bins = np.zeros((0, FILTERED_BINS), np.complex64)
        self._heard = 0  # frames transformed so far
        self._band_mean, self._bin_mean = BAND_MEAN_START, BIN_MEAN_START
        self._tail = np.zeros((channels, HOP), np.float32)  # second half of the last frame out

    def push(self, samples: Samples) -> Samples:
        """Take the next samples [frames, channels]; return those that are ready."""
        self._waiting.append(samples)
        self._held += len(samples)
        self._taken += len(samples)
        ready = [np.zeros((0, samples.shape[1]), np.float32)]
        while True:
            missing = self._frame + BLOCK + LOOKAHEAD - self._heard
            if self._held < (missing + 1) * HOP:
                return np.concatenate(ready)
            self._transform(missing)
            ready.append(self._run(self._frame + BLOCK))

    def finish(self) -> Samples:
        """Return all that is left; nothing can be pushed afterwards."""
        frames = -(-self._taken // HOP) + 1
        channels = self._tail.shape[0]
        short = (frames - self._heard + 1) * HOP - self._held
        self._waiting.append(np.zeros((max(0, short), channels), np.float32))
        self._held += max(0, short)
        self._transform(frames - self._heard)
        beyond = np.zeros((channels, LOOKAHEAD, BINS), np.complex64)
        self._spectrum = np.concatenate([self._spectrum, beyond], axis=1)
        self._bands = np.pad(self._bands, ((0, LOOKAHEAD), (0, 0)))
        self._bins = np.pad(self._bins, ((0, LOOKAHEAD), (0, 0)))
        out = [np.zeros((0, channels), np.float32)]
        while self._frame < frames:
            out.append(self._run(min(frames, self._frame + BLOCK)))
        rest = np.concatenate(out)
        return rest[: len(rest) - (self._given - self._taken)]

    def _transform(self, frames: int) -> None:
        """Take `frames` more frames from the waiting samples into spectrum and features."""
        if frames <= 0:
            return
        samples = np.concatenate(self._waiting)
        self._waiting = [samples[frames * HOP :]]
        self._held = len(self._waiting[0])
        pieces = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=0)[::HOP][:frames]
        spectrum = np.fft.rfft(pieces.transpose(1, 0, 2) * _VORBIS, axis=2)
        self._spectrum = np.concatenate([self._spectrum, spectrum], axis=1)
        self._features(spectrum.mean(axis=0) / WINDOW)  # libdf's scale for half-window hops
        self._heard += frames

    def _features(self, spectrum: Spectrum) -> None:
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float64)
        levels = 10 * np.log10(np.add.reduceat(power, _BAND_STARTS, axis=1) / _WIDTHS + 1e-10)
        means = _running_mean(levels, self._band_mean)
        low = spectrum[:, :FILTERED_BINS]
        sizes = _running_mean(np.sqrt(power[:, :FILTERED_BINS]), self._bin_mean)
        self._band_mean, self._bin_mean = means[-1], sizes[-1]
        bands = ((levels - means) / 40).astype(np.float32)
        bins = (low / np.sqrt(sizes)).astype(np.complex64)
        if self._heard == 0:  # the nets are given frame n + 2 when they decide on frame n
            bands, bins = bands[LOOKAHEAD:], bins[LOOKAHEAD:]
        self._bands = np.concatenate([self._bands, bands])
        self._bins = np.concatenate([self._bins, bins])

    def _run(self, end: int) -> Samples:
        """Decide on the frames up to `end`, and make samples of them."""
        count = end - self._frame
        context = min(self._frame, CONTEXT)
        reach = TAPS - 1 - LOOKAHEAD
        clean = self._spectrum[:, reach : reach + count].copy()
        low = self._spectrum[:, : count + TAPS - 1, :FILTERED_BINS]
        if clean.any() or low.any():  # else there is nothing that gains or taps could change
            gains, taps = self._nets.decide(
                self._bands[: context + count], self._bins[: context + count], context
            )
            clean *= gains
            clean[:, :, :FILTERED_BINS] = low[:, :count] * taps[0]
            for tap in range(1, TAPS):
                clean[:, :, :FILTERED_BINS] += low[:, tap : tap + count] * taps[tap]
        forget = max(0, context + count - CONTEXT)
        self._bands, self._bins = self._bands[forget:], self._bins[forget:]
        self._spectrum = self._spectrum[:, count:]
        self._frame = end
        return self._samples(clean)

    def _samples(self, spectrum: Spectrum) -> Samples:
        pieces = np.fft.irfft(spectrum, WINDOW, axis=2).astype(np.float32, copy=False) * _VORBIS
        pieces[:, 0, :HOP] += self._tail
        pieces[:, 1:, :HOP] += pieces[:, :-1, HOP:]
        self._tail = pieces[:, -1, HOP:].copy()
        samples = pieces[:, :, :HOP].reshape(len(pieces), -1).T
        early = max(0, min(len(samples), -self._given))
        self._given += len(samples)
        return samples[early:]
