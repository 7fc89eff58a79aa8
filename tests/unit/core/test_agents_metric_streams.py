"""Arbitrary histories of one fleet's signals: what may never happen, and how it ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.builders import MINUTE, NOW, SECOND
from support.sizing import Pilot, a_sight, a_spec, slow_answers, spread
from voicefleet.model.signal import Sample, Signals

FAULTS = (float("nan"), float("inf"), -5.0, 1e308)


class SignalHistory(RuleBasedStateMachine):
    """Callers come and go, workers fall silent, Prometheus lies, clocks jump, memory is lost.

    After every cycle: the bounds hold, silence has taken nobody away, a fall was slow, and
    nobody fell below what the sessions need. Once all is calm the fleet has the right size.
    """

    def __init__(self) -> None:
        """Start with a fleet at its minimum."""
        super().__init__()
        self.pilot = Pilot(a_spec(2, 60, metrics_provider="default"), 2)
        self.sessions = 0
        self.before = 2
        self.was_blind = False

    def cycle(self, **more: Any) -> None:
        """Decide with what is seen now."""
        self.before = self.pilot.count
        workers = max(1, self.pilot.count)
        signals = more.pop("signals", slow_answers(300, self.pilot.now))
        sight = a_sight(spread(self.sessions, workers), self.pilot.now, signals=signals, **more)
        self.pilot.decide(sight)
        self.was_blind = False

    @rule(sessions=st.integers(0, 300), seconds=st.sampled_from([0, 1, 15, 60]))
    def call(self, sessions: int, seconds: int) -> None:
        """Let there be so many sessions."""
        self.pilot.now += seconds * SECOND
        self.sessions = sessions
        self.cycle()

    @rule(minutes=st.integers(1, 6))
    def last(self, minutes: int) -> None:
        """Let them go on."""
        for _ in range(minutes * 2):
            self.pilot.now += 30 * SECOND
            self.cycle()

    @rule(seconds=st.sampled_from([1, 15, 120, 900]))
    def fall_silent(self, seconds: int) -> None:
        """Let no worker answer."""
        self.pilot.now += seconds * SECOND
        self.before = self.pilot.count
        silent = a_sight([None] * max(1, self.pilot.count), self.pilot.now)
        self.pilot.decide(silent)
        self.was_blind = True

    @rule(value=st.sampled_from(FAULTS), seconds=st.sampled_from([1, 15, 900]))
    def lie(self, value: float, seconds: int) -> None:
        """Let the provider say what is no number."""
        self.pilot.now += seconds * SECOND
        self.cycle(signals=Signals(ttfb_milliseconds=Sample(value, self.pilot.now, 100)))
        self.was_blind = True

    @rule(seconds=st.sampled_from([15, 900]))
    def lose_servers(self, seconds: int) -> None:
        """Let the second witness be missing."""
        self.pilot.now += seconds * SECOND
        self.cycle(rooms=None)
        self.was_blind = True

    @rule(p95=st.floats(50, 3000), minutes=st.integers(1, 5))
    def answer(self, p95: float, minutes: int) -> None:
        """Let answers take so long."""
        for _ in range(minutes * 2):
            self.pilot.now += 30 * SECOND
            self.cycle(signals=slow_answers(p95, self.pilot.now))

    @rule(jump=st.sampled_from([-86400, -3600, -7, 3600, 86400]))
    def jump(self, jump: int) -> None:
        """Let the clock jump."""
        self.pilot.now += timedelta(seconds=jump)
        self.cycle()

    @rule()
    def forget(self) -> None:
        """Let a new operator begin with an empty memory."""
        self.pilot.memory = {}
        self.cycle()
        self.was_blind = True

    @invariant()
    def the_bounds_hold(self) -> None:
        """Whatever was seen."""
        assert 2 <= self.pilot.count <= 60

    @invariant()
    def not_knowing_takes_nobody_away(self) -> None:
        """Unknown never shrinks."""
        if self.was_blind:
            assert self.pilot.count >= self.before

    @invariant()
    def a_fall_is_slow(self) -> None:
        """One decision takes a fifth at most, or one."""
        assert self.pilot.count >= self.before - max(1, self.before // 5)

    @invariant()
    def nobody_falls_below_what_runs(self) -> None:
        """A fall never ends below the slots that are in use."""
        if self.pilot.count < self.before:
            assert self.pilot.count * 8 >= self.sessions

    def teardown(self) -> None:
        """Half an hour of calm: sessions / 8, their stock, and the dead band."""
        self.pilot.now = max(self.pilot.now, NOW)
        self.pilot.memory = {**self.pilot.memory, "guard": {}}
        for _ in range(180):
            self.pilot.now += 30 * SECOND
            self.cycle()
        resting = self.pilot.count
        self.pilot.now += MINUTE
        self.cycle()

        assert self.pilot.count == resting
        sizing = self.pilot.sizing
        assert sizing is not None
        asked = max(desire.replicas for desire in sizing.desires)
        assert min(asked, 60) <= resting <= max(2, asked + max(1, 0.08 * resting))


TestSignalHistory = SignalHistory.TestCase
TestSignalHistory.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)


def test_a_replay_of_a_history_gives_the_same_decisions():
    """Deterministic: the same observations give the same sizes, sentences and memories."""

    def play() -> list[Any]:
        pilot = Pilot(a_spec(), 2)
        told = []
        for tick in range(60):
            pilot.now += 15 * SECOND
            sizing = pilot.see((tick * 7) % 90)
            told.append((replace(sizing), pilot.memory))
        return told

    assert play() == play()
