"""stemmux: media in, media out. Times, probes, cuts, mattes, stems and what they measure.

It knows no editor, no separation service and no jobs.
"""

__version__ = "0.1.0"
