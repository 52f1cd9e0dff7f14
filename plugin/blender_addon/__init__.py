# SPDX-License-Identifier: GPL-3.0-or-later
"""Soundmatte in Blender's video sequencer: the sound of what a matte shows, on its own track."""

from __future__ import annotations


def register() -> None:
    """Switched on."""


def unregister() -> None:
    """Switched off."""
