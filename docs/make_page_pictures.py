"""Make the pictures of the page in the browser, from the demo's clip and a real Chromium.

PYTHONPATH=. python docs/make_page_pictures.py docs/images
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from tests.bridge.talking import Starter, heard
from tests.page.browser import chromium

from soundmatte.demo.scene import make_clip

#: Width of the window, and colours: what most people have.
SIZE, SCHEME = {"width": 720, "height": 1000}, "dark"


def walk(tab: Any, shot: Callable[[str], None]) -> None:
    """What a person does, with a picture of every step."""
    ready = "#separate:not([disabled])"
    tab.wait_for_selector("#movie:visible")
    tab.wait_for_selector(ready)
    # The movie's own controls are there for a moment.
    tab.evaluate("document.querySelector('#movie').controls = false")
    shot("page-choose")
    tab.click("#separate")
    tab.wait_for_selector("#running:visible")
    while tab.evaluate("document.querySelector('#bar').value") < 0.3:
        time.sleep(0.02)
    shot("page-progress")
    tab.wait_for_selector("#player:visible")
    tab.click("[value=target]")
    tab.click("#play")
    time.sleep(1.5)
    shot("page-listen")
    tab.click("[data-act=done]")


def main() -> None:
    """Write the pictures into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Make the pictures of the page.")
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        clip, matte = folder / "demo.mp4", folder / "demo_matte.mp4"
        make_clip(clip, matte)
        starter = Starter(folder)
        # A command that cannot open anything: the address is told instead.
        state = {"BROWSER": "false", "SOUNDMATTE_STATE": str(folder / "state")}
        client = starter([sys.executable, "-m", "soundmatte", "bridge"], **state)
        selection = {"media": clip, "matte": {"path": matte}, "prompt": "speech"}
        order = {"selection": selection, "engine": "offline", "output": folder / "stems"}
        client.send("separate", order=order, page=True)
        told = heard(client, lambda event: event["event"] == "log" and "http" in event["text"])
        tab = browser.new_context(viewport=SIZE, color_scheme=SCHEME).new_page()
        tab.goto(told["text"].split()[-1])

        def shot(name: str) -> None:
            tab.locator("body").screenshot(path=folder / f"{name}.png")
            with Image.open(folder / f"{name}.png") as screen:
                small = screen.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
            path = output / f"{name}.png"
            small.save(path, optimize=True)
            size = path.stat().st_size / 1000
            print(f"{path}: {small.width} x {small.height}, {size:.0f} kB")

        walk(tab, shot)
        starter.close()


if __name__ == "__main__":
    main()
