"""The tables of a report: the policies beside each other, the decisions, the inputs. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape

from voicefleet.sim.result import Decided, PolicyRun, Simulation

DECISIONS_MAX = 500
"""Rows of decisions; a week of a nervous policy has thousands, and nobody reads those."""


def render_policies(simulation: Simulation) -> str:
    """Return how every policy served the same callers."""
    headings = (
        "policy", "slots", "bad %", "rejected", "cut", "slow", "worker-hours", "x ideal",
        "starts", "changes", "longest unserved", f"workers' cost {simulation.currency}",
    )  # fmt: skip
    rows = (_policy_row(run) for run in simulation.runs)
    return _table(headings, rows, name="policies")


def _policy_row(run: PolicyRun) -> tuple[str, ...]:
    score = run.score
    return (
        run.policy,
        str(run.slots),
        f"{score.bad_percent:.3f}",
        f"{score.rejected:,}",
        f"{score.cut:,}",
        f"{score.slow:,}",
        f"{score.worker_hours:,.1f}",
        f"{score.ratio:.2f}",
        f"{score.worker_starts:,}",
        f"{score.changes:,}",
        f"{score.longest_unserved_seconds:,.0f} s",
        f"{score.cost:,.2f}",
    )


def render_decisions(simulation: Simulation) -> str:
    """Return our decisions, each with its formula; the flags of the first chart lead here."""
    decisions = simulation.ours.decisions
    if not decisions:
        return "<p>Nothing had to be decided: the fleet stayed as it was.</p>"
    rows = [
        _decision_row(simulation, number, decided)
        for number, decided in enumerate(decisions[:DECISIONS_MAX], start=1)
    ]
    headings = "".join(
        f"<th>{each}</th>" for each in ("#", "when", "tier", "", "reason", "because")
    )
    rest = len(decisions) - DECISIONS_MAX
    more = f"<p>{rest:,} more are in the data at the end of this file.</p>" if rest > 0 else ""
    return (
        f'<div class="wide"><table class="decisions"><thead><tr>{headings}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{more}"
    )


def _decision_row(simulation: Simulation, number: int, decided: Decided) -> str:
    instant = simulation.starts_at + timedelta(seconds=decided.at_seconds)
    cells = (
        str(number),
        f"{instant:%a %H:%M:%S}",
        escape(decided.tier),
        f"{decided.replicas_from} → {decided.replicas_to}",
        escape(decided.reason),
        escape(decided.because),
    )
    return f'<tr id="decision-{number}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def render_inputs(simulation: Simulation) -> str:
    """Return what the result depends on, so that somebody else gets the same."""
    rows = [
        ("trace", simulation.trace),
        ("seed", str(simulation.seed)),
        ("TTFB over load", simulation.curve),
        ("hash of curve, conditions and settings", simulation.frozen_hash),
        ("VoiceFleet", simulation.version),
        *simulation.assumptions.items(),
    ]
    manifest = escape(simulation.fleet_manifest)
    return _table(("input", "value"), rows, name="inputs") + f"<pre>{manifest}</pre>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, name: str) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<div class="wide"><table class="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
