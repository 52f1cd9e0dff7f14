"""DTLN in numpy: mono sound at 16 kHz of any length in, its speech out, in flat memory.

Two nets of two recurrent layers each (Westhausen and Meyer, "Dual-Signal Transformation LSTM
Network for Real-Time Noise Suppression", Interspeech 2020). Their ONNX files take one 8 ms frame
at a run, most of which goes into starting the run; so the weights are read out of the files and
everything but the recurrence is done for many frames at once. That is the same arithmetic.

This module must not know where the weights come from, nor levels, rates and channel rules:
those are `weights` and `speech`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 16_000
HOP = 128  # 8 ms
FRAME = 4 * HOP
UNITS = 128  # of each recurrent layer

# Field numbers of the ONNX format (onnx.proto: ModelProto, GraphProto, TensorProto).
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _FLOATS, _NAME, _RAW = 1, 2, 4, 8, 9
_FLOAT32 = 1


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The integer at `at`, seven bits a byte, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one protocol buffer message: number and value."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        else:
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size


def initializers(model: bytes) -> dict[str, Samples]:
    """The 32-bit float weights of an ONNX file, by name."""
    weights = {}
    graphs = (value for number, value in _fields(memoryview(model)) if number == _GRAPH)
    for graph in graphs:
        assert isinstance(graph, memoryview)
        for number, tensor in _fields(graph):
            if number == _INITIALIZER and isinstance(tensor, memoryview):
                name, array = _tensor(tensor)
                if array is not None:
                    weights[name] = array
    return weights


def _tensor(message: memoryview) -> tuple[str, Samples | None]:
    shape: list[int] = []
    kind, name, raw = 0, "", b""
    for number, value in _fields(message):
        if number == _DIMS and isinstance(value, int):
            shape.append(value)
        elif number == _TYPE and isinstance(value, int):
            kind = value
        elif number == _NAME and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == _RAW and isinstance(value, memoryview):
            raw = bytes(value)
        elif number == _FLOATS:
            raw += bytes(value) if isinstance(value, memoryview) else struct.pack("<f", value)
    if kind != _FLOAT32:
        return name, None
    return name, np.frombuffer(raw, "<f4").astype(np.float32).reshape(shape)


class _Recurrent:
    """One LSTM layer of 128 units."""

    def __init__(self, kernel: Samples, recurrent: Samples, bias: Samples, gates: str) -> None:
        """Take the weights [inputs, 512], [128, 512] and [512].

        Args:
            kernel, recurrent, bias: as stored.
            gates: the order in which they are stored: i(nput), f(orget), o(utput), c(ell).
        """
        order = np.concatenate([np.arange(UNITS) + UNITS * gates.index(gate) for gate in "ifoc"])
        # sigmoid(z) = 0.5 + 0.5 tanh(z / 2): with the halves in the weights of the three gates,
        # one call of tanh serves all four.
        half = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), UNITS)
        self._kernel = np.ascontiguousarray(kernel[:, order] * half)
        # In eight pieces, each too small for BLAS to spread over threads, whose waiting for one
        # another at every frame costs more than they save on a busy computer.
        pieces = np.split(recurrent[:, order] * half, 8, axis=1)
        self._recurrent = np.stack(pieces)
        self._bias = bias[order] * half

    def run(self, rows: Samples, state: Samples) -> Samples:
        """The layer's output [frames, 128] for `rows`; `state` [2, 128] is carried on in place."""
        driven = rows @ self._kernel + self._bias
        out = np.empty((len(rows), UNITS), np.float32)
        hidden, cell = state[0].copy(), state[1]
        recurrent, step = self._recurrent, np.empty(4 * UNITS, np.float32)
        pieces = step.reshape(len(recurrent), -1)
        gates, wish = step[: 3 * UNITS], step[3 * UNITS :]
        take, keep, show = np.split(gates, 3)
        squashed = np.empty(UNITS, np.float32)
        for row, shown in zip(driven, out, strict=True):
            np.matmul(hidden, recurrent, out=pieces)
            np.add(step, row, out=step)
            np.tanh(step, out=step)
            np.multiply(gates, 0.5, out=gates)
            np.add(gates, 0.5, out=gates)
            np.multiply(cell, keep, out=cell)
            np.multiply(wish, take, out=wish)
            np.add(cell, wish, out=cell)
            np.tanh(cell, out=squashed)
            hidden = np.multiply(squashed, show, out=shown)
        state[0] = hidden
        return out


def _sigmoid(values: Samples) -> Samples:
    squashed: Samples = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * values))
    return squashed


