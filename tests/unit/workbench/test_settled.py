"""Benchmarks of a fleet at rest mean nothing if the fleet is not at rest, or not whole."""

from voicefleet.model.observed import Tier
from voicefleet.planning import plan_fleet
from voicefleet_workbench import bench
from voicefleet_workbench.bench_planner import NOW
from voicefleet_workbench.settled import example_fleet, settle


def test_a_settled_fleet_needs_nothing():
    """Otherwise the bench would measure the making of steps that no idle cycle makes."""
    fleet = example_fleet(workers=5)

    seen = settle(fleet, NOW)

    assert plan_fleet(fleet, seen, NOW).steps == ()


def test_a_settled_fleet_has_every_worker_it_asks_for():
    """A bench of a thousand workers with two of them in it would be very fast."""
    seen = settle(example_fleet(workers=5), NOW)

    assert sum(pod.tier is Tier.AGENTS for pod in seen.pods) == 5


def test_a_part_that_does_not_exist_is_named_with_those_that_do(capsys):
    """A misspelt word must not pass as a bench that met its bars."""
    code = bench.main(["plannr"])

    assert code == 2
    assert capsys.readouterr().out == (
        f"bench: there is no part 'plannr'; choose from {', '.join(bench.PARTS)}\n"
    )
