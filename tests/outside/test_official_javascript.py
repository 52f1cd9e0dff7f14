"""The API's own JavaScript client, as it is published, works with the loopback service.

It needs Node and the client (`.ci/setup`). Only the hosts are rewritten: by a middleware of the
client's own, and once, for a program that knows nothing of it, by replacing `fetch`.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.outside import node as programs
from tests.outside.node import PRELOAD, Node
from tests.service import fixtures
from tests.service import receiver as receiving
from tests.service.receiver import Receiver

pytestmark = pytest.mark.outside
own, node = programs.own, programs.node
noise_clip, receiver = fixtures.noise_clip, receiving.receiver
#: The example of the API's page, but for the file, which is one of ours.
EXAMPLE = """
import { fal } from "@fal-ai/client";
import { readFileSync } from "node:fs";
const file = new File([readFileSync("CLIP")], "office.mov", { type: "video/quicktime" });
const url = await fal.storage.upload(file);
const lines = [];
const result = await fal.subscribe("fal-ai/sam-audio/visual-separate", {
  input: {
    video_url: url
  },
  logs: true,
  onQueueUpdate: (update) => {
    if (update.status === "IN_PROGRESS") {
      update.logs.map((log) => log.message).forEach((line) => lines.push(line));
    }
  },
});
console.log(JSON.stringify([result.data, result.requestId, lines]));
"""


def data_uri(path: Path) -> str:
    return "data:video/quicktime;base64," + base64.b64encode(path.read_bytes()).decode()


def check(value: Any) -> None:
    assert set(value) == {"target", "residual", "duration", "sample_rate"}
    assert value["sample_rate"] == 48000


def test_the_example_of_the_page_unchanged(node: Node, noise_clip: Path) -> None:
    node.service.settings(job_seconds=1.2)
    preload = node.folder / "preload.mjs"
    preload.write_text(node.rewrite + PRELOAD, encoding="utf-8")
    text = EXAMPLE.replace("CLIP", str(noise_clip))
    data, request_id, lines = node.program(text, "--import", str(preload))
    check(data)
    assert [job["request_id"] for job in node.service.jobs()] == [request_id]
    assert "Separating … ♪" in lines
    assert node.service.uploads()[0]["shape"] == "single"


@pytest.mark.parametrize("mode", ["polling", "streaming"])
def test_subscribe_with_logs(node: Node, noise_clip: Path, mode: str) -> None:
    node.service.settings(queue_seconds=0.7, job_seconds=1.2)
    result, seen = node(
        """
        const seen = [];
        const result = await fal.subscribe(endpoint, {
          input: { video_url: "CLIP" }, logs: true, mode: "MODE", priority: "low",
          onQueueUpdate: (update) => seen.push([update.status, update.logs?.map((l) => l.message)]),
        });
        say([result, seen]);
        """,
        CLIP=data_uri(noise_clip),
        MODE=mode,
    )
    check(result["data"])
    assert result["requestId"] == node.service.jobs()[0]["request_id"]
    words = list(dict.fromkeys(status for status, _ in seen))
    assert words == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    last = seen[-1][1]
    assert "Separating: 100 %" in last
    assert len(last) == len(set(last))
    assert node.service.jobs()[0]["priority"] == 1
    streams = [r for r in node.service.requests(role="queue") if r["path"].endswith("/stream")]
    assert bool(streams) == (mode == "streaming")


def test_submit_status_result(node: Node, noise_clip: Path) -> None:
    node.service.settings(job_seconds=1)
    first, early, done, result = node(
        """
        const { request_id } = await fal.queue.submit(endpoint, { input: { video_url: "CLIP" } });
        const early = await fal.queue.status(endpoint, { requestId: request_id });
        await fal.queue.subscribeToStatus(endpoint, { requestId: request_id });
        const done = await fal.queue.status(endpoint, { requestId: request_id, logs: true });
        const result = await fal.queue.result(endpoint, { requestId: request_id });
        say([request_id, early, done, result]);
        """,
        CLIP=data_uri(noise_clip),
    )
    assert early["status"] in ("IN_QUEUE", "IN_PROGRESS")
    assert early["logs"] is None
    assert done["status"] == "COMPLETED"
    assert len(done["logs"]) > 2
    check(result["data"])
    assert result["requestId"] == first


def test_run(node: Node, noise_clip: Path) -> None:
    result = node(
        'say(await fal.run(endpoint, { input: { video_url: "CLIP" } }));',
        CLIP=data_uri(noise_clip),
    )
    check(result["data"])
    assert result["requestId"] == node.service.jobs()[0]["request_id"]


@pytest.mark.parametrize("name", ["clip.mov", "Büro ♪.mov"])
def test_upload(node: Node, name: str) -> None:
    url = node(
        """
        const file = new File(["Hello"], "NAME", { type: "text/plain" });
        say(await fal.storage.upload(file, { lifecycle: { expiresIn: "1h" } }));
        """,
        NAME=name,
    )
    row = node.service.uploads()[0]
    assert url == node.service.cdn + row["public"]
    assert (row["shape"], row["size"], row["file_name"]) == ("single", 5, name)
    assert row["content_type"] == "text/plain"
    assert json.loads(row["lifecycle"])["expiration_duration_seconds"] == 3600
    put = node.service.requests(method="PUT")[0]
    assert "authorization" not in put["headers"]


def test_a_blob_in_the_input_is_uploaded(node: Node, noise_clip: Path) -> None:
    result = node(
        """
        import { readFileSync } from "node:fs";
        const blob = new Blob([readFileSync("CLIP")], { type: "video/quicktime" });
        const input = { video_url: blob, mask_video_url: blob };
        say(await fal.subscribe(endpoint, { input }));
        """,
        CLIP=str(noise_clip),
    )
    check(result["data"])
    given = node.service.jobs()[0]["input"]
    assert all(url.startswith(node.service.cdn) for url in given.values())


def test_upload_in_parts(node: Node) -> None:
    size = 91 * 2**20 + 3
    url = node(f'say(await fal.storage.upload(new File([new Uint8Array({size})], "long.mov")));')
    row = node.service.uploads()[0]
    assert url == node.service.cdn + row["public"]
    assert (row["shape"], row["size"], len(row["parts"])) == ("multipart", size, 10)


def test_webhook(node: Node, receiver: Receiver) -> None:
    ticket = node(
        'say(await fal.queue.submit(endpoint, { input: {}, webhookUrl: "URL" }));',
        URL=receiver.url,
    )
    until = time.monotonic() + 10
    while not receiver.got and time.monotonic() < until:
        time.sleep(0.02)
    assert receiver.got[0][0] == "/hook?for=a%20b&c=d"
    assert json.loads(receiver.got[0][2])["request_id"] == ticket["request_id"]


def test_cancel(node: Node) -> None:
    node.service.settings(paused=True)
    error = node(
        """
        const { request_id } = await fal.queue.submit(endpoint, { input: {} });
        await fal.queue.cancel(endpoint, { requestId: request_id });
        await fal.queue.result(endpoint, { requestId: request_id }).catch((error) =>
          say([error.status, error.body, error.requestId === request_id]));
        """
    )
    body = {"detail": "Request was cancelled", "error_type": "client_cancelled"}
    assert error == [499, body, True]


def test_a_client_that_waits_no_longer_cancels(node: Node) -> None:
    node.service.settings(paused=True)
    node(
        """
        await fal.subscribe(endpoint, { input: {}, timeout: 800 }).catch(() => say("gave up"));
        """
    )
    assert node.service.jobs()[0]["cancel"] == 1


def test_an_input_that_is_refused(node: Node) -> None:
    kind, status, fields = node(
        """
        await fal.subscribe(endpoint, { input: { prompt: 3 } }).catch((error) => say([
          error instanceof ValidationError, error.status,
          error.fieldErrors.map((field) => [field.loc.at(-1), field.type])]));
        """
    )
    assert (kind, status) == (True, 422)
    assert sorted(fields) == [["prompt", "string_type"], ["video_url", "missing"]]


@pytest.mark.parametrize("status", [500, 504])
def test_a_job_that_fails(node: Node, noise_clip: Path, status: int) -> None:
    fail = {"status": status, "detail": "Out of luck", "error_type": "internal_error"}
    headers = {"X-Fal-Request-Timeout-Type": "user"} if status == 504 else {}
    node.service.settings(fail={**fail, "headers": headers})
    found = node(
        """
        await fal.subscribe(endpoint, { input: { video_url: "CLIP" } }).catch((error) => say([
          error instanceof ApiError, error.status, error.body, error.timeoutType ?? null]));
        """,
        CLIP=data_uri(noise_clip),
    )
    body = {"detail": "Out of luck", "error_type": "internal_error"}
    assert found == [True, status, body, "user" if status == 504 else None]


def test_a_lost_answer_makes_a_second_job(node: Node) -> None:
    match = {"role": "queue", "method": "POST", "times": 2}
    node.service.faults({"match": match, "do": "drop_after"})
    ticket = node("say(await fal.queue.submit(endpoint, { input: {} }));")
    ids = [job["request_id"] for job in node.service.jobs()]
    assert len(ids) == 3
    assert ids[2] == ticket["request_id"]
