"""Where the API is: the cloud's four hosts, or one server of one's own.

On the cloud, queue and direct calls have the same paths on different hosts; a server on one origin
tells them apart by a first path part (`/queue`, `/run`, `/rest`, `/cdn`). Status, result and cancel
addresses leave out the endpoint's last part (`/fal-ai/sam-audio/requests/{id}`). This module must
not know how anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from soundmatte.errors import UsageError
from soundmatte.separation.errors import BadAnswer
from soundmatte.separation.schema import APPLICATION, Endpoint, Ticket


@dataclass(frozen=True)
class Places:
    """Base addresses, without a slash at the end.

    Attributes:
        own: a server of one's own: addresses that it gives are followed only on its own origin,
            and plain http is allowed.
    """

    queue: str = "https://queue.fal.run"
    run: str = "https://fal.run"
    rest: str = "https://rest.fal.ai"
    cdn: str = "https://v3.fal.media"
    own: bool = False

    @staticmethod
    def server(base: str) -> Places:
        """The places of one server of one's own.

        Raises:
            UsageError: the address is none.
        """
        parts = urlsplit(base.strip().rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise UsageError(
                f"{base!r} is no server address.", hint="Write it like https://stems.example:8443."
            )
        if parts.username or parts.password:
            raise UsageError("A server address must not hold a password.", hint="Use FAL_KEY.")
        root = f"{parts.scheme}://{parts.netloc}{parts.path}"
        return Places(f"{root}/queue", f"{root}/run", f"{root}/rest", f"{root}/cdn", own=True)

    def submit(self, endpoint: Endpoint, webhook: str | None = None) -> str:
        """Where a job is sent."""
        query = f"?{urlencode({'fal_webhook': webhook})}" if webhook else ""
        return f"{self.queue}/{APPLICATION}/{endpoint}{query}"

    def request(self, request_id: str) -> str:
        """Where the result of a request is; `/status` and `/cancel` hang off it."""
        return f"{self.queue}/{APPLICATION}/requests/{request_id}"

    def upload_start(self, *, multipart: bool) -> str:
        """Where an upload address is asked for."""
        kind = "initiate-multipart" if multipart else "initiate"
        return f"{self.rest}/storage/upload/{kind}?storage_type=fal-cdn-v3"

    def key_set(self) -> str:
        """Where the public keys of webhook signatures are."""
        return f"{self.rest}/.well-known/jwks.json"

    def trusted(self, ticket: Ticket) -> bool:
        """Whether the key may be sent to the addresses that a ticket names."""
        wanted = _origin(self.queue)
        given = (ticket.status_url, ticket.response_url, ticket.cancel_url)
        return all(_origin(str(url)) == wanted for url in given)

    def check_file(self, url: str) -> None:
        """Refuse a file address that leads where a file of this service cannot be.

        Raises:
            BadAnswer: plain http from the cloud, or a host without a name.
        """
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return
        if parts.scheme == "http" and self.own and parts.hostname == urlsplit(self.queue).hostname:
            return
        raise BadAnswer("The server names a file at an address that is not its own.")


def places(server: str) -> Places:
    """The cloud's addresses, or those of a server of one's own."""
    return Places.server(server) if server else Places()


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port
