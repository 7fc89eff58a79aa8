"""`voicefleet why vf/NAME`: why a fleet has the size it has, from its status alone.

Read with the caller's own rights, one GET, so it works while the operator is away; what it
prints is then as old as the status. It reads plain JSON, because a status may come from an
operator that is older or newer than this program.
"""

import asyncio
import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.credentials import Credentials, load_credentials
from voicefleet.adapters.kubernetes.resources import FLEET
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.adapters.telemetry import Telemetry
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest

KINDS = frozenset({"vf", "voicefleet", "voicefleets", "voicefleets.voicefleet.dev"})
"""What may stand before the slash, as in kubectl."""

DECISIONS_SHOWN = 8
"""More than a screen is no answer; `-o json` has all of them."""

SIGNALS = "SignalsFresh"
"""The condition that gets a line of its own: size follows from nothing else."""

GOOD_WHEN_FALSE = frozenset({"Stalled"})
"""Conditions whose `True` is the trouble."""

PROGRESS = frozenset({"Reconciling", "Ready"})
"""Conditions that follow from others, so that they explain nothing by themselves."""

FIGURE_WORDS = {
    "sessions": "{} sessions",
    "forecast": "{} more forecast",
    "safety": "{} safety",
    "arrivalsPerHour": "{} arrivals per hour",
    "leadSeconds": "{} s until a worker takes calls",
    "capacityPercent": "a worker counts for {} % of its slots",
}
"""How numbers are said; one that is not in here is shown with its name."""


def explain_fleet(
    target: str, *, namespace: str | None, kubeconfig: Path | None, output: str
) -> int:
    """Print why a fleet has its size.

    Args:
        target: `vf/NAME`, or just the name.
        namespace: Where it is; None for the namespace of the kubeconfig's context.
        kubeconfig: Credentials; None for those that kubectl would use.
        output: `text` or `json`.
    """
    name = parse_target(target)
    credentials = load_credentials(
        os.environ, kubeconfig=kubeconfig or find_kubeconfig(os.environ, Path.home())
    )
    place = namespace or credentials.namespace
    fleet = asyncio.run(_fetch(credentials, place, name))
    if output == "json":
        print(json.dumps(as_document(fleet), indent=2, ensure_ascii=False))
        return 0
    for line in as_text(fleet):
        print(line)
    return 0


def find_kubeconfig(environment: Mapping[str, str], home: Path) -> Path | None:
    """Return where kubectl looks when nothing names a kubeconfig, if there is one."""
    usual = home / ".kube" / "config"
    return usual if not environment.get("KUBECONFIG") and usual.is_file() else None


def parse_target(text: str) -> str:
    """Return the name in `vf/NAME` or `NAME`.

    Raises:
        SpecError: It is about another kind, or has no name.
    """
    kind, slash, name = text.rpartition("/")
    if not name or (slash and kind.lower() not in KINDS):
        raise SpecError(f"{text!r} is no VoiceFleet; write vf/NAME")
    return name


async def _fetch(credentials: Credentials, namespace: str, name: str) -> Manifest:
    async with ApiSession(credentials, telemetry=Telemetry(), jitter=random.random) as session:
        return await read_fleet(session, namespace, name)


async def read_fleet(session: ApiSession, namespace: str, name: str) -> Manifest:
    """Return a fleet as stored.

    Raises:
        SpecError: There is none of that name.
    """
    try:
        return await session.request(Call("get", FLEET, namespace, name))
    except NotFoundError as error:
        raise SpecError(
            f"there is no VoiceFleet {name} in namespace {namespace}; "
            "`kubectl get vf --all-namespaces` lists them"
        ) from error


def as_document(fleet: Manifest) -> Manifest:
    """Return everything that explains the size, as the status has it."""
    metadata, status = fleet["metadata"], fleet.get("status") or {}
    return {
        "fleet": f"{metadata.get('namespace', '')}/{metadata['name']}",
        "generation": metadata.get("generation", 0),
        "observedGeneration": status.get("observedGeneration", 0),
        "sizes": [
            {"tier": tier, "desiredReplicas": block.get("desiredReplicas"), **block["sizing"]}
            for tier, block in _sized_tiers(status)
        ],
        "holdsBack": list(_troubles(status)),
        "signals": next((one for one in _conditions(status) if one["type"] == SIGNALS), None),
        "surge": status.get("surge"),
        "decisions": status.get("decisions") or [],
    }


