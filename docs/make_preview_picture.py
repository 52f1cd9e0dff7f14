"""Make the picture of a preview that the README shows, from the demo.

python docs/make_preview_picture.py docs/images/preview.png
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image

from soundmatte.demo.scene import make_clip
from soundmatte.report.preview import preview


def main() -> None:
    """Write the file named on the command line."""
    parser = argparse.ArgumentParser(description="Make the README's picture of a preview.")
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        clip, matte = Path(folder, "demo.mp4"), Path(folder, "demo_matte.mp4")
        make_clip(clip, matte)
        made = preview(clip, matte, Path(folder))
        with Image.open(made.sheet) as sheet:
            # 256 colours are enough for a drawing, and a third of the bytes.
            small = sheet.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
        output.parent.mkdir(parents=True, exist_ok=True)
        small.save(output, optimize=True)
    print(f"{output}: {small.width} x {small.height}, {output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
