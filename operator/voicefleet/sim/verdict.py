"""Says in sentences how ours did beside its peers, also where it ties or loses.

The rule: a peer counts only at equal or fewer worker-hours, because anybody serves everybody
with enough workers. Called by `sim/simulate` and by the benches.
"""

from collections.abc import Sequence

from voicefleet.sim.result import PolicyRun, Score

SAME_HOURS = 1.005
"""Worker-hours within half a per cent are equal."""

SAME_PERCENT = 0.01
"""Bad percentages within a hundredth of a point tie."""

CLAIRVOYANT = "clairvoyant"


def judge(runs: Sequence[PolicyRun]) -> tuple[str, ...]:
    """Return the verdict on the first run, ours, beside the others."""
    ours, peers = runs[0], [run for run in runs[1:] if run.policy != CLAIRVOYANT]
    sentences = [_tell_service(ours.score), _tell_effort(ours.score)]
    if peers:
        sentences += [_compare(ours, peers), *_tell_price_of_equal(ours, peers)]
    return tuple(sentences)


def _tell_service(score: Score) -> str:
    return (
        f"{score.sessions} calls: {score.bad_percent:.2f} % bad ({score.rejected} turned away, "
        f"{score.slow} slow, {score.cut} cut by scaling); {score.lost} lost with a node"
    )


def _tell_effort(score: Score) -> str:
    return (
        f"{score.worker_hours:.0f} worker-hours, {score.ratio:.2f} times the ideal; "
        f"{score.worker_starts} workers started, {score.changes} changes of the count"
    )


def is_affordable(peer: Score, ours: Score) -> bool:
    """Say whether a peer used no more workers than ours."""
    return peer.worker_hours <= ours.worker_hours * SAME_HOURS


def find_best(peers: Sequence[PolicyRun]) -> PolicyRun:
    """Return the peer that served best, with fewer workers where two served alike."""
    return min(peers, key=lambda run: (round(run.score.bad_percent, 3), run.score.worker_hours))


def _compare(ours: PolicyRun, peers: Sequence[PolicyRun]) -> str:
    affordable = [run for run in peers if is_affordable(run.score, ours.score)]
    if not affordable:
        return f"wins: none of {len(peers)} settings of the peers gets by on as few worker-hours"
    best = find_best(affordable)
    difference = best.score.bad_percent - ours.score.bad_percent
    told = (
        f"at equal or fewer worker-hours the best of {len(peers)} settings is {_name(best)}: "
        f"{best.score.bad_percent:.2f} % bad, ours {ours.score.bad_percent:.2f} %"
    )
    if abs(difference) <= SAME_PERCENT:
        return f"ties: {told}"
    return f"{'wins' if difference > 0 else 'loses'}: {told}"


def _tell_price_of_equal(ours: PolicyRun, peers: Sequence[PolicyRun]) -> tuple[str, ...]:
    """Say what the cheapest peer that serves as well costs."""
    equals = [
        run for run in peers if run.score.bad_percent <= ours.score.bad_percent + SAME_PERCENT
    ]
    if not equals:
        return ("no setting of any peer serves as well",)
    cheapest = min(equals, key=lambda run: run.score.worker_hours)
    more = 100.0 * (cheapest.score.worker_hours / ours.score.worker_hours - 1)
    told = f"{abs(more):.0f} % {'more' if more > 0 else 'fewer'} hours"
    return (f"the cheapest peer that serves as well, {_name(cheapest)}, takes {told}",)


def _name(run: PolicyRun) -> str:
    return f"{run.policy} with {run.slots} slots"
