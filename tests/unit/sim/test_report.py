"""The HTML report: one file that needs nothing, shows everything, and hides nothing."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from voicefleet.sim.report.axes import Frame, format_number, round_up
from voicefleet.sim.report.charts import Flag, thin_flags
from voicefleet.sim.report.page import render_report
from voicefleet.sim.result import Decided, Moment, PolicyRun, Score, Simulation, from_json

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = 3600
SCORE = Score(
    sessions=4210,
    rejected=2,
    cut=0,
    lost=0,
    slow=7,
    overflowed=0,
    bad_percent=0.214,
    worker_hours=118.5,
    ideal_hours=101.2,
    worker_starts=44,
    node_starts=12,
    changes=31,
    longest_unserved_seconds=8,
    over_target_minutes=3,
    cost=47.25,
)


def a_moment(at_seconds: float, sessions: int, *, incident: str = "") -> Moment:
    """Return the world with so many sessions."""
    return Moment(
        at_seconds=at_seconds,
        sessions=sessions,
        waiting=0,
        capacity=sessions + 40,
        workers_wanted=sessions // 8 + 5,
        workers_ready=sessions // 8 + 4,
        workers_starting=1,
        workers_draining=0,
        nodes=3,
        rejected=0,
        overflowed=0,
        ttfb_p50_milliseconds=210,
        ttfb_p95_milliseconds=340,
        ttfb_p99_milliseconds=520,
        stages_milliseconds={"stt": 60, "llm": 180, "tts": 100},
        connections=2 * sessions,
        connection_limit=800,
        gpu_percent={"tts": 61.0},
        cost=at_seconds / 600,
        incident=incident,
    )


def a_simulation(**changes: object) -> Simulation:
    """Return a morning of eight hours with a surge, an outage and two decisions."""
    timeline = tuple(
        a_moment(
            minute * 60.0,
            40 + round(260 * max(0, 1 - abs(minute - 240) / 120)),
            incident="Prometheus away" if 230 <= minute < 245 else "",
        )
        for minute in range(0, 481, 2)
    )
    decisions = (
        Decided(2 * HOUR, "agents", 9, 14, "DemandRose", "(61 + 22 forecast + 14) / 7.2 = 14"),
        Decided(5 * HOUR, "agents", 42, 38, "DemandFell", "<b>38</b> hold 270 & more"),
    )
    ours = PolicyRun("VoiceFleet", 8, SCORE, timeline, decisions)
    peer = PolicyRun("HPA 70 %", 8, replace(SCORE, cut=12, bad_percent=1.9))
    given = {
        "fleet": "hiring/interviews",
        "fleet_manifest": "kind: VoiceFleet\nmetadata: {name: interviews}\n",
        "trace": "campus-day",
        "seed": 7,
        "starts_at": MONDAY,
        "seconds": 8.0 * HOUR,
        "target_milliseconds": 400.0,
        "curve": "240 / (1 - u)^0.305 ms",
        "frozen_hash": "0123abcd",
        "currency": "USD",
        "version": "0.1.0",
        "assumptions": {"pod start": "40 s"},
        "runs": (ours, peer),
        "verdict": ("0 calls cut; 99.8 % of 4,210 callers served well",),
        **changes,
    }
    return Simulation(**given)  # type: ignore[arg-type]


class Outline(HTMLParser):
    """Reads a document strictly: every element that opens must close in its place."""

    VOID = frozenset({"meta", "line", "rect", "circle", "polyline", "polygon"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identifiers: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what opens."""
        given = dict(attrs)
        self.identifiers += [given["id"] or ""] if "id" in given else []
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what a reader sees."""
        self.texts.append(data)


def read(html: str) -> Outline:
    """Return the outline of a document."""
    outline = Outline()
    outline.feed(html)
    outline.close()
    return outline


def test_the_report_is_well_formed_and_every_link_leads_somewhere_in_it():
    """It is opened from a disk, years later, without a network."""
    outline = read(render_report(a_simulation()))

    assert outline.open == []
    assert outline.links
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.identifiers)
    assert len(outline.identifiers) == len(set(outline.identifiers))


def test_the_report_loads_nothing():
    """A font or a script from somewhere is a blank page on a plane, and a trace elsewhere."""
    html = render_report(a_simulation())

    assert re.findall(r"(?:https?:)?//[a-z]|url\(|@import|<link|<img|<iframe", html) == []
    assert html.count("<script") == html.count('<script type="application/json"') == 1


def test_every_decision_stands_with_its_formula():
    """`Why did it do that?` is the question that the report exists for."""
    text = " ".join(read(render_report(a_simulation())).texts)

    assert "(61 + 22 forecast + 14) / 7.2 = 14" in text
    assert "<b>38</b> hold 270 & more" in text


def test_the_data_can_be_taken_out_again():
    """A figure in a meeting must be traceable to a number, even if the file is all there is."""
    simulation = a_simulation(fleet_manifest="</script><script>alert(1)</script>")

    html = render_report(simulation)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)

    assert data is not None
    assert from_json(data[1]) == simulation


def test_what_was_done_to_the_world_is_shaded():
    """A bad stretch looks like a fault of ours unless one sees that the metrics were away."""
    html = render_report(a_simulation())

    assert "<title>Prometheus away</title>" in html


@pytest.mark.parametrize("runs", ["no timeline", "one policy"])
def test_a_report_without_some_data_is_still_a_report(runs: str):
    """Short runs keep less; the rest must still be readable."""
    whole = a_simulation()
    ours = replace(whole.ours, timeline=(), decisions=()) if runs == "no timeline" else whole.ours

    outline = read(render_report(replace(whole, runs=(ours,))))

    assert outline.open == []
    assert "VoiceFleet" in outline.texts


@pytest.mark.parametrize("quiet", [0, 1], ids=["first", "later"])
def test_a_minute_without_a_call_keeps_every_chart(quiet: int):
    """At night nobody calls, so no stage takes any time; a week has such minutes on any day."""
    timeline = [a_moment(minute * 60.0, 40) for minute in range(3)]
    timeline[quiet] = replace(timeline[quiet], sessions=0, stages_milliseconds={}, gpu_percent={})
    run = PolicyRun("VoiceFleet", 8, SCORE, tuple(timeline))

    page = render_report(a_simulation(runs=(run,)))

    assert "Where the P95 comes from" in page
    assert "GPUs of the speech pools" in page


def test_the_same_simulation_gives_the_same_bytes():
    """Two reports that differ must differ in what happened."""
    assert render_report(a_simulation()) == render_report(a_simulation())


@pytest.mark.parametrize(
    ("value", "top"), [(0, 4), (0.3, 0.4), (7, 8), (9, 10), (61, 80), (300, 400), (1000, 1000)]
)
def test_axes_end_at_a_number_whose_quarters_are_round(value: float, top: float):
    """Ticks of 0, 20, 40 are read at a glance; 0, 15.25, 30.5 are not."""
    assert round_up(value) == pytest.approx(top)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234.4, "1,234"), (0.25, "0.25"), (4, "4")])
def test_numbers_are_written_as_a_person_would(value: float, text: str):
    """No 1234.0 and no 0.250000."""
    assert format_number(value) == text


def test_crowded_flags_say_how_many_they_stand_for():
    """Flags on top of each other hide decisions; leaving some out silently does too."""
    frame = Frame(seconds=8 * HOUR, top=100, starts_at=MONDAY)
    flags = [Flag(number, at, "up") for number, at in enumerate([0, 60, 120, HOUR], start=1)]

    kept = thin_flags(frame, flags)

    assert [flag.number for flag in kept] == [1, 4]
    assert kept[0].text == "up (and 2 more)"


def test_flags_with_long_numbers_get_the_room_they_need():
    """A week has thousands of decisions, and 1204 on top of 1209 can be read by nobody."""
    frame = Frame(seconds=24 * HOUR, top=100, starts_at=MONDAY)
    flags = [Flag(1000 + number, 600.0 * number, "up") for number in range(100)]

    kept = thin_flags(frame, flags)

    edges = [(frame.x(flag.at_seconds) - flag.width / 2, flag.width) for flag in kept]
    assert all(left + width <= after for (left, width), (after, _) in pairwise(edges[1:]))
    assert len(kept) == 20, "each fifth: they are 6.2 pixels apart and 28 wide"


def test_every_link_of_a_long_history_leads_to_a_row():
    """The table ends after 500 rows, so later flags tell what they are without a link."""
    run = a_simulation().ours
    decisions = tuple(
        Decided(60.0 * number, "agents", 4, 5, "DemandRose", "more") for number in range(1440)
    )
    simulation = a_simulation(runs=(replace(run, decisions=decisions),), seconds=86400.0)

    page = render_report(simulation)
    outline = read(page)

    assert {link.removeprefix("#") for link in outline.links} <= set(outline.identifiers)
    assert page.count('class="flag"') > len(outline.links)
