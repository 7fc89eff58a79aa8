"""Announced demand is met when it comes, not a lead time later, and let go of gently."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from voicefleet.core.surge import SLOPE_STEP, SurgeFloor, surge_floor
from voicefleet.model.surge import Surge

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEAD = timedelta(seconds=170)
SECOND = timedelta(seconds=1)


def a_surge(**changes) -> Surge:
    """Return 500 sessions from nine to eleven, without ramp or glide, with changes."""
    values = {
        "plan": "campus-day",
        "window": "morning",
        "starts_at": NINE,
        "ends_at": NINE + timedelta(hours=2),
        "peak_sessions": 500,
    }
    return Surge(**(values | changes))


def test_capacity_is_asked_for_exactly_a_lead_time_early():
    """A second later it would come up too late for the first caller, a second earlier it costs."""
    begins = NINE - LEAD

    early = surge_floor([a_surge()], begins - SECOND, LEAD)
    on_time = surge_floor([a_surge()], begins, LEAD)

    assert (early.sessions, on_time.sessions) == (0, 500)
    assert early.changes_at == begins


def test_the_whole_peak_is_kept_until_the_end():
    """Lead time at the end of a window is no reason to look past it."""
    ends = NINE + timedelta(hours=2)

    floors = [surge_floor([a_surge()], at, LEAD).sessions for at in (ends - SECOND, ends)]

    assert floors == [500, 0]


def test_a_ramp_is_met_a_lead_time_before_each_step_of_it():
    """Callers of a ramp come one by one; so does the capacity, always a lead time ahead."""
    surge = a_surge(ramp_seconds=1000)

    half = surge_floor([surge], NINE + timedelta(seconds=500) - LEAD, LEAD)

    assert half.sessions == 250
    assert half.because == (
        "SurgePlan campus-day (morning) expects 250 of 500 sessions until 2026-11-23 11:00Z"
    )


def test_demand_glides_from_the_peak_to_nothing():
    """A cliff would drain workers while calls that began in the window still run on them."""
    surge = a_surge(glide_seconds=600)
    ends = surge.ends_at

    floors = [
        surge_floor([surge], ends + timedelta(seconds=after), LEAD).sessions
        for after in (0, 60, 300, 540, 599, 600)
    ]

    assert floors == [500, 450, 250, 50, 1, 0]


def test_a_ramp_that_is_longer_than_its_window_glides_from_where_it_got_to():
    """The peak was never reached, so nothing may jump up at the end."""
    surge = a_surge(ramp_seconds=14400, glide_seconds=600)

    floors = [
        surge_floor([surge], at).sessions
        for at in (surge.ends_at - SECOND, surge.ends_at, surge.ends_at + timedelta(seconds=300))
    ]

    assert floors == [250, 250, 125]


def test_overlapping_windows_never_add_up():
    """Two plans about one campus day describe the same callers."""
    other = a_surge(plan="sales", window="calls", peak_sessions=300)

    floor = surge_floor([other, a_surge()], NINE)

    assert floor.sessions == 500


def test_sessions_and_workers_are_kept_apart():
    """Which of them is more depends on what a worker holds, and that is learnt elsewhere."""
    workers = a_surge(plan="sales", window="warm", peak_sessions=0, min_replicas=12)

    floor = surge_floor([workers, a_surge()], NINE)

    assert (floor.sessions, floor.replicas) == (500, 12)
    assert "(morning) expects 500 sessions" in floor.because
    assert "SurgePlan sales (warm) expects 12 workers" in floor.because


def test_a_window_of_higher_priority_stands_for_the_others_of_its_plan():
    """That is how a holiday is an exception to every working day."""
    holiday = a_surge(window="holiday", peak_sessions=20, priority=10)

    floor = surge_floor([a_surge(), holiday], NINE)

    assert floor.sessions == 20


def test_an_exception_ends_in_time_for_the_window_after_it():
    """Capacity for what follows the holiday has to come up while the holiday still lasts."""
    holiday = a_surge(window="holiday", peak_sessions=20, priority=10)
    after = a_surge(starts_at=holiday.ends_at, ends_at=holiday.ends_at + timedelta(hours=1))

    floors = [
        surge_floor([holiday, after], at, LEAD).sessions
        for at in (holiday.ends_at - LEAD - SECOND, holiday.ends_at - LEAD)
    ]

    assert floors == [20, 500]


def test_one_plan_can_never_lower_what_another_one_asks_for():
    """The other team's campus day must not depend on somebody's priorities."""
    mine = a_surge(plan="small", peak_sessions=0, priority=100)

    floor = surge_floor([mine, a_surge()], NINE)

    assert floor.sessions == 500


def test_bookings_count_whatever_the_priorities_are():
    """Somebody has promised these people a call."""
    holiday = a_surge(window="holiday", peak_sessions=0, priority=100)
    booked = a_surge(window="bookings", peak_sessions=7, is_booked=True)

    floor = surge_floor([a_surge(), holiday, booked], NINE)

    assert floor.sessions == 7


def test_scale_down_is_inhibited_from_the_first_step_up_to_the_end_of_the_glide():
    """Whoever asks for it wants nobody to leave while the day lasts."""
    surge = a_surge(inhibit_scale_down=True, glide_seconds=600)
    glided = surge.ends_at + timedelta(seconds=600)

    inhibited = [
        surge_floor([surge], at, LEAD).inhibits_scale_down
        for at in (NINE - LEAD - SECOND, NINE - LEAD, glided - SECOND, glided)
    ]

    assert inhibited == [False, True, True, False]


def test_an_outranked_window_inhibits_nothing():
    """Of two that contradict each other the higher one counts, also about this."""
    holiday = a_surge(window="holiday", peak_sessions=20, priority=10)

    floor = surge_floor([a_surge(inhibit_scale_down=True), holiday], NINE)

    assert not floor.inhibits_scale_down


def test_nothing_announced_is_no_floor_and_no_reason_to_look_again():
    """Most fleets have no plan, and must not pay for it."""
    assert surge_floor([], NINE, LEAD) == SurgeFloor()


def test_a_slope_is_looked_at_again_within_seconds():
    """Time alone raises it, and no event tells."""
    floor = surge_floor([a_surge(ramp_seconds=600)], NINE + timedelta(seconds=60), LEAD)

    assert floor.changes_at == NINE + timedelta(seconds=60) + SLOPE_STEP


def test_an_amount_is_not_rounded_up_by_binary_fractions():
    """500 * 0.1 is 50 sessions; a 51st would be a worker for nobody."""
    surge = a_surge(glide_seconds=10)

    floor = surge_floor([surge], surge.ends_at + timedelta(seconds=9))

    assert floor.sessions == 50


@st.composite
def surges(draw, plans=("a", "b")) -> Surge:
    """Draw a window around nine o'clock."""
    begins = NINE + timedelta(seconds=draw(st.integers(-7200, 7200)))
    return Surge(
        plan=draw(st.sampled_from(plans)),
        window=draw(st.sampled_from(("x", "y", "z"))),
        starts_at=begins,
        ends_at=begins + timedelta(seconds=draw(st.integers(60, 7200))),
        peak_sessions=draw(st.integers(0, 500)),
        ramp_seconds=draw(st.integers(0, 3600)),
        glide_seconds=draw(st.integers(0, 3600)),
        inhibit_scale_down=draw(st.booleans()),
        priority=draw(st.integers(0, 2)),
        is_booked=draw(st.booleans()),
    )


