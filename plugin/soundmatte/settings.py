"""The settings: one small TOML file, the environment, and where each value came from.

Every setting has a default that works. The file lies in the person's configuration folder; an
environment variable `SOUNDMATTE_<SECTION>_<NAME>` goes before it. This module must not know what
the settings are used for.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from soundmatte.documents import BitsChoice, ContainerChoice, DefaultChoice
from soundmatte.errors import SettingsRefused
from stemmux.conform import Style

_APP = "soundmatte"
#: Names another settings file.
FILE_VARIABLE = "SOUNDMATTE_CONFIG"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Output(_Section):
    """What is written; see `Selection`."""

    container: ContainerChoice = "auto"
    replace_audio: bool = False
    default: DefaultChoice = "auto"
    style: Style = "original"
    bits: BitsChoice = "auto"

    @field_validator("bits", mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


class Offline(_Section):
    """The offline engine. `models`: which to use; empty takes all that are there."""

    models: tuple[str, ...] = ()
    dfn3: Path | None = None
    dtln: Path | None = None

    @field_validator("models", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @property
    def given(self) -> dict[str, Path]:
        """Weights named by hand, by model."""
        return {n: p for n, p in (("dfn3", self.dfn3), ("dtln", self.dtln)) if p is not None}


class Use(_Section):
    """`use`: the engine; auto is the cloud if a key or a server is set, else offline."""

    use: Literal["auto", "cloud", "offline"] = "auto"


class Cloud(_Section):
    """The cloud engine, and the API's own options; money in USD, times in seconds."""

    server: str = ""
    candidates: int = Field(default=1, ge=1, le=4)
    acceleration: Literal["fast", "balanced", "quality"] = "balanced"
    output_format: Literal["wav", "mp3"] = "wav"
    max_chunk_duration: float | None = Field(default=None, gt=0)
    chunk_overlap: float | None = Field(default=None, ge=0)
    predict_spans: bool = False
    use_sound_activity_ranking: bool = False
    max_cost: Decimal | None = Field(default=None, ge=0)
    monthly_limit: Decimal | None = Field(default=None, ge=0)
    paid_retries: int = Field(default=0, ge=0, le=5)


class Cache(_Section):
    """What engines made and is kept. `limit_gb`: of all of it together."""

    limit_gb: float = Field(default=20.0, ge=0, allow_inf_nan=False)

    @property
    def limit(self) -> int:
        """The same in bytes."""
        return round(self.limit_gb * 1e9)


class Settings(_Section):
    """Everything that can be set."""

    engine: Use = Use()
    cloud: Cloud = Cloud()
    output: Output = Output()
    offline: Offline = Offline()
    cache: Cache = Cache()


@dataclass(frozen=True)
class Loaded:
    """The settings in force, and for each dotted name where its value came from."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path


def settings_file() -> Path:
    """Where the settings file is looked for."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else platformdirs.user_config_path(_APP) / "settings.toml"


def models_folder() -> Path:
    """The person's own folder of models."""
    return platformdirs.user_data_path(_APP) / "models"


def load() -> Loaded:
    """Read the settings.

    Raises:
        SettingsRefused: the file is no TOML, or something in it is no setting.
    """
    file = settings_file()
    values = _read(file)
    origins: dict[str, str] = {}
    for section, field in _names():
        dotted = f"{section}.{field}"
        variable = f"SOUNDMATTE_{section}_{field}".upper()
        origins[dotted] = "default"
        if field in values.get(section, {}):
            origins[dotted] = str(file)
        if variable in os.environ:
            values.setdefault(section, {})[field] = os.environ[variable]
            origins[dotted] = f"environment ({variable})"
    try:
        return Loaded(Settings.model_validate(values), origins, file)
    except ValidationError as error:
        raise _refused(error.errors()[0], origins, file) from None


def _refused(first: Any, origins: Mapping[str, str], file: Path) -> SettingsRefused:
    """One sentence on the first thing that is wrong, and where it was said."""
    name = ".".join(str(part) for part in first["loc"][:2])
    where = origins.get(name, str(file))
    known = ", ".join(origins)
    if first["type"] == "extra_forbidden":
        return SettingsRefused(f"{name} in {file} is no setting.", hint=f"Settings are {known}.")
    return SettingsRefused(
        f"The setting {name} cannot be used ({where}): {first['msg'].lower()}.",
        hint="Correct it, or leave it out to have the default.",
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(
            f"The settings file {file} cannot be read.", hint="It is to be a TOML file in UTF-8."
        ) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused(
            f"The settings file {file} is no TOML: {error}.",
            hint="Correct it, or move it away to have the defaults.",
        ) from error
    for section, body in values.items():
        if not isinstance(body, dict):
            raise SettingsRefused(
                f"{section!r} in {file} stands outside a section.",
                hint="Sections are written [output] and [offline].",
            )
    return values


def _names() -> list[tuple[str, str]]:
    sections: dict[str, type[BaseModel]] = {
        "engine": Use,
        "cloud": Cloud,
        "output": Output,
        "offline": Offline,
        "cache": Cache,
    }
    return [(name, field) for name, part in sections.items() for field in part.model_fields]
