"""Who calls when, and for how long: traces, and the callers drawn from them.

A trace says how many calls to expect in each minute. One seed turns it into callers, each
with the moment of the call, its length and the dice that its dispatch will need; all policies
get the same callers (common random numbers), so a difference between them is theirs alone.
Called by `sim/simulate`; traces from files are read by `cli/simulate`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from voicefleet.errors import SpecError

MINUTES_PER_DAY = 1440
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY

INTERVIEW_MEDIAN_SECONDS = 1700.0
INTERVIEW_SIGMA = 0.35
INTERVIEW_MAX_SECONDS = 5400.0
"""An interview: lognormal, half an hour in the middle, ended by policy after 90 minutes."""

CALL_QUANTILES = (
    (0.0, 5.0), (0.1, 32.0), (0.25, 64.0), (0.5, 122.0), (0.75, 219.0),
    (0.9, 380.0), (0.95, 525.0), (0.99, 900.0), (1.0, 1640.0),
)  # fmt: skip
"""A service call in seconds: mean 183 s, as in 57,578 calls of a published call centre log;
the points between are ours."""

WARM_UP_MINUTES = 90
"""A run begins with the calls that the last hour and a half of the first minute's rate left."""

GAUSS_FROM = 30.0
"""Mean from which a rounded normal number is as good as a Poisson one and much quicker."""

