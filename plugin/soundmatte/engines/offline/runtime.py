"""ONNX Runtime, loaded on first use, kept quiet and kept small.

It must not know which model it runs, nor where the model's bytes were found.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soundmatte.errors import ExtraMissing


def processors() -> int:
    """The processors that this process may use, which a container may keep below the machine's."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Net:
    """One ONNX graph, run on the processor."""

    def __init__(self, session: Any) -> None:
        """Take an open `onnxruntime.InferenceSession`."""
        self._session = session

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs named, in that order, where ONNX Runtime has them (`onnxruntime.OrtValue`).

        They can be another net's inputs without being copied; `numpy()` makes arrays of them.

        Args:
            outputs: their names.
            inputs: by name; arrays, or outputs of another net.
        """
        from onnxruntime import OrtValue

        values = {
            name: value
            if isinstance(value, OrtValue)
            else OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value))
            for name, value in inputs.items()
        }
        found: list[Any] = self._session.run_with_ort_values(outputs, values)
        return found


def open_net(model: bytes) -> Net:
    """Open one ONNX graph.

    Args:
        model: the graph, as its file holds it.

    Raises:
        ExtraMissing: ONNX Runtime cannot be loaded on this computer.
    """
    # Its published wheels report how they are used; nothing here reports anything.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except Exception as error:  # ImportError, but a library that does not fit raises others too
        raise ExtraMissing(
            f"The offline engine needs ONNX Runtime, which cannot be loaded here: {error}",
            hint="Reinstall soundmatte under a Python that onnxruntime has a wheel for.",
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only; they also come as exceptions
    # One thread: the recurrent layers gain nothing from a second (16 s of sound: 0.48 s with one,
    # no less with two), which would only spin while it waits (0.4 s of processor time against
    # 1.0 s). What can run at the same time are whole nets.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Memory is taken as it is needed, not in one piece planned from the first run, and tensors
    # are not laid out anew for the convolutions, which saves no time here. Each takes 70 MB off
    # the peak of a whole process.
    options.enable_mem_pattern = False
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return Net(onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]))