LEADS = st.integers(0, 1800).map(lambda seconds: timedelta(seconds=seconds))


@given(st.lists(surges(), max_size=6), LEADS, st.integers(0, 600))
def test_it_is_the_most_that_is_announced_until_a_lead_time_from_now(many, lead, offset):
    """The law that everything else follows from, tried second by second against no lead."""
    now = NINE + timedelta(seconds=offset)
    moments = {now, now + lead} | {now + lead * share / 7 for share in range(1, 7)}

    floor = surge_floor(many, now, lead).sessions

    assert all(surge_floor(many, at).sessions <= floor for at in moments)


@given(st.lists(surges(), max_size=5), surges(plans=("c",)), LEADS)
def test_one_more_plan_never_lowers_anything(many, more, lead):
    """Announcing demand is safe: whoever does it can only add capacity."""
    before, after = surge_floor(many, NINE, lead), surge_floor([*many, more], NINE, lead)

    assert after.sessions >= before.sessions
    assert after.inhibits_scale_down >= before.inhibits_scale_down


@given(st.lists(surges(), max_size=6), LEADS, LEADS)
def test_a_longer_lead_time_never_lowers_anything(many, lead, more):
    """Slow nodes are a reason to start earlier, never to ask for less."""
    assert surge_floor(many, NINE, lead).sessions <= surge_floor(many, NINE, lead + more).sessions


@given(st.lists(surges(), max_size=6), LEADS, st.randoms())
def test_the_order_of_plans_does_not_matter(many, lead, random):
    """The same plans give the same floor and the same sentence, however a cache lists them."""
    shuffled = list(many)
    random.shuffle(shuffled)

    again = surge_floor(shuffled, NINE, lead)

    assert (again.sessions, again.changes_at) == (
        surge_floor(many, NINE, lead).sessions,
        surge_floor(many, NINE, lead).changes_at,
    )


@given(st.lists(surges(), max_size=6), LEADS, st.integers(1, 4999))
def test_nothing_changes_before_it_is_said_to(many, lead, thousandths):
    """The cycle sleeps until then; a change in between would come late."""
    floor = surge_floor(many, NINE, lead)
    if floor.changes_at is None or floor.changes_at <= NINE + SLOPE_STEP:
        return  # On a slope it moves all the time, and is looked at again within seconds.
    between = NINE + (floor.changes_at - NINE) * (thousandths / 5000)

    later = surge_floor(many, between, lead)

    assert (later.sessions, later.replicas) == (floor.sessions, floor.replicas)
