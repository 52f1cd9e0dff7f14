"""DaVinci Resolve's object model, as far as scripts of ours can see it, in a process of its own.

What it does is what others have documented, measured or reported; none of it was seen in Resolve.
Classes carry Resolve's names, and every method of theirs that begins with a capital is the API's.
"""
