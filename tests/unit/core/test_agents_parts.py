"""The parts of the size of the agents tier, each with numbers computed by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import NOW, SECOND, a_pod
from voicefleet.core.arrivals import Arrivals, read_arrivals
from voicefleet.core.forecast import follow_trend
from voicefleet.core.latency import Guard, Latency, read_guard
from voicefleet.core.lead_time import Starts, read_starts
from voicefleet.core.season import BIN_SECONDS, WEEK_SECONDS, Season, read_season
from voicefleet.core.steps import Steps
from voicefleet.core.stock import safety_stock

AT = int(NOW.timestamp())


class TestStock:
    """Room for callers who come while a worker starts."""

    def test_chance_alone(self):
        """20 arrivals and 20 ends within a lead time: 1.5 * sqrt(40) = 9.5."""
        assert safety_stock(60, 1 / 3, 60, measured=None) == pytest.approx(9.487, abs=0.001)

    def test_uneven_arrivals_need_more(self):
        """A measured variance of 80 instead of 20: 1.5 * sqrt(80 + 20) = 15."""
        assert safety_stock(60, 1 / 3, 60, measured=80) == pytest.approx(15)

    def test_one_burst_does_not_fill_the_fleet_with_spares(self):
        """25 times what chance explains is the most: 1.5 * sqrt(25 * 20 + 20) = 34.2."""
        assert safety_stock(60, 1 / 3, 60, measured=1e6) == pytest.approx(34.205, abs=0.001)

    def test_no_more_sessions_end_than_there_are(self):
        """4 sessions and 20 arrivals within a lead time: 1.5 * sqrt(20 + 4) = 7.3."""
        assert safety_stock(4, 1 / 3, 60, measured=None) == pytest.approx(7.348, abs=0.001)


class TestLeadTime:
    """How long a start takes, measured."""

    def test_the_p90_of_twenty_starts_and_the_reaction(self):
        """Starts of 31 s to 50 s: the 18th is 48 s, and 15 s pass until demand is noticed."""
        pods = [a_pod(f"w{n}", created_at=NOW, ready_at=NOW + (31 + n) * SECOND) for n in range(20)]

        assert Starts().note(pods).lead_seconds == 48 + 15

    def test_before_the_first_start_a_minute_is_assumed(self):
        """An operator that has seen nothing must not promise speed."""
        assert Starts().lead_seconds == 75

    def test_a_worker_counts_once_and_the_newest_twenty_count(self):
        """Each cycle sees the same pods again."""
        old = [a_pod(f"old{n}", created_at=NOW, ready_at=NOW + 300 * SECOND) for n in range(20)]
        later = NOW + timedelta(hours=1)
        new = [a_pod(f"new{n}", created_at=later, ready_at=later + 30 * SECOND) for n in range(20)]

        starts = Starts().note(old).note(old).note(new)

        assert len(starts.entries) == 20
        assert starts.lead_seconds == 30 + 15

    def test_a_restarted_worker_is_no_slow_start(self):
        """Its container became Ready an hour after the pod was made."""
        pod = a_pod("w1", created_at=NOW, ready_at=NOW + 3600 * SECOND)

        assert Starts().note([pod]) == Starts()

    def test_starts_survive_memory(self):
        """A restarted operator knows how long starts take."""
        starts = Starts().note([a_pod("w1", created_at=NOW, ready_at=NOW + 40 * SECOND)])

        assert read_starts(starts.to_json()) == starts


class TestArrivals:
    """Sessions begun, counted once each."""

    def test_a_session_counts_once_however_often_it_is_seen(self):
        """Each cycle sees the same running sessions again."""
        starts = [NOW - 30 * SECOND, NOW - 31 * SECOND, NOW - 90 * SECOND]

        arrivals = Arrivals()
        for _ in range(5):
            arrivals = arrivals.note(starts, NOW)

        assert arrivals.rate_per_second(NOW) == pytest.approx(3 / 120)

    def test_a_session_that_ended_stays_counted(self):
        """It was an arrival, whether it is still there or not."""
        arrivals = Arrivals().note([NOW - 30 * SECOND], NOW).note([], NOW)

        assert arrivals.rate_per_second(NOW) == pytest.approx(1 / 120)

    def test_even_arrivals_do_not_vary(self):
        """Four per minute, every minute: nothing to be safe against but chance."""
        arrivals = _counted([1] * 360)

        assert arrivals.variance(NOW, 60) == 0

    def test_the_variance_of_alternating_minutes(self):
        """4, 6, 4, 6, … per minute: each differs by 2 from the next, 2² / 2 = 2."""
        minutes = [1, 1, 1, 1, 2, 1, 2, 1] * 45
        arrivals = _counted(minutes)

        # Windows that begin within a minute see less of the difference; at its edges it is 2.
        assert 0 < (arrivals.variance(NOW, 60) or 0) <= 2

    def test_too_little_knowledge_has_no_variance(self):
        """Three minutes are three windows of a minute."""
        assert Arrivals().note([], NOW).variance(NOW, 60) is None

    def test_arrivals_survive_memory(self):
        """90 minutes are not counted anew after a restart."""
        arrivals = _counted([1, 0, 3] * 20)

        assert read_arrivals(arrivals.to_json()) == arrivals

    def test_an_hour_and_a_half_is_all_that_is_kept(self):
        """Memory is bounded, and the morning says nothing about the evening."""
        arrivals = _counted([1] * 360)
        later = NOW + timedelta(hours=2)

        assert arrivals.note([], later).counts == ()


class TestSteps:
    """A number over time, kept as its changes."""

    def test_a_clock_set_back_to_a_change_leaves_one_entry_there(self):
        """Two entries of one instant are no memory of ours, and all of it would be forgotten."""
        load = Steps(((AT, 0.0), (AT + 15, 1.0)))

        assert load.note(AT, 0, keep_seconds=300).changes == ((AT, 1.0),)

    def test_only_the_time_asked_about_makes_a_mean(self):
        """2 for 10 s, 8 for 20 s, then 5: over the last 20 s of 40, (8 * 10 + 5 * 10) / 20."""
        load = Steps(((AT, 2.0), (AT + 10, 8.0), (AT + 30, 5.0)))

        assert load.mean(AT + 20, AT + 40) == pytest.approx(6.5)


class TestTrend:
    """Where the last five minutes lead to."""

    def test_a_rise_beyond_chance_is_carried_on(self):
        """100 then 140 sessions, mean 120: (40 - 2 * sqrt(120)) / 200 s * 60 s = 5.4."""
        load = Steps(((AT - 300, 100.0), (AT - 200, 120.0), (AT - 100, 140.0)))

        assert follow_trend(load, AT, 60) == pytest.approx(5.427, abs=0.001)

    def test_a_rise_within_chance_is_none(self):
        """100 then 110: chance explains 20."""
        load = Steps(((AT - 300, 100.0), (AT - 100, 110.0)))

        assert follow_trend(load, AT, 60) == 0

    def test_without_five_minutes_there_is_no_trend(self):
        """The first minute after a restart looks like a rise from nothing."""
        assert follow_trend(Steps(((AT - 100, 0.0), (AT - 10, 500.0))), AT, 60) == 0


class TestSeason:
    """What is usual at this time of the week."""

    def test_a_rise_of_the_last_weeks_is_expected_again(self):
        """30 → 60 within the quarter, and 40 instead of 30 now: a third more than usual."""
        season = _weeks(AT, before=30, after=60, weeks=(1, 2))
        middle = AT // BIN_SECONDS * BIN_SECONDS + BIN_SECONDS // 2

        assert season.usual(middle) == 30
        assert season.usual_rise(middle, BIN_SECONDS, 40) == pytest.approx(30 * 40 / 30)

    def test_one_week_is_no_season(self):
        """It may have been a holiday or a campaign."""
        season = _weeks(AT, before=30, after=60, weeks=(1,))

        assert season.usual(AT) is None
        assert season.usual_rise(AT, BIN_SECONDS, 30) == 0

    def test_a_fall_is_not_forecast(self):
        """That calls usually end now is no reason to send workers away before they do."""
        season = _weeks(AT, before=60, after=10, weeks=(1, 2, 3))

        assert season.usual_rise(AT, BIN_SECONDS, 60) == 0

    def test_a_quiet_night_is_zero_and_costs_no_note(self):
        """Cycles come with events; at 8 o'clock the hours since midnight are filled in."""
        midnight = AT // WEEK_SECONDS * WEEK_SECONDS
        season = Season().note(midnight, before=None, after=0)
        for minute in range(480):
            assert season.note(midnight + 60 * minute, before=0, after=0) == season

        season = season.note(midnight + 8 * 3600, before=0, after=5)

        assert next(iter(season.weeks.values()))[:33] == [0] * 32 + [-1]

    def test_hours_that_nobody_watched_stay_unknown(self):
        """The operator was away with 50 sessions running; what they did is not known."""
        hour = AT // 3600 * 3600
        season = Season().note(hour, before=None, after=50)

        season = season.note(hour + 3600, before=50, after=50)

        assert season.weeks == {}

    def test_a_season_survives_memory(self):
        """Weeks must not be lost with a process."""
        season = _weeks(AT, before=30, after=60, weeks=(1, 2))

        assert read_season(season.to_json()) == season


