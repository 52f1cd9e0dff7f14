"""A probed file in words for people, and in plain values for programs.

This module must not measure anything itself.
"""

from __future__ import annotations

from typing import Any

from stemmux.probe import AudioStream, Media, VideoStream


def as_values(media: Media) -> dict[str, Any]:
    """The file as JSON values; times in seconds, rates also as exact fractions."""
    return {
        "path": str(media.path),
        "container": media.container,
        "origin": float(media.origin),
        "duration": float(media.duration),
        "timecode": str(media.timecode) if media.timecode else None,
        "video": _video(media.video) if media.video else None,
        "audio": [_audio(track, media) for track in media.audio],
        "warnings": list(media.warnings),
    }


def _video(video: VideoStream) -> dict[str, Any]:
    width, height = video.display_size
    return {
        "codec": video.codec,
        "width": width,
        "height": height,
        "rotation": video.rotation,
        "rate": float(video.rate),
        "rate_exact": str(video.rate),
        "variable": video.variable,
        "frames": video.frames,
    }


def _audio(track: AudioStream, media: Media) -> dict[str, Any]:
    return {
        "codec": track.codec,
        "rate": track.rate,
        "channels": track.channels,
        "layout": track.layout,
        "start": float(track.start - media.origin),
        "duration": float(track.end - track.start),
        "title": track.title,
        "language": track.language,
    }


def in_words(media: Media) -> list[str]:
    """The file as lines for a person."""
    lines = [f"{media.path.name}: {float(media.duration):.3f} s"]
    if media.timecode:
        lines[0] += f", starts at {media.timecode}"
    if media.video:
        width, height = media.video.display_size
        rate = "varying rate, about" if media.video.variable else ""
        lines.append(
            f"picture: {media.video.codec}, {width} × {height}, "
            f"{rate} {float(media.video.rate):.6g} fps, {media.video.frames} frames".replace(
                ",  ", ", "
            )
        )
    for number, track in enumerate(media.audio, 1):
        late = float(track.start - media.origin)
        where = f", starts {late:+.3f} s from the first picture" if abs(late) > 1e-3 else ""
        lines.append(f"sound {number}: {track.codec}, {track.rate} Hz, {track.layout}{where}")
    return lines + [f"warning: {warning}" for warning in media.warnings]
