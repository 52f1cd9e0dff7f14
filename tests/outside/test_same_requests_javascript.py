"""Our client and the official JavaScript client ask the same of the service, request by request.

Every request and every header that reaches the service is compared; what differs on purpose is in
the table, with its reason. A difference that is not there fails, and so does one that is there and
is none.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.outside import node as programs
from tests.outside.node import Node
from tests.separation.asked import Differs, asked, check_same
from tests.service import fixtures

from soundmatte.separation.client import Client
from soundmatte.separation.places import Places
from soundmatte.separation.schema import VisualSeparateInput

pytestmark = pytest.mark.outside
own, node, noise_clip = programs.own, programs.node, fixtures.noise_clip
WEBHOOK = "http://127.0.0.1:9/hook?a=b&c=%C3%A4 d"
#: More than the JavaScript client sends in one piece.
LARGE = 90 * 2**20 + 3
QUEUE = "submit status stream result cancel"
DIFFERENCES = [
    Differs(
        f"{QUEUE} initiate",
        "header user-agent",
        r"soundmatte/\S+",
        r"@fal-ai/client/\S+",
        "each says who it is",
    ),
    Differs(
        "put part complete",
        "header user-agent",
        r"soundmatte/\S+",
        "node",
        "the same; these go through the bare fetch there",
    ),
    Differs(
        "submit status result cancel initiate",
        "header accept",
        r"\*/\*",
        "application/json",
        "every answer here is JSON, asked for or not; the Python client sends what we do",
    ),
    Differs(
        "stream",
        "header accept",
        "text/event-stream",
        "application/json, text/event-stream",
        "there the general word is sent before the one that is meant",
    ),
    Differs(
        "status stream result cancel",
        "header content-type",
        None,
        "application/json",
        "there it names the type of a body that is not sent",
    ),
    Differs(
        "submit",
        "header x-fal-store-io",
        "0",
        None,
        "documented; asks the service to keep neither input nor output of a job",
    ),
    Differs(
        "submit",
        "header x-fal-queue-priority",
        None,
        "normal",
        "what the service takes if nothing is said, as the Python client does",
    ),
    Differs(
        "initiate",
        "json file_name",
        r"file\.mov",
        r"büro\.mov",
        "the name of a person's file is the person's own",
    ),
]


@pytest.fixture
def client(node: Node) -> Iterator[Client]:
    with Client(key=node.service.key, places=Places.server(node.service.base)) as client:
        yield client


@pytest.fixture
def given(client: Client, noise_clip: Path) -> VisualSeparateInput:
    """An input that can be separated."""
    url = client.upload(noise_clip)
    return VisualSeparateInput(video_url=url, prompt="dög", reranking_candidates=2)


def compare(node: Node, ours: Callable[[], Any], program: str, **values: Any) -> list[str]:
    """Let both do the same; the kinds of requests that this took."""
    node.service.forget_requests()
    ours()
    mine = asked(node.service)
    node(program + "say(0);", **{name: json.dumps(value) for name, value in values.items()})
    check_same(mine, asked(node.service), DIFFERENCES)
    return [row["kind"] for row in mine]


def test_submit(node: Node, client: Client, given: VisualSeparateInput) -> None:
    def ours() -> None:
        client.submit(given)
        client.submit(given, webhook=WEBHOOK, retention=3600, start_timeout=60)

    kinds = compare(
        node,
        ours,
        """
        const input = INPUT;
        await fal.queue.submit(endpoint, { input });
        await fal.queue.submit(endpoint, {
          input, webhookUrl: URL, startTimeout: 60, storageSettings: { expiresIn: "1h" } });
        """,
        INPUT=given.wire(),
        URL=WEBHOOK,
    )
    assert kinds == ["submit", "submit"]


def test_status_stream_result_and_cancel(
    node: Node, client: Client, given: VisualSeparateInput
) -> None:
    def ours() -> None:
        ticket = client.submit(given)
        for logs in (True, False):
            client.stream(ticket, logs=logs)
        for logs in (True, False):
            client.status(ticket, logs=logs)
        client.result(ticket)
        client.cancel(ticket)

    kinds = compare(
        node,
        ours,
        """
        const { request_id: requestId } = await fal.queue.submit(endpoint, { input: INPUT });
        for (const logs of [true, false]) {
          await (await fal.queue.streamStatus(endpoint, { requestId, logs })).done();
        }
        for (const logs of [true, false]) await fal.queue.status(endpoint, { requestId, logs });
        await fal.queue.result(endpoint, { requestId });
        await fal.queue.cancel(endpoint, { requestId }).catch(() => 0);
        """,
        INPUT=given.wire(),
    )
    assert kinds == ["submit", "stream", "stream", "status", "status", "result", "cancel"]


@pytest.mark.parametrize("logs", [True, False])
def test_subscribe(node: Node, client: Client, given: VisualSeparateInput, logs: bool) -> None:
    node.service.settings(job_seconds=0.5)
    kinds = compare(
        node,
        lambda: client.subscribe(given, logs=logs),
        'await fal.subscribe(endpoint, { input: INPUT, logs: LOGS, mode: "streaming" });',
        INPUT=given.wire(),
        LOGS=logs,
    )
    assert kinds == ["submit", "stream", "result"]


def test_subscribe_by_polling(node: Node, client: Client, given: VisualSeparateInput) -> None:
    node.service.settings(job_seconds=0.5)

    def ours() -> None:
        ticket = client.submit(given)
        client.follow(ticket, logs=True)
        client.result(ticket)

    kinds = compare(
        node,
        ours,
        "await fal.subscribe(endpoint, { input: INPUT, logs: true });",
        INPUT=given.wire(),
    )
    assert kinds == ["submit", "status", "result"]


def test_upload(node: Node, client: Client, noise_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "büro.mov"
    shutil.copyfile(noise_clip, path)
    kinds = compare(
        node,
        lambda: client.upload(path, retention=3600),
        """
        import { readFileSync } from "node:fs";
        const file = new File([readFileSync(PATH)], "büro.mov", { type: "video/quicktime" });
        await fal.storage.upload(file, { lifecycle: { expiresIn: "1h" } });
        """,
        PATH=str(path),
    )
    assert kinds == ["initiate", "put"]


def test_upload_in_parts(node: Node, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "büro.mov"
    with path.open("wb") as file:
        file.truncate(LARGE)
    kinds = compare(
        node,
        lambda: client.upload(path, retention=3600),
        """
        const file = new File([new Uint8Array(SIZE)], "büro.mov", { type: "video/quicktime" });
        await fal.storage.upload(file, { lifecycle: { expiresIn: "1h" } });
        """,
        SIZE=LARGE,
    )
    assert kinds == ["initiate", *["part"] * 10, "complete"]
