"""ONNX Runtime, loaded on first use: how many threads it gets, and how it is kept quiet.

It must not know which model it runs, nor where the model's bytes were found.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundmatte.errors import ExtraMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: More threads than this make the nets' small steps wait for one another, not run faster.
MOST_THREADS = 8


def processors() -> int:
    """The processors that this process may use, which a container may keep below the machine's."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_for(asked: int | None) -> int:
    """The threads of one net: as asked, else one for each processor up to `MOST_THREADS`."""
    return max(1, asked) if asked is not None else min(processors(), MOST_THREADS)


class Net:
    """One ONNX graph, run on the processor."""

    def __init__(self, session: Any, options: Any) -> None:
        """Take an open `onnxruntime.InferenceSession` and the options of each run."""
        self._session, self._options = session, options

    def run(self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs named, in that order."""
        found: list[NDArray[Any]] = self._session.run(outputs, inputs, self._options)
        return found


def open_net(model: bytes, threads: int) -> Net:
    """Open one ONNX graph.

    Args:
        model: the graph, as its file holds it.
        threads: worker threads of one operator.

    Raises:
        ExtraMissing: ONNX Runtime cannot be loaded on this computer.
    """
    try:
        import onnxruntime
    except Exception as error:  # ImportError, but a library that does not fit raises others too
        raise ExtraMissing(
            f"The offline engine needs ONNX Runtime, which cannot be loaded here: {error}",
            hint="Reinstall soundmatte under a Python that onnxruntime has a wheel for.",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; they also come as exceptions
    # The arena takes what it needs piece by piece and gives it back after each run: with
    # DeepFilterNet3 a process of at most 490 MB, against 570 MB without an arena or with its
    # defaults (measured on two minutes of sound).
    options.enable_mem_pattern = False
    each_run = onnxruntime.RunOptions()
    each_run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return Net(session, each_run)
