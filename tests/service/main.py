"""The separation API on the loopback, for tests: a program of its own, with real sockets.

    python tests/service/main.py --state FOLDER [--port N] [--key ID:SECRET] [--engine offline]

It prints one JSON line when it is ready. All that it knows is in the folder: killed and started
again with the same folder and port it goes on, jobs in flight included. One origin stands for the
API's hosts, told apart by the first part of the path: /queue, /run, /rest, /cdn (and /control).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path

import deliveries
import worker
from answers import Problem, Request, Response
from control import control
from queue_api import queue, run
from state import Service, Store
from storage import cdn, rest
from web import Server

ROUTES = {"queue": queue, "run": run, "rest": rest, "cdn": cdn, "control": control}


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="test-id:test-secret")
    parser.add_argument("--engine", choices=["standin", "offline"], default="standin")
    parser.add_argument("--while-stdin", action="store_true", help="end when stdin ends")
    given = parser.parse_args()
    given.state.mkdir(parents=True, exist_ok=True)
    store = Store(given.state / "state.sqlite")
    service = Service(given.state, store, given.key, given.engine, os.urandom(16).hex())

    def route(request: Request) -> Response:
        found = ROUTES.get(request.role)
        if found is None:
            raise Problem(404, f"Path {request.path} not found")
        return found(service, request)

    server = Server(given.port, service, route)
    worker.start(service)
    deliveries.start(service)
    if given.while_stdin:
        threading.Thread(target=_until_stdin_ends, daemon=True).start()
    ready = {"base": f"http://127.0.0.1:{server.server_address[1]}"}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.5)


def _until_stdin_ends() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