class TestGuard:
    """What slow answers teach about workers."""

    def test_two_slow_windows_under_load_take_a_tenth(self):
        """One slow window may be one slow caller."""
        guard = Guard()
        for seconds in range(0, 240, 15):
            guard = guard.judge(slow(), load=0.9, now=NOW + seconds * SECOND)

        assert guard.derate == 0.9

    def test_it_never_falls_below_a_half(self):
        """Slower than that, something else is wrong."""
        guard = Guard()
        for minute in range(0, 600, 2):
            guard = guard.judge(slow(), load=0.9, now=NOW + timedelta(minutes=minute))

        assert guard.derate == 0.5

    def test_it_comes_back_while_answers_are_fast_under_load(self):
        """A fiftieth per ten minutes: 0.9 is 1.0 again after 50 minutes."""
        guard = Guard(0.9)
        for minute in range(51):
            guard = guard.judge(fast(), load=0.9, now=NOW + timedelta(minutes=minute))

        assert guard.derate == 1.0

    def test_fast_answers_of_idle_workers_prove_nothing(self):
        """They would be fast with any number of slots."""
        guard = Guard(0.9)
        for minute in range(600):
            guard = guard.judge(fast(), load=0.3, now=NOW + timedelta(minutes=minute))

        assert guard.derate == 0.9

    @pytest.mark.parametrize("load", [0.0, 0.3, 0.59])
    def test_slow_answers_at_low_load_teach_nothing(self, load: float):
        """They are somebody else's fault."""
        guard = Guard()
        for minute in range(60):
            guard = guard.judge(slow(), load=load, now=NOW + timedelta(minutes=minute))

        assert guard.derate == 1.0

    def test_what_was_learnt_survives_memory(self):
        """A restart must not fill workers beyond what they can do."""
        guard = Guard(0.81, 1, 7, None)

        assert read_guard(guard.to_json()) == guard
        assert read_guard({"derate": 0.2}) == Guard()


def slow() -> Latency:
    """Return answers beyond the target."""
    return Latency(400, ttfb_milliseconds=600.0)


def fast() -> Latency:
    """Return answers clearly within the target."""
    return replace(slow(), ttfb_milliseconds=250.0)


def _counted(bins: list[int]) -> Arrivals:
    """Return arrivals whose last whole bin is the last one given."""
    present = AT // 15
    return Arrivals(present - len(bins), present - len(bins), tuple(bins))


def _weeks(at: int, *, before: int, after: int, weeks: tuple[int, ...]) -> Season:
    """Return a season in which each week stood at `before`, and at `after` from the next bin on."""
    known = {}
    for back in weeks:
        week, place = divmod((at - back * WEEK_SECONDS) // BIN_SECONDS, 672)
        known[str(week)] = [before] * (place + 1) + [after] * (671 - place)
    return Season(at, weeks=known)