ARRIVALS_MAX = 100_000
"""Calls in one minute that a trace may ask for; more is a mistake in the file."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One call as it would go if somebody took it."""

    at: float
    """Seconds since the start."""
    seconds: float
    dice: float
    """0..1, decides between workers that could take the call."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Calls to expect in each minute, from the start on."""

    name: str
    rates: tuple[float, ...]
    durations: str = "interview"
    """Key of `DURATIONS`."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.rates) * 60.0


def draw_interview(random: Random) -> float:
    """Return the length of an interview in seconds."""
    seconds = random.lognormvariate(math.log(INTERVIEW_MEDIAN_SECONDS), INTERVIEW_SIGMA)
    return min(seconds, INTERVIEW_MAX_SECONDS)


def draw_call(random: Random) -> float:
    """Return the length of a service call in seconds, straight between the quantiles."""
    share = random.random()
    index = bisect_right(CALL_QUANTILES, (share, math.inf))
    (low, short), (high, long) = CALL_QUANTILES[index - 1], CALL_QUANTILES[index]
    return short + (long - short) * (share - low) / (high - low)


DURATIONS: dict[str, Callable[[Random], float]] = {"interview": draw_interview, "call": draw_call}
"""How long calls last, by the word that a trace names."""


def survive_interview(seconds: float) -> float:
    """Return the share of interviews that last longer."""
    if seconds >= INTERVIEW_MAX_SECONDS:
        return 0.0
    if seconds <= 0:
        return 1.0
    normal = math.log(seconds / INTERVIEW_MEDIAN_SECONDS) / INTERVIEW_SIGMA
    return 0.5 * math.erfc(normal / math.sqrt(2))


def survive_call(seconds: float) -> float:
    """Return the share of service calls that last longer."""
    for (low, short), (high, long) in pairwise(CALL_QUANTILES):
        if short <= seconds < long:
            return 1 - (low + (high - low) * (seconds - short) / (long - short))
    return 1.0 if seconds < CALL_QUANTILES[0][1] else 0.0


SURVIVAL: dict[str, Callable[[float], float]] = {
    "interview": survive_interview,
    "call": survive_call,
}
"""The share of calls that last longer than so many seconds, by the same words."""

SETTLED_SHARE = 1e-4
"""A share this small of the calls of one minute is nobody any more."""


def follow_sessions(name: str, sessions: Sequence[float], durations: str = "interview") -> Trace:
    """Return the trace whose expected number of running calls follows the one given per minute.

    Each minute gets as many new calls as those still running leave room for; before the first
    one there were always as many as in it. A fall faster than calls end is followed as their
    ends allow.
    """
    survive = SURVIVAL[durations]
    lasting: list[float] = []
    while not lasting or lasting[-1] > SETTLED_SHARE:
        lasting.append(survive(60.0 * len(lasting) + 30.0))
    steady = sessions[0] / sum(lasting) if sessions else 0.0
    rates = [steady] * len(lasting)
    for wanted in sessions:
        recent = rates[: -len(lasting) : -1]
        running = sum(rate * share for rate, share in zip(recent, lasting[1:], strict=False))
        rates.append(max(0.0, wanted - running) / lasting[0])
    return Trace(name, tuple(rates[len(lasting) :]), durations)


def draw_callers(trace: Trace, seed: int) -> tuple[Caller, ...]:
    """Return the callers of one run, in the order of their calls.

    Those who called before the start and still talk come first, at second 0. Arrivals,
    lengths and dice have a stream of random numbers each, so that a change of one leaves the
    others as they are.
    """
    arrivals, lengths, dice = (Random(f"{seed}/{part}") for part in ("at", "seconds", "dice"))
    draw = DURATIONS[trace.durations]
    rates = (*trace.rates[:1] * WARM_UP_MINUTES, *trace.rates)
    instants = [
        instant
        for minute, rate in enumerate(rates, -WARM_UP_MINUTES)
        for instant in sorted(
            60.0 * (minute + arrivals.random()) for _ in range(draw_poisson(arrivals, rate))
        )
    ]
    callers = (Caller(at, draw(lengths), dice.random()) for at in instants)
    return tuple(_since_start(caller) for caller in callers if caller.at + caller.seconds > 0)


def _since_start(caller: Caller) -> Caller:
    """Return the rest of a call that began before the start."""
    if caller.at >= 0:
        return caller
    return Caller(0.0, caller.at + caller.seconds, caller.dice)


def draw_poisson(random: Random, mean: float) -> int:
    """Return a Poisson number of that mean."""
    if mean <= 0:
        return 0
    if mean >= GAUSS_FROM:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    threshold, product, count = math.exp(-mean), random.random(), 0
    while product > threshold:
        product *= random.random()
        count += 1
    return count


def keep_constant(sessions: int, *, seconds: float, call_seconds: float = 3600.0) -> list[Caller]:
    """Return callers of whom exactly so many talk at any time.

    They begin evenly spread over the length of one call, the first of them before the start,
    and each one's end is another's beginning.
    """
    step = call_seconds / sessions
    count = math.ceil(seconds / step)
    golden = 0.6180339887498949
    callers = (
        Caller(index * step, call_seconds, index * golden % 1.0)
        for index in range(1 - sessions, count)
    )
    return [_since_start(caller) for caller in callers]


def parse_trace(text: str, *, name: str, durations: str = "call") -> Trace:
    """Read `minute,arrivals` lines; a minute that is left out has no arrivals.

    Raises:
        SpecError: A line is no pair of numbers or out of range; the message names the line.
    """
    counts: dict[int, float] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip() == "minute,arrivals":
            continue
        counts.update([_parse_line(line, where=f"{name}: line {number}")])
    if not counts:
        raise SpecError(f"{name}: no line has arrivals; write `minute,arrivals` and then `0,12`")
    rates = tuple(counts.get(minute, 0.0) for minute in range(max(counts) + 1))
    return Trace(name, rates, durations)


def _parse_line(line: str, *, where: str) -> tuple[int, float]:
    minute, _, arrivals = line.partition(",")
    try:
        pair = int(minute), float(arrivals)
    except ValueError as error:
        raise SpecError(
            f"{where} is {line!r}; write the minute and its arrivals, such as 540,12"
        ) from error
    if not 0 <= pair[0] <= 60 * MINUTES_PER_WEEK or not 0 <= pair[1] <= ARRIVALS_MAX:
        raise SpecError(
            f"{where} is {line!r}; minutes go from 0 to {60 * MINUTES_PER_WEEK}, arrivals from 0 "
            f"to {ARRIVALS_MAX}"
        )
    return pair


def repeat_trace(trace: Trace, weeks: int) -> Trace:
    """Return the trace again and again until it is so many weeks long."""
    wanted = weeks * MINUTES_PER_WEEK
    times = math.ceil(wanted / len(trace.rates))
    return replace(trace, rates=(trace.rates * times)[:wanted])
