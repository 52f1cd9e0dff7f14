"""One clip through the real service, only with a key, and only when asked for.

    FAL_KEY=... pytest -m live -s

costs at most 0.15 USD: three jobs of five seconds. It settles what cannot be known without the
service: the mask's polarity, the length and lag of what comes back, and whether a lossless mask is
read, and prints it.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundmatte.demo.scene import make_clip
from soundmatte.separation.client import Client
from soundmatte.separation.price import estimate
from soundmatte.separation.schema import VisualSeparateInput
from stemmux.extract import Cut, extract
from stemmux.matte import write_mask
from stemmux.measure import offset
from stemmux.probe import probe

pytestmark = [pytest.mark.live, pytest.mark.enable_socket]
KEY = os.environ.get("FAL_KEY", "")
SECONDS = Fraction(5)


def test_the_real_service(tmp_path: Path) -> None:
    if not KEY:
        pytest.skip("no FAL_KEY: the live test costs money")
    price = estimate(SECONDS, 1).usd * 3
    print(f"three jobs of {SECONDS} s: at most {price} USD")  # noqa: T201
    clip, matte = tmp_path / "clip.mp4", tmp_path / "matte.mp4"
    truth = make_clip(clip, matte)
    media = probe(clip)
    span = media.span(None, SECONDS)
    proxy, mono, masks = tmp_path / "proxy.mov", tmp_path / "mono.wav", {}
    extract(media, span, Cut(mono=mono, proxy=proxy))
    for name, invert in (("black = voice", False), ("white = voice", True)):
        masks[name] = tmp_path / f"{invert}.mp4"
        write_mask(probe(matte), media, span, masks[name], invert=invert)
    voice = truth.speech[: int(SECONDS) * truth.rate].mean(axis=1)
    sent, _ = soundfile.read(mono)
    with Client(key=KEY) as client:
        video = client.upload(proxy, retention=3600)
        for name, mask in [("no mask, text", None), *masks.items()]:
            output = client.subscribe(
                VisualSeparateInput(
                    video_url=video,
                    mask_video_url=client.upload(mask, retention=3600) if mask else None,
                    prompt="" if mask else "speech",
                )
            )
            target, rate = _fetched(client, output.target, tmp_path / f"{name}.wav")
            rest, _ = _fetched(client, output.residual, tmp_path / f"{name} rest.wav")
            count = min(len(target), len(voice))
            likeness = np.corrcoef(target[:count], voice[:count])[0, 1]
            lag = offset(sent[:count], target[:count] + rest[:count])
            print(  # noqa: T201
                f"{name}: likeness to the voice {likeness:.2f}, {rate} Hz, {len(target)} samples "
                f"for {len(sent)} sent, lag {lag.samples:.1f} (confidence {lag.confidence:.1f})"
            )
            assert abs(len(target) / rate - float(SECONDS)) < 0.1


def _fetched(client: Client, file: object, path: Path) -> tuple[np.ndarray, int]:
    client.download(file, path)  # type: ignore[arg-type]
    sound, rate = soundfile.read(path, always_2d=True)
    return sound.mean(axis=1), rate
