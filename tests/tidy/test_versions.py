"""Versions of foreign programs are chosen in one file; everything else repeats it."""

import re
from collections.abc import Iterator

import pytest

from voicefleet_localcluster import versions
from voicefleet_workbench.sources import ROOT, repository_files

MENTIONS = {
    r"livekit(?:/livekit)?-server:? ?v?(\d+\.\d+\.\d+)": versions.LIVEKIT_SERVER,
    r"kindest/node:v(\d+\.\d+\.\d+)": versions.KUBERNETES,
    r"[Kk]ubernetes v?(\d+\.\d+\.\d+)": versions.KUBERNETES,
    r"\betcd v?(\d+\.\d+\.\d+)": versions.ETCD,
    r"\bkwok v?(\d+\.\d+\.\d+)": versions.KWOK,
    r"\bkind v(\d+\.\d+\.\d+)": versions.KIND,
}
PLACES = (".md", ".yaml", ".py", ".tpl", ".txt")


def mentions(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield file and version of everything that names a program with its version.

    The changelog tells of older ones, and tests may invent some.
    """
    for path in repository_files():
        is_history = path.name == "CHANGELOG.md" or path.is_relative_to(ROOT / "tests")
        if path.suffix in PLACES and not is_history:
            yield from (
                (path.relative_to(ROOT).as_posix(), found)
                for found in re.findall(pattern, path.read_text())
            )


@pytest.mark.parametrize(("pattern", "chosen"), MENTIONS.items(), ids=lambda text: text[:24])
def test_every_mention_of_a_version_is_the_chosen_one(pattern: str, chosen: str):
    """An image in a chart that differs from the one under test is one nobody has tried."""
    assert [place for place in mentions(pattern) if place[1] != chosen] == []


def test_the_media_server_has_the_chosen_version_in_the_operator_and_in_the_chart():
    """The pattern above must not pass only because it finds nothing."""
    places = {place for place, _ in mentions(next(iter(MENTIONS)))}

    assert {"operator/voicefleet/settings.py", "charts/voicefleet/values.yaml"} <= places
