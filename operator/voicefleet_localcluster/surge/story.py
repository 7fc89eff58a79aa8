"""The day that the demo tells, at twelve times its speed: how many callers there are when. Pure.

A morning with 40 people in their interviews, then a campus opens its doors and there are 500
within twelve minutes; at the height of it the metrics provider is away for four minutes; then
everybody goes home, and a quiet afternoon shows whose workers were taken away too early.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from voicefleet.sim.traffic import INTERVIEW_SIGMA

CLOCK: Final = 12.0
"""Seconds of the story in one second of the demo."""
MEDIAN_SECONDS: Final = 30.0
"""Middle duration of a call in the demo's seconds: a screening interview of six minutes."""
PATIENCE_SECONDS: Final = 1.0
"""Twelve seconds of the story without an answer, and a candidate hangs up."""
OPENS_AT_SECONDS: Final = 9 * 3600.0
"""The story begins at nine."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the day in which the callers become more or fewer evenly."""

    title: str
    seconds: float
    """Of the demo."""
    sessions_from: float
    sessions_to: float
    metrics_away: bool = False


CHAPTERS: Final = (
    Chapter("a quiet morning", 30, 40, 40),
    Chapter("the campus opens its doors", 60, 40, 500),
    Chapter("the rush", 25, 500, 500),
    Chapter("the metrics provider is away", 20, 500, 500, metrics_away=True),
    Chapter("the rush goes on", 15, 500, 500),
    Chapter("everybody goes home", 60, 500, 40),
    Chapter("a quiet afternoon", 45, 40, 40),
)


def length_of(chapters: Sequence[Chapter]) -> float:
    """Return the seconds of a story."""
    return sum(chapter.seconds for chapter in chapters)


LENGTH_SECONDS: Final = length_of(CHAPTERS)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where in the day one is."""

    chapter: Chapter
    sessions: float
    """Sessions that would be there if everybody who rang got through."""


def moment_at(seconds: float, chapters: Sequence[Chapter] = CHAPTERS) -> Moment:
    """Return the moment so many seconds after the beginning of a story, by default the demo's."""
    rest = max(0.0, seconds)
    for chapter in chapters:
        if rest < chapter.seconds:
            share = rest / chapter.seconds
            grown = share * (chapter.sessions_to - chapter.sessions_from)
            return Moment(chapter, chapter.sessions_from + grown)
        rest -= chapter.seconds
    return Moment(chapters[-1], chapters[-1].sessions_to)


def calls_per_second(sessions: float) -> float:
    """Return the rate that keeps so many sessions, by Little's law: rate = sessions / duration.

    The mean of a log-normal is its median times e^(sigma² / 2).
    """
    return sessions / (MEDIAN_SECONDS * math.exp(INTERVIEW_SIGMA**2 / 2))


def clock_at(seconds: float) -> str:
    """Return the story's time of day, as on a wall: 09:04."""
    minutes = int((OPENS_AT_SECONDS + seconds * CLOCK) // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def chapter_begins(title: str) -> float:
    """Return after how many seconds of the demo a chapter begins."""
    begun = 0.0
    for chapter in CHAPTERS:
        if chapter.title == title:
            return begun
        begun += chapter.seconds
    raise LookupError(f"{title!r} is no chapter of the story")
