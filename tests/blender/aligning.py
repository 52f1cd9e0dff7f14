"""Inside Blender: where stems come to lie, case by case; prints one line of JSON for each.

    PYTHON aligning.py CASES.json FOLDER

A case: source, fps, fps_base, at, trim, frames, handles, process. Half the sound of the exported
clip is its target, the rest its residual, so every distance and every sum can be measured.
"""

from __future__ import annotations

import json
import os
import shutil
import sys

import timeline
from timeline import timing


def measured(case, folder):
    """Place stems of a case's clip, and say in samples and dB how they lie."""

    def built():
        scene = timeline.empty(case["fps"], case["fps_base"])
        timeline.add(scene, case["source"], case["at"], case["trim"], case["frames"])
        return scene

    shutil.rmtree(folder, ignore_errors=True)
    clip = timeline.chosen(built(), handles=case["handles"])[0]
    made = timeline.exported(clip, folder, process=case["process"])
    scene = built()
    mix, placement = timeline.separated(clip, made, folder)
    names = timeline.placed(clip, placement).names
    before = timing.samples(made.handle_in, clip.rate, clip.frame_rate)
    length = timing.samples(clip.end - clip.first, clip.rate, clip.frame_rate)
    alone = mix[before : before + length]

    def heard(strips, first=clip.first, rate=clip.rate):
        # One frame more: Blender counts a mixdown's length without its part of a sample.
        return timeline.mixed(scene, strips, first, clip.end + 1, rate, clip.channels, folder)

    # From a frame before, as when a timeline plays: a strip then begins on its own sample.
    ahead = max(0, clip.first - 1)
    target, both = (heard(some, ahead) for some in (names[:1], names))
    from_start, original = heard(names[:1])[:length], heard([clip.strip])[:length]
    resampled = [heard([name], ahead, 48000) for name in (names[0], clip.strip)]
    whole = [heard([name], 1) for name in (names[0], clip.strip)]
    skipped = timeline.entered(scene, ahead, clip.first, clip.rate, folder)
    target, both = target[skipped:][:length], both[skipped:][:length]
    found = {
        "samples_right": len(mix) == clip.samples,
        "rate": clip.rate,
        "channels": clip.channels,
        "handles": [made.handle_in, made.handle_out],
        "stem_to_file": timeline.shift(target, alone),
        "stem_to_file_db": timeline.peak_db(target - alone * 0.5),
        "sum_db": timeline.peak_db(both - alone),
        "stem_to_file_from_start": timeline.shift(from_start, alone),
        "stem_to_original": timeline.shift(from_start, original),
        "in_timeline": timeline.shift(*whole),
    }
    if clip.rate != 48000:
        found["at_48000"] = timeline.shift(*resampled)
    return found


def main(path, folder):
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    for number, case in enumerate(cases):
        found = measured(case, os.path.join(folder, "case"))
        sys.stdout.write(f"\nRESULT {json.dumps({'case': number, **found})}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
