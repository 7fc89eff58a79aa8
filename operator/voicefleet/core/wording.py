"""How sentences list things: a few names and the number of the rest."""

from collections.abc import Iterable, Mapping

NAMES_SHOWN = 3
"""More names than this and a reader stops reading; the rest are counted."""


def list_some(names: Iterable[str]) -> str:
    """Return "a, b, c and 4 more"."""
    every = list(names)
    shown = ", ".join(every[:NAMES_SHOWN])
    rest = len(every) - NAMES_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def count_of(number: int, word: str) -> str:
    """Return "1 worker" or "3 workers"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def format_selector(labels: Mapping[str, str]) -> str:
    """Return labels in the form that `kubectl -l` takes."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
