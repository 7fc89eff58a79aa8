"""The operator's own metrics: names, words and exposition."""

import re
from datetime import UTC, datetime

import aiohttp

from voicefleet.adapters.telemetry import Telemetry, serve_metrics
from voicefleet.manifests import ObjectKey
from voicefleet.model.figures import FleetFigures, ReplicaFigure, SignalFigure

NAME = re.compile(r"^voicefleet_(?:operator|scaling|fleet)_[a-z0-9_]+$")
FLEET = ObjectKey("VoiceFleet", "calls", "interviews")


def figures() -> FleetFigures:
    """Return what one cycle saw."""
    at = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    slow = SignalFigure("agents", "ttfb_p95", 0.612, at, threshold=0.4)
    return FleetFigures((slow,), {"agents": ReplicaFigure(desired=6, ready=5)})


def everything_noted() -> Telemetry:
    """Return telemetry in which everything has happened once."""
    telemetry = Telemetry()
    telemetry.set_queue_depth(3)
    telemetry.note_cycle("changed", 0.02)
    telemetry.note_decision("agents", "FloorRaised")
    telemetry.note_scaling("agents", "up", "FloorRaised")
    telemetry.note_signal_error("timeout")
    telemetry.note_fleet(FLEET, figures())
    telemetry.note_drift_repair("Service")
    telemetry.note_busy_victim()
    telemetry.note_apply_sent()
    telemetry.note_applies_skipped(9)
    telemetry.set_leader(is_leader=True)
    telemetry.note_api_request("apply", "Service", 200)
    telemetry.note_watch_restart("Pod", "closed")
    telemetry.observe_informer("Pod", objects=lambda: 12, age=lambda: 3.5)
    return telemetry


def test_every_name_has_our_prefix_and_a_help():
    """A dashboard finds them by the prefix, a person understands them by the help."""
    families = list(everything_noted().registry.collect())

    assert len(families) == 19
    assert [family.name for family in families if not NAME.match(family.name)] == []
    assert [family.name for family in families if not family.documentation.endswith(".")] == []


def test_what_happened_is_what_is_counted():
    """The figures that the runbooks ask for, by their full names."""
    registry = everything_noted().registry

    seen = {
        "depth": registry.get_sample_value("voicefleet_operator_queue_depth"),
        "victims": registry.get_sample_value("voicefleet_operator_busy_victims_total"),
        "leader": registry.get_sample_value("voicefleet_operator_leader"),
        "skipped": registry.get_sample_value(
            "voicefleet_operator_applies_total", {"outcome": "skipped"}
        ),
        "cycles": registry.get_sample_value(
            "voicefleet_operator_reconciliation_duration_seconds_count", {"result": "changed"}
        ),
        "objects": registry.get_sample_value(
            "voicefleet_operator_informer_objects", {"kind": "Pod"}
        ),
        "age": registry.get_sample_value(
            "voicefleet_operator_informer_last_event_age_seconds", {"kind": "Pod"}
        ),
    }
    assert seen == {
        "depth": 3,
        "victims": 1,
        "leader": 1,
        "skipped": 9,
        "cycles": 1,
        "objects": 12,
        "age": 3.5,
    }


def test_a_fleets_signal_stands_beside_its_limit():
    """One graph of the two explains a decision; the time says how old the value is."""
    registry = everything_noted().registry
    signal = {
        "namespace": "calls", "fleet": "interviews", "tier": "agents", "signal": "ttfb_p95"
    }  # fmt: skip
    tier = {name: value for name, value in signal.items() if name != "signal"}

    seen = [
        registry.get_sample_value("voicefleet_scaling_signal_value", signal),
        registry.get_sample_value("voicefleet_scaling_signal_threshold", signal),
        registry.get_sample_value("voicefleet_scaling_signal_timestamp_seconds", signal),
        registry.get_sample_value("voicefleet_fleet_replicas_desired", tier),
        registry.get_sample_value("voicefleet_fleet_replicas_ready", tier),
    ]

    assert seen == [0.612, 0.4, 1767605400.0, 6, 5]


def test_a_fleet_that_is_gone_leaves_no_series():
    """Its last values would look like those of a fleet that stands still."""
    telemetry = everything_noted()

    telemetry.forget_fleet(FLEET)

    assert b"interviews" not in telemetry.exposition()


def test_no_busy_victim_shows_as_zero():
    """An alert on a counter that does not exist yet never fires."""
    value = Telemetry().registry.get_sample_value("voicefleet_operator_busy_victims_total")

    assert value == 0


async def test_metrics_are_served_as_prometheus_reads_them():
    """The classic text format, with the process beside our own names."""
    telemetry = everything_noted()
    telemetry.include_process_metrics()

    async with (
        serve_metrics(telemetry, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        text = await response.text()

    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "voicefleet_operator_queue_depth 3.0\n" in text
    assert "process_resident_memory_bytes" in text
