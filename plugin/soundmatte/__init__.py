"""soundmatte: everything between a selection in an editor and the stems on its timeline."""

__version__ = "0.1.0"
