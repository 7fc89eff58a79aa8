"""`voicefleet plan FLEET.yaml`: what a first apply would create, without a cluster.

The same planner as in the operator, on an empty namespace. Nothing is read or written.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from voicefleet.adapters.clock import SystemClock
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.plan import CreateChild, Plan, Step
from voicefleet.planning import plan_fleet
from voicefleet.settings import load_platform
from voicefleet.shell.fleets import make_fleet
from voicefleet.shell.steps import address_of

SUFFIX_SHOWN = "0" * 8
"""Stands for the part of a Secret's name that follows from the install key and the UID."""


def show_plan(source: str, *, config: Path, output: str) -> int:
    """Print one line per step, or everything as JSON, for each fleet in a file.

    Args:
        source: Path of a YAML file, or `-` for standard input.
        config: The operator's configuration file; the defaults where there is none.
        output: `text` or `json`.
    """
    platform, now = load_platform(config), SystemClock().now()
    plans = []
    for body in read_fleets(source):
        fleet = make_fleet(body, platform, secret_suffix=SUFFIX_SHOWN)
        plans.append((fleet, plan_fleet(fleet, Observed(secrets_due=True), now)))
    lines = as_json(plans) if output == "json" else as_text(plans)
    for line in lines:
        print(line)
    return 0


def read_fleets(source: str) -> Iterator[Manifest]:
    """Yield every VoiceFleet in a YAML file; other kinds are passed over.

    Raises:
        SpecError: The file cannot be read, or has no VoiceFleet.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
        bodies = [body for body in yaml.safe_load_all(text) if isinstance(body, dict)]
    except OSError as error:
        raise SpecError(f"{source}: {error.strerror}; name a file with a VoiceFleet") from error
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise SpecError(f"{source}: not readable as YAML: {told}") from error
    fleets = [body for body in bodies if body.get("kind") == "VoiceFleet"]
    if not fleets:
        raise SpecError(f"{source}: no VoiceFleet in it; its `kind` must be VoiceFleet")
    yield from fleets


def as_text(plans: list[tuple[Fleet, Plan]]) -> Iterator[str]:
    """Yield one line per step with its sentence, and a count at the end of each fleet."""
    for fleet, plan in plans:
        for step in plan.steps:
            yield f"{fleet}: {step.because}"
        for subject, note in plan.notes.items():
            yield f"{fleet}: {subject} waits: {note}"
        yield f"{fleet}: {len(plan.steps)} steps"


def as_json(plans: list[tuple[Fleet, Plan]]) -> Iterator[str]:
    """Yield one JSON document; manifests are included, contents of Secrets are not known."""
    document = [
        {
            "fleet": str(fleet),
            "steps": [describe_step(step, fleet) for step in plan.steps],
            "notes": dict(plan.notes),
        }
        for fleet, plan in plans
    ]
    yield json.dumps(document, indent=2, ensure_ascii=False)


def describe_step(step: Step, fleet: Fleet) -> Manifest:
    """Return a step as JSON: what it does to which object and why."""
    described: Manifest = {
        "action": type(step).__name__,
        "object": str(address_of(step, fleet)),
        "because": step.because,
    }
    if isinstance(step, CreateChild):
        described["manifest"] = step.manifest
    return described
