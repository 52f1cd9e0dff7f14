"""The engine: where it is, and what it is asked. One process of it for one run of a script.

Its key for the service is its own business and never gets here. This module must not know Resolve.
"""

import json
import os
import time
from typing import Any, Callable, Dict, List, Optional

from soundmatte_resolve.bridge_client import BridgeClient, BridgeError
from soundmatte_resolve.refusal import EngineGone, Refusal, Stopped
from soundmatte_resolve.say import Teller

#: Names the engine's command, a JSON list of words, before what was installed does.
VARIABLE = "SOUNDMATTE_ENGINE"
#: Beside this module: what `soundmatte install resolve` wrote.
_RECORD = "engine.json"
_LOG = "engine.log"
_INSTALL = "Run `soundmatte install resolve` again, where Soundmatte is installed."
#: Seconds that a request has to end once it is cancelled; the engine needs less than 5.
_ENDS = 6.0


def command() -> List[str]:
    """The engine's words.

    Raises:
        Refusal: it is not known where the engine is.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), _RECORD)
    try:
        if os.environ.get(VARIABLE):
            words = json.loads(os.environ[VARIABLE])
        else:
            with open(path, encoding="utf-8") as file:
                words = json.load(file)["engine"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(f"Soundmatte's engine is not known: {error}.", _INSTALL) from None
    if not isinstance(words, list) or not words:
        raise Refusal("Soundmatte's engine is not known.", _INSTALL)
    words = [str(word) for word in words]
    return words if words[-1] == "bridge" else [*words, "bridge"]


class Engine:
    """A running engine; to be entered, so that it ends.

    Args:
        stop: raises where the person wants everything to end.
    """

    def __init__(self, folder: str, teller: Teller, stop: Callable[[], None]) -> None:
        self._log = os.path.join(folder, _LOG)
        self._teller = teller
        self._stop = stop
        self._client: Optional[BridgeClient] = None

    def __enter__(self) -> "Engine":
        try:
            self._client = BridgeClient(command(), self._log)
        except BridgeError as error:
            raise Refusal(str(error), _INSTALL) from None
        return self

    def __exit__(self, *ended: Any) -> None:
        if self._client is not None:
            self._client.close()

    @property
    def program(self) -> str:
        """Version of the engine; empty before its first answer."""
        hello = self._client.hello if self._client is not None else None
        return str(hello["program"]) if hello else ""

    def ask(self, request: str, **fields: Any) -> Dict[str, Any]:
        """Ask for something and wait for it, telling how far it is.

        Raises:
            Refusal: the engine cannot, with its own words.
            EngineGone: it has broken down.
            Stopped: the person wanted it to end; it is cancelled, at the service too.
        """
        assert self._client is not None
        try:
            name = self._client.send(request, **fields)
            try:
                return self._result(name)
            except (Stopped, KeyboardInterrupt):
                self._cancel(name)
                raise
        except BridgeError as error:
            if error.kind == "Cancelled":
                raise Stopped() from None
            gone = self._client.failure is not None
            raise (EngineGone if gone else Refusal)(str(error), error.hint) from None

    def _result(self, name: str) -> Dict[str, Any]:
        while True:
            self._stop()
            for event in self._events(name):
                if event["event"] == "done":
                    return dict(event["result"])
                if event["event"] == "error":
                    words = (event["message"], event["hint"], event["kind"])
                    raise BridgeError(*words, exit_code=event.get("exit_code", 1))
                if event["event"] == "progress":
                    self._teller.progress(event["stage"], event["share"])
                elif event["event"] == "log":
                    self._teller.remark(event["text"])
            time.sleep(0.05)

    def _cancel(self, name: str) -> None:
        assert self._client is not None
        self._teller.say("Stopping …")
        self._client.cancel(name)
        deadline = time.monotonic() + _ENDS
        while time.monotonic() < deadline:
            if any(event["event"] in ("done", "error") for event in self._events(name)):
                return
            time.sleep(0.05)

    def _events(self, name: str) -> List[Dict[str, Any]]:
        assert self._client is not None
        return [event for event in self._client.poll() if event.get("id") == name]
