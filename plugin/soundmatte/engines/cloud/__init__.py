"""The cloud engine: the separation API, or any server that speaks it."""
