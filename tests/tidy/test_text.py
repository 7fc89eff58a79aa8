"""What no file of this repository may contain."""

import re
from collections.abc import Iterator

import pytest

from voicefleet_workbench.sources import ROOT, repository_files

UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|NotImplemented" r"Error)\b")
"""Written in two halves, so that this file does not contain what it looks for."""
OWN_MACHINE = re.compile(r"(?<![\w.~-])/(?:home|root|work|Users|tmp)/")
"""A path that exists on one machine only; a program asks `tempfile` for its folders."""
ELSEWHERE = re.compile(r"(?:DES" r"IGN|STY" r"LE)\.md|\blaws? \d+\.\d|§ ?\d")
"""A reference that cannot be followed from here; docs/architecture.md has laws and contracts."""
SILENCED = re.compile(r"except[^\n]*:\s*\n?\s*pass\b")
BINARY = {".png", ".ico", ".gz", ".tgz"}


def lines_that_match(pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield `file:line: text` for every hit in a text file."""
    for path in repository_files():
        if path.suffix in BINARY or path.name == "LICENSE":
            continue
        text = path.read_text()
        for hit in pattern.finditer(text):
            number = text.count("\n", 0, hit.start()) + 1
            yield f"{path.relative_to(ROOT)}:{number}: {text.splitlines()[number - 1].strip()}"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        pytest.param(UNFINISHED, "finish it, or leave it out", id="nothing-is-half-done"),
        pytest.param(OWN_MACHINE, "ask tempfile or the user", id="no-path-of-one-machine"),
        pytest.param(ELSEWHERE, "name a page of docs/", id="no-reference-to-elsewhere"),
        pytest.param(SILENCED, "say what may fail and why that is fine", id="no-swallowed-error"),
        pytest.param(re.compile(r"[ \t]+$", re.MULTILINE), "trim it", id="no-trailing-blanks"),
    ],
)
def test_no_file_contains(pattern: re.Pattern[str], why: str):
    """Each of these is found by a reader months later, when nobody knows the reason."""
    hits = list(lines_that_match(pattern))

    assert hits == [], why


def test_every_file_ends_with_a_line():
    """Otherwise the next line added changes two."""
    torn = [
        path.relative_to(ROOT).as_posix()
        for path in repository_files()
        if path.suffix not in BINARY
        and (text := path.read_text())
        and (not text.endswith("\n") or text.endswith("\n\n"))
    ]

    assert torn == []
