"""What can go wrong between a selection and a placement, one class per situation.

Errors of media are stemmux's own (`stemmux.errors.StemmuxError`). Every error here has a
`hint`, one sentence with the way out, and the exit code that the command line ends with.
"""

from __future__ import annotations


class SoundmatteError(Exception):
    """The root of every error that soundmatte raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(SoundmatteError):
    """The words or files given do not make a task."""

    exit_code = 2


class EngineRefused(SoundmatteError):
    """The engine cannot do what is asked, and says so before any work."""

    exit_code = 4


class SourceChanged(SoundmatteError):
    """A clip, a matte or a picture was written again, renamed or deleted while it was used."""


class DoubtfulStems(SoundmatteError):
    """The stems are empty or implausible, and were not delivered unasked."""

    exit_code = 3


class StemsTooShort(SoundmatteError):
    """The stems do not reach over all of what is to be laid on a timeline."""

    exit_code = 2


class WeightsMissing(SoundmatteError):
    """A model's weights are on none of the places where they are looked for."""


class WeightsRefused(SoundmatteError):
    """A file offered as weights is not the file that it should be (SHA-256)."""


class SettingsRefused(SoundmatteError):
    """The settings file cannot be read or names something that is no setting."""

    exit_code = 2


class ExtraMissing(SoundmatteError):
    """A part of the product that is installed on request is not installed."""


class HostMissing(SoundmatteError):
    """The editor is not found, or what is named is none."""

    exit_code = 2


class HostRefused(SoundmatteError):
    """The editor did not do what it was asked."""


class EngineUnreachable(SoundmatteError):
    """This engine works here, and could not be started by anybody else."""
