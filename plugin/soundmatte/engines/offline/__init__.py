"""The offline engine: speech out of a mix on this computer, with no key and no network.

Importing this package loads neither numpy nor ONNX Runtime.
"""
