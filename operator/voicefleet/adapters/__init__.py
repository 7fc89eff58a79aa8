"""One module or package for each outside system: the only code that talks to it.

Adapters implement the Protocols of `voicefleet.ports`. `__main__` makes them and hands them
to the shell; nothing below imports them.
"""
