"""Programs in JavaScript that use the API's own client, at the loopback service; for tests.

They need Node and the client (`.ci/setup`). Only the hosts are rewritten.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.service import caller as calling
from tests.service.caller import Caller
from tests.service.fixtures import SeparationService

own = calling.own
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
REWRITE = """
const HOSTS = {"queue.fal.run": "QUEUE", "fal.run": "RUN", "rest.fal.ai": "REST"};
const rewrite = (url) => {
  const at = new URL(url);
  const base = HOSTS[at.host];
  return base ? base + at.pathname + at.search : url;
};
"""
MIDDLEWARE = """
import { fal, ApiError, ValidationError } from "@fal-ai/client";
fal.config({
  credentials: "KEY",
  requestMiddleware: async (request) => ({ ...request, url: rewrite(request.url) }),
});
const endpoint = "fal-ai/sam-audio/visual-separate";
const say = (value) => console.log(JSON.stringify(value));
"""
PRELOAD = "const first = fetch;\nglobalThis.fetch = (url, init) => first(rewrite(url), init);\n"


class Node:
    """Runs programs that use the client."""

    def __init__(self, service: SeparationService, folder: Path) -> None:
        self.service = service
        self.folder = folder
        (folder / "node_modules").symlink_to(CACHE / "soundmatte-node" / "node_modules")
        self.rewrite = REWRITE
        for role in ("queue", "run", "rest"):
            self.rewrite = self.rewrite.replace(role.upper(), getattr(service, role))

    def program(self, text: str, *options: str) -> Any:
        """Run a program; what it says."""
        path = self.folder / "program.mjs"
        path.write_text(text, encoding="utf-8")
        environment = {**os.environ, "FAL_KEY": self.service.key}
        done = subprocess.run(
            ["node", *options, str(path)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.folder,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def __call__(self, text: str, **values: str) -> Any:
        """Run a piece of program with the client at hand; what it says."""
        for name, value in values.items():
            text = text.replace(name, value)
        return self.program(self.rewrite + MIDDLEWARE.replace("KEY", self.service.key) + text)


@pytest.fixture
def node(own: Caller, tmp_path: Path) -> Node:
    return Node(own.service, tmp_path)
