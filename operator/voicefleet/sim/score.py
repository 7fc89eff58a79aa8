"""What a run is worth: the ledger as one score. Called by `sim/simulate`."""

from collections.abc import Sequence

from voicefleet.sim.ledger import Ledger
from voicefleet.sim.result import Score
from voicefleet.sim.world import World

HOUR = 3600.0


def score_run(world: World, *, callers: int, ideal: Sequence[int]) -> Score:
    """Return the score of a world that has come to its end.

    Args:
        world: The world after the run.
        callers: Calls that were made.
        ideal: Workers of the ideal fleet in each minute.
    """
    ledger = world.ledger
    return Score(
        sessions=callers,
        rejected=ledger.rejected,
        cut=ledger.cut,
        lost=ledger.lost,
        slow=ledger.slow,
        overflowed=ledger.overflowed,
        bad_percent=100.0 * len(ledger.bad) / callers if callers else 0.0,
        worker_hours=ledger.worker_seconds / HOUR,
        ideal_hours=sum(ideal) / 60.0,
        worker_starts=ledger.worker_starts,
        node_starts=ledger.node_starts,
        changes=ledger.changes,
        longest_unserved_seconds=ledger.longest_unserved,
        over_target_minutes=ledger.slow_minutes,
        cost=cost_of(world, ledger),
    )


def cost_of(world: World, ledger: Ledger) -> float:
    """Return what the workers and the cloud of a finished run have cost by the price list.

    Other tiers are left out: peers have none in this world. The timeline has them.
    """
    prices = world.conditions
    cloud = prices.cloud.price_per_minute * 60 if prices.cloud is not None else 0.0
    workers = ledger.worker_seconds * prices.worker_price_per_hour
    return (workers + ledger.cloud_seconds * cloud) / HOUR
