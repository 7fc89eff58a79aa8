"""A hundred thousand drawn specs against the CRD on a real API server, in pieces of any size.

    make soak-schema                         the whole hundred thousand
    make soak-schema FIRST=40000 CASES=20000

Whatever the server stores, the operator plans, checks and reports without an exception; now and
then its children are sent as well. `support.schema_cases` says what number means which spec.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from support.schema_judge import Tally, judge_cases

PARTS = os.environ.get("VOICEFLEET_SOAK", "").split()
FIRST = int(os.environ.get("VOICEFLEET_SOAK_FIRST") or "0")
CASES = int(os.environ.get("VOICEFLEET_SOAK_CASES") or "100000")
PIECE = 500
"""Cases that one process takes at a time."""
TOLD_EVERY = 10_000
ACCEPTED_MIN = 0.25
"""Share that has to get past the laws, or the operator has hardly been tried."""

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("installed"),
    pytest.mark.skipif("schema" not in PARTS, reason="another part of `make soak`"),
]


def test_whatever_the_server_stores_the_operator_digests(cluster):
    """A fleet that is accepted and then brings the operator down is stuck for good."""
    pieces = [
        range(at, min(at + PIECE, FIRST + CASES)) for at in range(FIRST, FIRST + CASES, PIECE)
    ]
    began, whole, lived = time.monotonic(), Tally(), 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        judged = pool.map(judge_cases, [cluster.kubeconfig] * len(pieces), pieces)
        for piece, tally in zip(pieces, judged, strict=True):
            whole.add(tally)
            lived += len(piece)
            if lived % TOLD_EVERY < PIECE:
                seconds = time.monotonic() - began
                _tell(f"{lived} of {CASES} cases, {lived / seconds:.0f} a second")

    _tell_sum(whole, seconds=time.monotonic() - began)
    assert whole.failures == []
    accepted = sum(n for (_, outcome), n in whole.outcomes.items() if outcome == "accepted")
    assert accepted >= ACCEPTED_MIN * CASES


def _tell_sum(tally: Tally, *, seconds: float) -> None:
    by_outcome = Counter[str]()
    for (_, outcome), count in tally.outcomes.items():
        by_outcome[outcome] += count
    told = ", ".join(f"{outcome} {count}" for outcome, count in sorted(by_outcome.items()))
    kinds = ", ".join(
        f"{kind}/{outcome} {count}" for (kind, outcome), count in sorted(tally.outcomes.items())
    )
    _tell(
        f"cases {FIRST} to {FIRST + CASES}: {told} ({kinds}); {tally.children} children asked "
        f"about; {seconds:.0f} s; next: FIRST={FIRST + CASES}"
    )


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
