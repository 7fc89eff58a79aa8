"""How many workers a fleet should have: examples computed by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import MINUTE, NOW, SECOND
from support.sizing import Pilot, a_sight, a_spec, slow_answers, spread
from voicefleet.api.reasons import Reason
from voicefleet.api.scaling import ScalingMode
from voicefleet.core.agents_size import decide_agents_size
from voicefleet.core.latency import view_latency
from voicefleet.model.observed import Tier
from voicefleet.model.signal import Stage
from voicefleet.model.surge import Surge

HALF_HOUR = timedelta(minutes=30)


def test_sessions_and_their_safety_stock_are_divided_by_slots():
    """34 sessions, one new every 5 s, 75 s of lead time: 1.5 * sqrt(15 + 15) = 8.2; 43 / 8 = 6."""
    starts = [NOW - (2 + 5 * n) * SECOND for n in range(24)]

    sizing, _ = decide_agents_size(a_spec(), a_sight(spread(34, 5), starts=starts), 5, NOW)

    assert (sizing.wanted, sizing.reason) == (6, Reason.DEMAND_ROSE)
    assert sizing.because == "agents 5→6: (34 sessions + 8.2 safety) / 8 per worker"
    assert sizing.figures["leadSeconds"] == 75, "15 s to notice, 60 s to start, unmeasured"


def test_a_fleet_without_calls_stays_at_its_minimum():
    """Spares count within the minimum: nobody pays for a third worker that nobody needs."""
    sizing, _ = decide_agents_size(a_spec(low=2), a_sight([0, 0]), 2, NOW)

    assert sizing.wanted == 2
    assert sizing.wake_after is None


def test_one_caller_keeps_a_spare_worker():
    """A worker may die at any time; its caller calls again and must find another one."""
    sizing, _ = decide_agents_size(a_spec(low=0), a_sight([1]), 1, NOW)

    assert sizing.wanted == 2
    assert sizing.desires[0].name == "spare"


def test_a_fleet_at_rest_remembers_nothing_new():
    """Otherwise memory is written once a minute for a fleet in which nothing happens."""
    pilot = Pilot(a_spec(), 2)
    pilot.run(0, minutes=5)
    before = pilot.memory

    pilot.run(0, minutes=60, every=60)

    assert pilot.memory == before


def test_sessions_of_cordoned_workers_count():
    """They end there, but the callers after them call elsewhere."""
    sizing, _ = decide_agents_size(a_spec(), a_sight([8, 8, 8, 8], cordoned=2), 2, NOW)

    assert sizing.figures["sessions"] == 32
    assert sizing.wanted >= 5


def test_a_step_of_load_is_answered_in_one_decision():
    """Doubling round by round loses a lead time per round."""
    pilot = Pilot(a_spec(), 4)
    pilot.run(20, minutes=5)

    assert pilot.see(200).wanted >= 25 + 1


def test_workers_that_start_are_not_asked_for_twice():
    """Demand has not changed while they start; asking again would double the fleet."""
    pilot = Pilot(a_spec(), 4)
    first = pilot.see(60).wanted

    assert set(pilot.run(60, minutes=2)) == {first}


def test_a_fall_waits_and_goes_in_parts():
    """120 s with fewer sessions, then a fifth per minute."""
    pilot = Pilot(a_spec(), 20)
    pilot.run(140, minutes=5)
    peak = pilot.count

    counts = pilot.run(40, minutes=10)

    assert counts[6] == peak, "105 s later"
    assert counts[9] == peak - peak // 5, "the first part"
    assert counts[-1] == 7, "40 calls of 180 s, 75 s ahead: (40 + 1.5 * sqrt(16.7 + 16.7)) / 8"


def test_rooms_that_nobody_accounts_for_keep_the_workers():
    """Servers hold 50 rooms and workers tell of 10 sessions: somebody is wrong."""
    pilot = Pilot(a_spec(), 10)

    counts = pilot.run(10, minutes=20, rooms=50)

    assert set(counts) == {10}
    assert pilot.sizing is not None
    assert "50 rooms on the media servers, but workers account for 10" in pilot.sizing.because


def test_without_the_second_witness_nobody_goes():
    """A removal needs two: what workers say, and what the servers say."""
    assert set(Pilot(a_spec(), 10).run(10, minutes=20, rooms=None)) == {10}


def test_no_word_of_any_worker_changes_nothing():
    """Unknown is not zero."""
    pilot = Pilot(a_spec(), 7)

    for _ in range(60):
        pilot.now += 15 * SECOND
        sizing = pilot.decide(a_sight([None] * 7, pilot.now))

    assert sizing.wanted == 7
    assert "sessions" in sizing.invalid


def test_a_silent_worker_counts_as_full_when_others_may_go():
    """10 workers, one silent: 8 slots of it, none elsewhere, and 2 workers are enough."""
    pilot = Pilot(a_spec(), 10)

    for _ in range(80):
        pilot.now += 15 * SECOND
        pilot.decide(a_sight([None] + [0] * (pilot.count - 1), pilot.now, rooms=0))

    assert pilot.count == 2
    assert pilot.sizing is not None
    assert {desire.name for desire in pilot.sizing.desires} >= {"silent", "demand"}


def test_a_silent_worker_never_raises_the_count():
    """What nobody knows is no demand either."""
    sizing, _ = decide_agents_size(a_spec(), a_sight([None, None, None]), 3, NOW)

    assert sizing.wanted == 3


def test_after_ten_silent_minutes_room_is_made_for_what_is_usual():
    """The operator is blind at 9 on a Monday; callers come all the same."""
    pilot = Pilot(a_spec(), 4)
    pilot.run(0, minutes=1)
    weeks = {str(int(NOW.timestamp()) // 604800 - back): [80] * 672 for back in (0, 1, 2)}
    pilot.memory = {**pilot.memory, "season": {"until": 0, "area": 0, "watched": 0, "weeks": weeks}}

    wanted = {}
    for minute in range(12):
        pilot.now += MINUTE
        wanted[minute] = pilot.decide(a_sight([None] * 4, pilot.now)).wanted

    assert wanted[9] == 4
    assert wanted[11] == 10, "80 / 8"
    assert pilot.sizing is not None
    assert pilot.sizing.reason is Reason.SIGNALS_LOST


def test_announced_demand_is_there_a_lead_time_early():
    """Five minutes before the door opens for 200 candidates 25 workers are asked for."""
    day = Surge("campus", "monday", NOW + HALF_HOUR, NOW + 2 * HALF_HOUR, peak_sessions=200)
    pilot = Pilot(a_spec(), 2, surges=(day,))

    early = pilot.see(0).wanted
    pilot.now = NOW + HALF_HOUR - 305 * SECOND
    before = pilot.see(0)
    pilot.now = NOW + HALF_HOUR - 300 * SECOND
    ahead = pilot.see(0)

    assert (early, before.wanted) == (2, 2)
    assert (ahead.wanted, ahead.reason) == (25, Reason.SURGE_AHEAD)
    assert before.wake_after == 5 * SECOND


def test_slow_answers_of_full_workers_make_each_count_for_less():
    """Two windows over 400 ms at 80 % load: a worker counts for 7.2 instead of 8 sessions."""
    spec = a_spec(metrics_provider="default")
    pilot = Pilot(spec, 10)
    sights = []
    for _ in range(20):
        pilot.now += 15 * SECOND
        pilot.count = 10
        signals = slow_answers(520, pilot.now)
        sights.append(pilot.decide(a_sight([6] * 10, pilot.now, signals=signals)))

    assert sights[0].figures["capacityPercent"] == 100
    assert sights[-1].figures["capacityPercent"] in {81, 90}
    assert "latency" in {desire.name for desire in sights[-1].desires}


def test_slow_answers_of_idle_workers_add_nobody():
    """A slow language model is slow for any number of workers."""
    spec = a_spec(metrics_provider="default")
    pilot = Pilot(spec, 10)
    first = None
    for _ in range(40):
        pilot.now += 15 * SECOND
        signals = slow_answers(900, pilot.now)
        sizing = pilot.decide(a_sight(spread(8, 10), pilot.now, signals=signals))
        first = first or sizing

    assert first is not None
    assert sizing.figures["capacityPercent"] == 100
    assert sizing.wanted <= first.wanted


def test_a_provider_that_limits_its_callers_adds_nobody():
    """More workers would send it more requests."""
    spec = a_spec(metrics_provider="default")
    pilot = Pilot(spec, 10)
    for _ in range(40):
        pilot.now += 15 * SECOND
        signals = slow_answers(900, pilot.now)
        limited = replace(signals, rate_limit_hits=replace(signals.ttfb_milliseconds, value=3.0))
        pilot.count = 10
        sizing = pilot.decide(a_sight([7] * 10, pilot.now, signals=limited))

    assert sizing.figures["capacityPercent"] == 100


def test_an_outage_of_the_metrics_provider_takes_nobody_away():
    """Fifteen minutes without Prometheus at the end of a peak: nothing is removed."""
    pilot = Pilot(a_spec(metrics_provider="default"), 12)

    counts = pilot.run(20, minutes=15, signals=slow_answers(300, NOW - HALF_HOUR))

    assert set(counts) == {12}
    assert pilot.sizing is not None
    assert pilot.sizing.invalid == {"ttfb": "stale"}


def test_a_size_says_which_signal_behind_it_is_not_known():
    """Workers that were sent away for it stay until it is known again."""
    pilot = Pilot(a_spec(metrics_provider="default"), 12)

    sizing = pilot.see(20, signals=slow_answers(300, NOW - HALF_HOUR))

    assert sizing.unknown == "answers' latency is not known (stale)"


def test_beyond_the_maximum_nobody_waits_for_a_signal():
    """An author who lowers the maximum has decided; no signal could ask for those workers."""
    spec = a_spec(metrics_provider="default")
    high = spec.agents.max_replicas
    pilot = Pilot(spec, high)

    sizing = pilot.see(8 * high, signals=slow_answers(300, NOW - HALF_HOUR))

    assert (sizing.wanted, sizing.unknown) == (high, "")


def test_without_a_provider_latency_plays_no_part():
    """Sizing works from what workers say; there is nothing to be stale."""
    sizing, _ = decide_agents_size(a_spec(), a_sight([4, 4]), 2, NOW)

    assert sizing.invalid == {}


@pytest.mark.parametrize("count", [0, 5, 19])
def test_few_turns_are_no_fault(count: int):
    """At night there are too few answers for a percentile; the fleet may still shrink."""
    pilot = Pilot(a_spec(metrics_provider="default"), 12)

    for _ in range(60):
        pilot.now += 15 * SECOND
        pilot.see(3, signals=slow_answers(900, pilot.now, count=count))

    assert pilot.count == 2


def test_advice_keeps_the_count_and_says_what_it_would_be():
    """Before an SRE trusts the operator they compare it with what they would do."""
    pilot = Pilot(a_spec(mode=ScalingMode.RECOMMEND), 4)

    sizing = pilot.see(80)

    assert sizing.wanted == 4
    assert (sizing.recommended, sizing.reason) == (12, Reason.RECOMMENDED)
    assert sizing.because.endswith("scaling.mode is Recommend, so 4 stay")


def test_a_maximum_is_named_where_it_limits():
    """`maxReplicas` that is too small must not look like a fleet that needs no more."""
    sizing, _ = decide_agents_size(a_spec(high=6), a_sight([8] * 5), 5, NOW)

    assert sizing.wanted == 6
    assert "maxReplicas is 6" in sizing.because


def test_a_worker_that_is_deleted_still_counts_with_its_calls():
    """A node is being drained; its callers are there until they hang up."""
    sight = a_sight([8, 8])
    leaving = replace(sight.pods[0], is_deleting=True)
    assert leaving.tier is Tier.AGENTS

    sizing, _ = decide_agents_size(
        a_spec(), replace(sight, pods=(leaving, *sight.pods[1:])), 2, NOW
    )

    assert sizing.figures["sessions"] == 16


def test_the_guilty_stage_is_the_one_with_the_largest_excess():
    """Of 400 ms the language model has 140: 500 of it is worse than 180 of 80 for speech."""
    base = slow_answers(800, NOW)
    assert base.ttfb_milliseconds is not None
    stages = {
        Stage.LLM: replace(base.ttfb_milliseconds, value=500.0),
        Stage.TTS: replace(base.ttfb_milliseconds, value=180.0),
    }

    latency = view_latency(
        replace(base, stages=stages), NOW, target_milliseconds=400, stale_after=MINUTE
    )

    assert latency.guilty == (Stage.LLM, 500.0, 140.0)
