"""Make the pictures of the Blender extension's page, from a real Blender.

sudo PYTHONPATH=. python docs/make_blender_pictures.py --blenders FOLDER docs/images

FOLDER/sid (or another --desktop) is a root directory with Blender and a screen
(`.ci/blender-desktop FOLDER sid` makes it).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from tests.blender.gui import desk
from tests.blender.gui.desktop import HERE, Desktop

#: Which part of which shot is shown: left, upper, right, lower (px).
PARTS = {
    "blender-panel": ("1-panel", (1222, 54, 1576, 256)),
    "blender-preview": ("2-preview", (1222, 54, 1576, 716)),
    "blender-progress": ("3-progress", (1222, 54, 1576, 450)),
    "blender-stems": ("4-stems", (58, 440, 1222, 950)),
}


def main() -> None:
    """Write the pictures into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Make the pictures of the Blender extension.")
    parser.add_argument("--blenders", type=Path, required=True)
    parser.add_argument("--desktop", default="sid")
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made, own = Path(name, "made"), Path(name, "own")
        made.mkdir()
        own.mkdir()
        desk.make(made)
        here = desk.laid_out(Desktop(args.blenders.resolve() / args.desktop, own), made)
        seen = here.act(HERE / "scenarios.py", "whole", blend=own / desk.PROJECT)
        seen.check()
        for picture, (shot, part) in PARTS.items():
            with Image.open(seen.folder / f"{shot}.png") as screen:
                small = screen.convert("RGB").crop(part)
            path = args.output / f"{picture}.png"
            # 256 colours are enough for an interface, and a third of the bytes.
            small.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3).save(path, optimize=True)
            print(f"{path}: {small.width} x {small.height}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
