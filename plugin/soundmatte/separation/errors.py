"""What can go wrong with the separation API, one class per situation.

Every error says whether trying again helps (`retryable`) and whether money may have been spent
(`charged`). `from_answer` maps what the service answers; the service's two shapes of error bodies
are those of its documentation (model errors: a list under `detail`; request errors: a text under
`detail`, and `error_type`). This module must not know how an answer came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from soundmatte.errors import SoundmatteError

Charged = Literal["no", "possibly", "yes"]


class SeparationError(SoundmatteError):
    """The root of all errors of the separation API."""

    retryable = False
    charged: Charged = "no"
    #: The job that was followed has ended without stems, for certain.
    ended = False


class NoKey(SeparationError):
    """No API key was found."""

    exit_code = 2


class BadKey(SeparationError):
    """The service does not accept the key (401)."""


class NotAllowed(SeparationError):
    """The key is right, but may not do this (403)."""


class NoCredit(SeparationError):
    """The account has no credit left (402, or 403 with that reason)."""


class Unknown(SeparationError):
    """The service knows no such request or endpoint (404)."""


class NotFinished(SeparationError):
    """The result was asked for before there was one."""

    retryable = True


class InputRefused(SeparationError):
    """The service does not take the input (422)."""


class MediaTooLong(InputRefused):
    """The video or sound is longer than the service takes."""


class MediaTooShort(InputRefused):
    """The video or sound is shorter than the service takes."""


class MediaTooLarge(InputRefused):
    """The file is larger than the service takes."""


class MediaUnreadable(InputRefused):
    """The service cannot read the video, the mask or the sound."""


class MediaUnreachable(InputRefused):
    """The service could not download a URL that it was given."""


class ContentRefused(InputRefused):
    """The service's content policy refuses the input."""


class NothingFound(SeparationError):
    """The model produced nothing."""

    charged: Charged = "possibly"


class TooManyRequests(SeparationError):
    """The service asks to slow down (429)."""

    retryable = True


class ServiceFailed(SeparationError):
    """The service failed inside (500)."""

    retryable = True
    charged: Charged = "possibly"


class ServiceUnavailable(SeparationError):
    """The service, or the machine that should do the work, is out of reach (502, 503, 504)."""

    retryable = True


class TookTooLong(SeparationError):
    """The service gave up because it took too long (504, or 408)."""

    retryable = True
    charged: Charged = "possibly"


class JobCancelled(SeparationError):
    """The job was cancelled (499)."""


class ConnectionFailed(SeparationError):
    """No connection: nothing was sent."""

    retryable = True


class ConnectionLost(SeparationError):
    """The connection broke; the request may have arrived."""

    retryable = True
    charged: Charged = "possibly"


class BadAnswer(SeparationError):
    """The answer is not what the protocol says."""

    retryable = True


class UploadFailed(SeparationError):
    """A file could not be uploaded."""

    retryable = True


class DownloadFailed(SeparationError):
    """A stem could not be downloaded, or is not what it should be."""

    retryable = True
    charged: Charged = "yes"


class SubmitUncertain(SeparationError):
    """A job was sent and no answer came: it may be running, and may be charged."""

    charged: Charged = "possibly"


class CostRefused(SeparationError):
    """The job would cost more than was allowed; nothing was sent."""

    exit_code = 4


