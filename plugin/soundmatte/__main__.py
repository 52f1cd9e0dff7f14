"""`python -m soundmatte`: the command, where its script is out of reach."""

from __future__ import annotations

from soundmatte.cli import main

main()
