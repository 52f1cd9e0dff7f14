"""ONNX Runtime, loaded on first use: how many threads it gets, and how it is kept quiet.

It must not know which model it runs, nor where the model's bytes were found.
"""

from __future__ import annotations

import os
from typing import Any

from soundmatte.errors import ExtraMissing

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


def open_net(model: bytes, threads: int) -> Any:
    """Open one ONNX graph (`onnxruntime.InferenceSession`) on the processor.

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
            hint="Reinstall soundmatte under a Python for which `pip install onnxruntime` works.",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; they also come as exceptions
    # The arena keeps the largest block's memory for ever; every block here asks for the same.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