class Dtln:
    """Both nets' weights."""

    def __init__(self, model_1: bytes, model_2: bytes) -> None:
        """Read the weights out of the two ONNX files, already known to be the right ones."""
        first, second = initializers(model_1), initializers(model_2)
        self.spectral = tuple(
            _Recurrent(
                first[f"{layer}_W"][0].T,
                first[f"{layer}_R"][0].T,
                first[f"{layer}_B"][0].reshape(2, -1).sum(axis=0),
                gates="iofc",
            )
            for layer in ("lstm_4", "lstm_5")
        )
        self.mask_kernel = first["dense_2/kernel:0"]
        self.mask_bias = first["dense_2/bias:0"]
        stored = "model_2/{}/ReadVariableOp/resource:0"
        self.temporal = tuple(
            _Recurrent(
                second[stored.format(f"{layer}/MatMul")],
                second[stored.format(f"{layer}/MatMul_1")],
                second[stored.format(f"{layer}/BiasAdd")],
                gates="ifco",
            )
            for layer in ("lstm_6", "lstm_7")
        )
        self.encoder = np.ascontiguousarray(second["conv1d_2/kernel:0"][:, :, 0].T)
        self.decoder = np.ascontiguousarray(second["conv1d_3/kernel:0"][:, :, 0].T)
        norm = "model_2/instant_layer_normalization_1/"
        self.norm_gain = second[f"{norm}mul/ReadVariableOp/resource:0"]
        self.norm_shift = second[f"{norm}add_1/ReadVariableOp/resource:0"]
        self.norm_floor = second[f"{norm}add/y:0"]
        self.feature_kernel = second["model_2/dense_3/Tensordot/Reshape_1:0"]
        self.feature_bias = second[stored.format("dense_3/BiasAdd")]


class DtlnStream:
    """One stretch of sound on its way through the nets: same count of samples, no delay."""

    def __init__(self, nets: Dtln) -> None:
        """Start with silence behind the first sample."""
        self._nets = nets
        # The first frame ends with the first hop of the sound, as where the nets run live.
        self._waiting = np.zeros(FRAME - HOP, np.float32)
        self._states = np.zeros((4, 2, UNITS), np.float32)
        self._tail = np.zeros(FRAME - HOP, np.float32)
        self._taken = 0
        self._given = HOP - FRAME  # less what lies before the first sample

    def push(self, samples: Samples) -> Samples:
        """Take the next samples [frames]; return those that are ready."""
        self._taken += len(samples)
        return self._advance(samples)

    def finish(self) -> Samples:
        """Return all that is left; nothing can be pushed afterwards."""
        rest = self._advance(np.zeros(FRAME, np.float32))
        return rest[: len(rest) - (self._given - self._taken)]

    def _advance(self, samples: Samples) -> Samples:
        sound = np.concatenate([self._waiting, samples])
        frames = max(0, (len(sound) - FRAME) // HOP + 1)
        self._waiting = sound[frames * HOP :]
        if frames == 0:
            return sound[:0]
        pieces = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP][:frames]
        clean = self._temporal(self._spectral(pieces))
        out = np.zeros((frames + 3) * HOP, np.float32)
        out[: FRAME - HOP] = self._tail
        for part in range(4):  # the frames overlap by three quarters
            piece = clean[:, part * HOP : (part + 1) * HOP].ravel()
            out[part * HOP : part * HOP + len(piece)] += piece
        self._tail = out[frames * HOP :].copy()
        early = max(0, min(frames * HOP, -self._given))
        self._given += frames * HOP
        return out[early : frames * HOP]

    def _spectral(self, pieces: Samples) -> Samples:
        nets = self._nets
        spectrum = np.fft.rfft(pieces, axis=1)
        rows = np.abs(spectrum)
        for layer, state in zip(nets.spectral, self._states[:2], strict=True):
            rows = layer.run(rows, state)
        mask = _sigmoid(rows @ nets.mask_kernel + nets.mask_bias)
        return np.fft.irfft(spectrum * mask, FRAME, axis=1).astype(np.float32, copy=False)

    def _temporal(self, pieces: Samples) -> Samples:
        nets = self._nets
        encoded = pieces @ nets.encoder
        centred = encoded - encoded.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + nets.norm_floor)
        rows = centred / spread * nets.norm_gain + nets.norm_shift
        for layer, state in zip(nets.temporal, self._states[2:], strict=True):
            rows = layer.run(rows, state)
        mask = _sigmoid(rows @ nets.feature_kernel + nets.feature_bias)
        decoded: Samples = ((encoded * mask) @ nets.decoder).astype(np.float32, copy=False)
        return decoded
