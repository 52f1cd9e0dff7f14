"""What Soundmatte's menu scripts for DaVinci Resolve are made of.

Resolve brings whatever Python it finds: standard library alone, syntax and library of Python 3.6.
Comments say which facts about Resolve a line is there for.
"""