def as_text(fleet: Manifest) -> Iterator[str]:
    """Yield the explanation, line by line."""
    metadata, status = fleet["metadata"], fleet.get("status") or {}
    yield f"{metadata['name']} ({metadata.get('namespace', '')})"
    if not status:
        yield "  no operator has looked at this fleet yet; is one running, and does it watch here?"
        return
    generation, seen = metadata.get("generation", 0), status.get("observedGeneration", 0)
    if generation != seen:
        yield f"  the manifest is generation {generation}; all of this is about generation {seen}"
    for tier, block in _sized_tiers(status):
        yield from _size_lines(tier, block)
    yield from _section("holds back", map(_condition_line, _troubles(status)), empty="nothing")
    fresh = [one for one in _conditions(status) if one["type"] == SIGNALS]
    yield from _section("signals", map(_condition_line, fresh), empty="not reported")
    yield from _section("surges", _surge_lines(status.get("surge") or {}), empty="none announced")
    yield from _section("decisions", _decision_lines(status), empty="none yet")


def _sized_tiers(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the blocks that say how their size came about, by what sentences call them."""
    pools = ((f"speech {pool.get('name')}", pool) for pool in status.get("speech") or ())
    tiers = [(tier, status.get(tier) or {}) for tier in ("agents", "media", "evaluation")]
    yield from ((tier, block) for tier, block in (*tiers, *pools) if block.get("sizing"))


def _size_lines(tier: str, block: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each part of the formula asks for, the one that counts first."""
    sizing = block["sizing"]
    desires = sizing.get("desires") or ()
    yield ""
    counts = f"{block.get('readyReplicas', 0)} ready, {block.get('desiredReplicas', 0)} wanted"
    yield f"  {tier}: {counts} ({sizing.get('reason', '')})"
    yield f"    {sizing.get('message', '')}"
    width = max((len(str(desire["name"])) for desire in desires), default=0)
    for index, desire in enumerate(desires):
        mark = ">" if index == 0 else " "
        yield f"  {mark} {desire['name']:<{width}}  {desire['replicas']:>4}  {desire['message']}"
    figures = ", ".join(_say_figures(sizing.get("figures") or {}))
    if figures:
        yield f"    with {figures}"
    for signal, why in sorted((sizing.get("invalid") or {}).items()):
        yield f"    unknown: {signal}, {why}; nothing is taken away because of it"


def _say_figures(figures: Mapping[str, Any]) -> Iterator[str]:
    known = [name for name in FIGURE_WORDS if name in figures]
    for name in (*known, *sorted(figures.keys() - FIGURE_WORDS.keys())):
        yield FIGURE_WORDS.get(name, f"{name} {{}}").format(figures[name])


def _conditions(status: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return status.get("conditions") or ()


def _troubles(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions that keep a size from being, or from being known."""
    for condition in _conditions(status):
        good = "False" if condition["type"] in GOOD_WHEN_FALSE else "True"
        if condition["status"] != good and condition["type"] not in PROGRESS:
            yield condition


def _condition_line(condition: Mapping[str, Any]) -> str:
    words = (condition["type"], condition["status"], condition["reason"])
    return f"{'  '.join(words)}: {condition['message']}"


def _surge_lines(surge: Mapping[str, Any]) -> Iterator[str]:
    for window in surge.get("active") or ():
        yield f"now   {_say_window(window)} until {window['endTime']}"
    following = surge.get("next")
    if following:
        yield f"next  {_say_window(following)} from {following['startTime']}"


def _say_window(window: Mapping[str, Any]) -> str:
    sessions = window.get("peakSessions")
    size = f"{sessions} sessions" if sessions else f"{window.get('minReplicas', 0)} workers"
    return f"SurgePlan {window['plan']} ({window['window']}): {size}"


def _decision_lines(status: Mapping[str, Any]) -> Iterator[str]:
    decisions = status.get("decisions") or ()
    for decision in decisions[:DECISIONS_SHOWN]:
        yield f"{decision['time']}  {decision['reason']}: {decision['message']}"
    if len(decisions) > DECISIONS_SHOWN:
        yield f"{len(decisions) - DECISIONS_SHOWN} more with `-o json`"


def _section(title: str, lines: Iterable[str], *, empty: str) -> Iterator[str]:
    yield ""
    yield f"  {title}"
    told = list(lines) or [empty]
    yield from (f"    {line}" for line in told)
