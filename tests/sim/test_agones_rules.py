"""The model of Agones' counter buffer against the cases that Agones publishes.

Numbers are those of pkg/fleetautoscalers/fleetautoscalers_test.go (counter policies).
"""

import pytest

from voicefleet.sim.agones import CounterPolicy, FleetCount, size_by_buffer

TEN_FREE = CounterPolicy(10, 100, buffer=10)


@pytest.mark.parametrize(
    ("policy", "fleet", "expected"),
    [
        pytest.param(TEN_FREE, FleetCount(10, 68, 70, 7), 12, id="grows"),
        pytest.param(
            CounterPolicy(10, 100, buffer=25),
            FleetCount(3, 21, 30, 10, taken_at_start=7),
            9,
            id="new-servers-are-not-empty",
        ),
        pytest.param(TEN_FREE, FleetCount(10, 60, 70, 7), 10, id="as-it-should-be"),
        pytest.param(
            CounterPolicy(70, 700, buffer=10), FleetCount(10, 1, 70, 7), 10, id="at-the-minimum"
        ),
        pytest.param(
            CounterPolicy(70, 700, buffer=10), FleetCount(7, 1, 49, 7), 10, id="below-the-minimum"
        ),
        pytest.param(TEN_FREE, FleetCount(14, 98, 98, 7), 14, id="at-the-maximum"),
        pytest.param(
            CounterPolicy(50, 100, percent=10),
            FleetCount(3, 20, 30, 10),
            5,
            id="grows-to-the-minimum",
        ),
        pytest.param(
            CounterPolicy(10, 100, percent=30), FleetCount(10, 8, 10, 1), 12, id="percent"
        ),
    ],
)
def test_the_buffer_gives_the_published_counts(policy, fleet, expected):
    """Agones is the strongest peer; it has to be the real one."""
    assert size_by_buffer(policy, fleet) == expected


def test_percent_counts_allocated_places():
    """Case `by percent with Count`: 20 places allocated, 50 % free, servers that start with 3."""
    fleet = FleetCount(3, 20, 30, 10, taken_at_start=3, allocated=20)

    wanted = size_by_buffer(CounterPolicy(10, 100, percent=50), fleet)

    assert wanted == 5


def test_the_buffer_shrinks_server_by_server_until_the_minimum_would_break():
    """Case `scale down limited`: of four servers two stay, because one alone has 5 of 7 places."""
    servers = [(0, 14), (0, 10), (0, 7), (1, 5)]

    wanted = size_by_buffer(CounterPolicy(7, 700, buffer=1), FleetCount(4, 1, 36, 7), servers)

    assert wanted == 2


def test_the_maximum_takes_servers_away():
    """Case `scale down to max capacity`: 15 places where 5 are allowed."""
    policy = CounterPolicy(1, 5, buffer=5)

    wanted = size_by_buffer(policy, FleetCount(3, 0, 15, 5), [(0, 5)] * 3)

    assert wanted == 1


def test_the_last_server_stays():
    """Case `scale up limited must scale down`: 7 of 7 places taken, 2 allowed."""
    policy = CounterPolicy(0, 2, buffer=1)

    assert size_by_buffer(policy, FleetCount(1, 7, 7, 7), [(7, 7)]) == 1


def test_an_empty_fleet_with_a_percentage_keeps_one():
    """Nothing allocated asks for nothing, and one server suffices for the minimum."""
    assert size_by_buffer(CounterPolicy(5, 100, percent=40), FleetCount(9, 0, 90, 10)) == 1
