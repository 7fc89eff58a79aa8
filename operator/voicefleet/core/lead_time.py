"""How long it takes until a new replica takes sessions, measured on real starts.

Everything that looks ahead looks ahead by this time: nodes that have to be bought, images that
have to be pulled and models that have to be loaded are all in it. Called by
`core/agents_memory` and `core/media_size`.
"""

import math
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from voicefleet.model.observed import Pod, Tier
from voicefleet.recall import remembered

STARTS_KEPT = 20
"""The newest starts say how long the next one takes; older ones met another cluster."""

SHARE = 0.9
"""The P90: one start in ten may take longer, and the safety stock covers it."""

REACTION_SECONDS = 15
"""From a call's beginning to a decision that knows of it, at the latest."""

START_SECONDS_UNMEASURED = 60
"""Before the first start is seen: an image of a gigabyte, pulled and started."""

START_SECONDS_MIN = 15
"""A pod that was ready faster was lucky; the next one may have to pull its image."""

START_SECONDS_MAX = 900
"""A pod Ready later than this was restarted since, or waited for a person."""

ANNOUNCED_SECONDS_MIN = 300
"""A cloud brings a node in two to four minutes, and the worker on it starts after that; five
minutes of idle workers, a few times a week, cost less than the first callers of the day."""

Start = tuple[str, int, int]
"""The end of a pod's UID, when it was created, and its seconds to Ready."""


@dataclass(frozen=True, slots=True)
class Starts:
    """The newest starts, the oldest of them first."""

    entries: tuple[Start, ...] = ()

    @remembered(8)
    def note(self, pods: tuple[Pod, ...], tier: Tier = Tier.AGENTS) -> "Starts":
        """Return the same with the starts of a tier's pods that are Ready; each counts once."""
        known = {entry[0]: entry for entry in self.entries}
        oldest = min(entry[1] for entry in self.entries) if len(known) == STARTS_KEPT else 0
        for entry in _find_starts(pods, tier):
            if entry[1] >= oldest:  # Older than twenty others, it would only be dropped again.
                known.setdefault(entry[0], entry)
        newest = sorted(known.values(), key=itemgetter(1, 0))
        entries = tuple(newest[-STARTS_KEPT:])
        return self if entries == self.entries else Starts(entries)

    @property
    def lead_seconds(self) -> int:
        """Return the lead time.

        Of 20 starts from 31 s to 50 s the 18th counts: 48 s, and with the reaction 63 s.
        """
        times = sorted(seconds for _, _, seconds in self.entries)
        if not times:
            return REACTION_SECONDS + START_SECONDS_UNMEASURED
        p90 = times[math.ceil(SHARE * len(times)) - 1]
        return REACTION_SECONDS + max(START_SECONDS_MIN, p90)

    @property
    def announced_seconds(self) -> int:
        """Return the lead time of demand that was announced: never less than five minutes.

        Ordinary growth finds room on nodes that are there, and that is what was measured. A
        surge asks for more at once than they hold.
        """
        return max(self.lead_seconds, ANNOUNCED_SECONDS_MIN)

    def to_json(self) -> list[list[Any]]:
        """Return the form that memory keeps."""
        return [list(entry) for entry in self.entries]


@remembered(8)
def read_starts(stored: object) -> Starts:
    """Return remembered starts; entries that are not what we write are left out."""
    if not isinstance(stored, list | tuple):
        return Starts()
    entries = [(entry[0], entry[1], entry[2]) for entry in stored if _is_entry(entry)]
    return Starts(tuple(entries[-STARTS_KEPT:]))


@remembered(8)
def _find_starts(pods: tuple[Pod, ...], tier: Tier) -> tuple[Start, ...]:
    """Return the starts of a tier's Ready pods, without times that no start takes."""
    starts = []
    for pod in pods:
        if pod.tier is not tier or pod.ready_at is None:
            continue
        created = int(pod.created_at.timestamp())
        seconds = int(pod.ready_at.timestamp()) - created
        if 0 <= seconds <= START_SECONDS_MAX:
            starts.append((_short(pod.uid), created, seconds))
    return tuple(starts)


def _is_entry(entry: object) -> bool:
    # A pattern would say the same; twenty of them in each cycle were felt.
    if not isinstance(entry, list | tuple) or len(entry) != 3:  # noqa: PLR2004 - as we write it
        return False
    pod, created, seconds = entry
    is_typed = isinstance(pod, str) and isinstance(created, int) and isinstance(seconds, int)
    return is_typed and created >= 0 and 0 <= seconds <= START_SECONDS_MAX


def _short(uid: str) -> str:
    """Return enough of a UID to tell 20 pods apart."""
    return uid[-12:]
