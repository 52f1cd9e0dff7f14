"""The demo: a small scene with sound, made from nothing, so that there is something to try."""
