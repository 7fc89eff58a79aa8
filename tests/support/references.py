"""What undisturbed lives end with, kept so that each is lived once and not once per run.

A kept reference counts only for the same operator, the same chart and the same tests: any
change to them makes a new file, and the lives are lived anew. Used by `support.arena`.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from support.histories import History
from support.oracles import Shape

ROOT: Final = Path(__file__).resolve().parents[2]
MADE_FROM: Final = (
    "operator/voicefleet",
    "charts",
    "tests/support/lives.py",
    "tests/support/manifests.py",
    "tests/support/oracles.py",
)
"""Files and folders whose contents decide what a life ends with."""


class References:
    """The shapes of undisturbed lives, in memory or in a folder as well.

    Args:
        folder: Where they are kept from run to run; None for memory alone.
        made_from: What must not have changed meanwhile.
    """

    def __init__(self, folder: Path | None = None, *, made_from: Iterable[str] = MADE_FROM) -> None:
        self._file = folder / f"references-{digest_of(made_from)}.json" if folder else None
        self._known: dict[str, dict[str, object]] = {}
        if self._file is not None and self._file.exists():
            self._known = json.loads(self._file.read_text())

    def find(self, life: History) -> Shape | None:
        """Return what a life ends with, or None where it was not lived yet."""
        known = self._known.get(str(life))
        return None if known is None else dict(known["shape"])  # type: ignore[call-overload]

    def shape(self, life: History) -> Shape:
        """Return what a life ends with; it must have been lived."""
        found = self.find(life)
        if found is None:
            raise LookupError(f"{life} was not lived undisturbed yet; let the arena learn it")
        return found

    def writes(self, life: History) -> int:
        """Return how many writes an undisturbed life takes."""
        return int(str(self._known[str(life)]["writes"]))

    def keep(self, life: History, shape: Shape, *, writes: int) -> None:
        """Take in what a life has ended with."""
        self._known[str(life)] = {"shape": shape, "writes": writes}
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._known))


def digest_of(places: Iterable[str]) -> str:
    """Return a digest of everything that is written in some files and folders."""
    digest = hashlib.sha256()
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*")) if path.is_dir() else (path,):
            if file.suffix in {".py", ".yaml", ".tpl"}:
                digest.update(str(file.relative_to(ROOT)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