_ELSEWHERE = "Redirects are not followed: is that the server's address, or a login page's?"
_UNDOCUMENTED = "The API does not document such an answer: is that the server's address?"
_DASHBOARD = "Look at the account's keys and credit on the service's dashboard."
#: Machine words of model errors, to the situation and the way out.
_MODEL_ERRORS: dict[str, tuple[type[SeparationError], str]] = {
    "video_duration_too_long": (MediaTooLong, "Choose a shorter range with --in and --out."),
    "audio_duration_too_long": (MediaTooLong, "Choose a shorter range with --in and --out."),
    "video_duration_too_short": (MediaTooShort, "Choose a longer range."),
    "audio_duration_too_short": (MediaTooShort, "Choose a longer range."),
    "file_too_large": (MediaTooLarge, "Choose a shorter range."),
    "unsupported_video_format": (MediaUnreadable, "Give a movie that plays elsewhere."),
    "unsupported_audio_format": (MediaUnreadable, "Give a sound file that plays elsewhere."),
    "file_download_error": (MediaUnreachable, "Is the URL public? Upload the file instead."),
    "content_policy_violation": (ContentRefused, "The service decides this; use --engine offline."),
    "no_media_generated": (NothingFound, "Another prompt or a tighter matte may help."),
    "generation_timeout": (TookTooLong, "Try again, or choose a shorter range."),
    "internal_server_error": (ServiceFailed, "Try again later."),
    "downstream_service_error": (ServiceFailed, "Try again later."),
    "downstream_service_unavailable": (ServiceUnavailable, "Try again later."),
}
#: Machine words of request errors.
_REQUEST_ERRORS: dict[str, type[SeparationError]] = {
    "request_timeout": TookTooLong,
    "startup_timeout": TookTooLong,
    "client_cancelled": JobCancelled,
    "client_disconnected": JobCancelled,
    "runner_server_error": ServiceFailed,
    "internal_error": ServiceFailed,
}
_STATUSES: dict[int, tuple[type[SeparationError], str]] = {
    401: (BadKey, "Check the key: soundmatte key test."),
    402: (NoCredit, _DASHBOARD),
    403: (NotAllowed, _DASHBOARD),
    404: (Unknown, "Requests are kept for a limited time; check the id and the server."),
    408: (TookTooLong, "Try again later."),
    413: (MediaTooLarge, "Choose a shorter range."),
    422: (InputRefused, "Correct the named field."),
    429: (TooManyRequests, "Wait a little and try again."),
    499: (JobCancelled, "Start it again if that was not meant."),
    500: (ServiceFailed, "Try again later."),
    502: (ServiceUnavailable, "Try again later."),
    503: (ServiceUnavailable, "Try again later."),
    504: (TookTooLong, "Try again later."),
}


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> SeparationError:
    """The error that an unsuccessful answer means; texts from the service are shortened."""
    content = _content(body)
    detail = content.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return _model_error(status, detail)
    word = str(content.get("error_type") or headers.get("x-fal-error-type") or "")
    text = _short(detail if isinstance(detail, str) else content.get("message") or "")
    if status == 400 and "in progress" in text:
        return NotFinished("The job has not finished yet.", hint="Ask again later.")
    if status == 403 and any(part in text.lower() for part in ("balance", "credit", "locked")):
        return NoCredit(f"The account has no credit: {text}", hint=_DASHBOARD)
    kind, hint = _STATUSES.get(
        status,
        (ServiceFailed, "Try again later.")
        if status >= 500
        else (InputRefused, _ELSEWHERE if status < 400 else _UNDOCUMENTED),
    )
    if word.startswith("runner_") and word not in _REQUEST_ERRORS:
        kind = ServiceUnavailable
    kind = _REQUEST_ERRORS.get(word, kind)
    said = f": {text}" if text else ""
    return kind(
        f"The service answered {status}{f' ({_short(word)})' if word else ''}{said}", hint=hint
    )


def is_model_error(body: bytes) -> bool:
    """Whether the model itself answered: then the job has ended, whatever the status says."""
    detail = _content(body).get("detail")
    return bool(isinstance(detail, list) and detail and isinstance(detail[0], dict))


def _model_error(status: int, detail: list[Any]) -> SeparationError:
    first = detail[0]
    word = str(first.get("type", ""))
    default = _STATUSES.get(status, (InputRefused, "Correct the named field."))
    kind, hint = _MODEL_ERRORS.get(word, default)
    place = ".".join(str(part) for part in first.get("loc", []) if part != "body")
    context = first.get("ctx")
    limits = ""
    if isinstance(context, dict):
        limits = "".join(f", {_short(name)} {_short(value)}" for name, value in context.items())
    said = _short(first.get("msg", "the input was refused"))
    return kind(f"The service refused {_short(place) or 'the input'}: {said}{limits}.", hint=hint)


def _content(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _short(value: object) -> str:
    """Text from outside, on one line, without control characters, and without URLs' queries."""
    import re

    text = re.sub(r"\?[^\s\"']*", "", str(value))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
