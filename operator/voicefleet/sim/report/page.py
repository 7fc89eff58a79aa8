"""Puts a report together. Pure: the same simulation gives the same bytes. Called by the CLI."""

from datetime import timedelta
from html import escape

from voicefleet.sim.report.figures import render_figures
from voicefleet.sim.report.style import COLOURS, STYLE
from voicefleet.sim.report.tables import render_decisions, render_inputs, render_policies
from voicefleet.sim.result import Simulation, as_json


def render_report(simulation: Simulation) -> str:
    """Return one HTML document that needs nothing else, neither a script nor a network."""
    title = f"VoiceFleet: {simulation.fleet}, {simulation.trace}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{COLOURS}</style></head><body>"
        f"{_heading(simulation)}{_numbers(simulation)}"
        f"<h2>What happened</h2>{render_figures(simulation)}"
        f"<h2>Policies on the same callers</h2>{render_policies(simulation)}"
        f"<h2>Decisions</h2>{render_decisions(simulation)}"
        f"<h2>Inputs</h2>{render_inputs(simulation)}"
        f'<script type="application/json" id="data">{_data(simulation)}</script>'
        "</body></html>\n"
    )


def _heading(simulation: Simulation) -> str:
    begins = simulation.starts_at
    ends = begins + timedelta(seconds=simulation.seconds)
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in simulation.verdict)
    return (
        f"<header><h1>{escape(simulation.fleet)}</h1><p>{escape(simulation.trace)} · "
        f"{begins:%d %B %Y %H:%M} to {ends:%d %B %Y %H:%M} · seed {simulation.seed} · "
        f'VoiceFleet {escape(simulation.version)}</p></header><ul class="verdict">{sentences}</ul>'
    )


def _numbers(simulation: Simulation) -> str:
    score = simulation.ours.score
    numbers = (
        (f"{score.sessions:,}", "callers"),
        (f"{score.bad_percent:.3f} %", "served badly"),
        (f"{score.cut:,}", "calls cut by scaling"),
        (f"{score.worker_hours:,.0f}", "worker-hours"),
        (f"{score.ratio:.2f}", "times the ideal"),
        (f"{score.changes:,}", "changes of size"),
    )
    boxes = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in numbers)
    return f'<div class="numbers">{boxes}</div>'


def _data(simulation: Simulation) -> str:
    """Return the data so that no text in it can end the element that holds it."""
    return as_json(simulation).replace("<", "\\u003c")
