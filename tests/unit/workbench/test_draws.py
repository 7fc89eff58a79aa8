"""A comparison that is interrupted goes on where it was."""

from pathlib import Path

from voicefleet.sim.generators import steady
from voicefleet.sim.result import PolicyRun, Score
from voicefleet_workbench.draws import Kept, configuration_hash, draw_all, name_draw
from voicefleet_workbench.policies import compare
from voicefleet_workbench.sources import ROOT

SCORE = Score(
    sessions=700, rejected=7, cut=0, lost=0, slow=0, overflowed=0, bad_percent=1.0,
    worker_hours=92.5, ideal_hours=80.0, worker_starts=9, node_starts=2, changes=10,
    longest_unserved_seconds=12.5, over_target_minutes=0, cost=15.7,
)  # fmt: skip
DRAW = (PolicyRun("VoiceFleet", 8, SCORE),)


def test_a_draw_comes_back_from_its_file(tmp_path: Path):
    """An hour of two processors must survive the process that spent it."""
    Kept.at(tmp_path / "draws").note("one", DRAW)

    kept = Kept.at(tmp_path / "draws")

    assert kept.draws == {"one": DRAW}


def test_what_is_kept_is_not_drawn_again(tmp_path: Path):
    """The second half of a comparison begins where the first one ended."""
    trace, frozen = steady(), configuration_hash()
    kept = Kept.at(tmp_path / "draws")
    for seed in (1, 2):
        kept.note(name_draw(trace, seed, frozen), DRAW)

    draw_all([trace], 2, kept)

    assert len((tmp_path / "draws").read_text().splitlines()) == 2


def test_another_configuration_is_another_draw():
    """Results of two configurations must never be put into one table."""
    names = {name_draw(steady(), 1, frozen) for frozen in ("0a", "0b")}

    assert len(names) == 2


def test_rows_are_made_over_all_seeds():
    """A row tells the mean, and the worst of what must never happen."""
    (row,) = compare([DRAW, DRAW])

    assert (row.bad, row.hours_mean, row.cut) == ((1.0, 1.0), 92.5, 0)


def test_the_published_tables_are_of_the_configuration_that_stands():
    """A constant that moves, even one that decides nothing, makes the tables another formula's."""
    published = (ROOT / "docs" / "policies.md").read_text()

    assert f"hash `{configuration_hash()}`" in published
