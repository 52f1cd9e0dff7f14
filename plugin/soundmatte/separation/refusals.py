"""Why a webhook was refused, one class per situation.

Each says what to answer the sender (`http_status`): a service that signs webhooks delivers again
after anything but 2xx (fal's webhook page: ten times in two hours), so an answer is also the choice
whether to see the delivery again.
"""

from __future__ import annotations

from soundmatte.errors import SoundmatteError


class WebhookRefused(SoundmatteError):
    """The root: this request must not be acted upon."""

    #: What to answer the sender.
    http_status = 401


class HeaderMissing(WebhookRefused):
    """One of the four signature headers is not there, or there more than once."""

    http_status = 400


class BadTimestamp(WebhookRefused):
    """The timestamp is no whole number of seconds."""

    http_status = 400


class TooOld(WebhookRefused):
    """It was signed longer ago than is tolerated."""


class FromTheFuture(WebhookRefused):
    """It was signed later than now, by more than is tolerated: a clock is wrong."""


class BadSignature(WebhookRefused):
    """No key of the service made this signature over this request."""


class WrongAccount(WebhookRefused):
    """It is genuine, but for somebody else's account."""

    http_status = 403


class Replayed(WebhookRefused):
    """It is genuine and was accepted before: nothing is left to do, and 200 says so."""

    http_status = 200


class BodyTooLarge(WebhookRefused):
    """The body is larger than a webhook is allowed to be."""

    http_status = 413


class MalformedBody(WebhookRefused):
    """It is genuine, but the body is not what a webhook's body is."""

    http_status = 422


class KeysUnreachable(WebhookRefused):
    """The service's keys could not be fetched: nothing can be said about the request."""

    http_status = 503


class MalformedKeySet(WebhookRefused):
    """What was fetched holds no key for Ed25519: nothing can be said about the request."""

    http_status = 503
