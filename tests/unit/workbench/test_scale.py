"""The load of the scale bench, and what is read of an operator from outside."""

import json
import os
import time
from pathlib import Path

import pytest

from voicefleet.api.parse import parse_fleet
from voicefleet_workbench.figures import CYCLE_METRIC, Figure, print_figures
from voicefleet_workbench.scale_load import (
    ScaleSize,
    count_children,
    render_scale_fleet,
    render_scale_nodes,
)
from voicefleet_workbench.scale_probe import (
    Requests,
    count_writes,
    find_quantile,
    read_cpu_seconds,
    read_cycles,
    read_megabytes,
)

USER = "system:serviceaccount:voicefleet-system:voicefleet"
WORKERS_MAX = 1000
"""What a manifest may ask for at most."""
METRICS = f"""
{CYCLE_METRIC}_bucket{{result="quiet",le="0.1"}} 80.0
{CYCLE_METRIC}_bucket{{result="quiet",le="0.5"}} 90.0
{CYCLE_METRIC}_bucket{{result="quiet",le="+Inf"}} 90.0
{CYCLE_METRIC}_bucket{{le="0.1",result="changed"}} 0.0
{CYCLE_METRIC}_bucket{{le="0.5",result="changed"}} 10.0
{CYCLE_METRIC}_bucket{{le="+Inf",result="changed"}} 10.0
{CYCLE_METRIC}_count{{result="quiet"}} 90.0
"""


def an_audit_line(verb: str, *, user: str = USER, code: int = 200, resource: str = "pods") -> str:
    """Return one line of an audit log."""
    event = {
        "verb": verb,
        "user": {"username": user},
        "objectRef": {"resource": resource},
        "responseStatus": {"code": code},
    }
    return json.dumps(event, separators=(",", ":")) + "\n"


@pytest.mark.parametrize("pods", [2, 8, 10, 50, 1000])
def test_a_fleet_of_the_load_has_as_many_pods_as_asked_for(pods: int):
    """A figure "at 10,000 pods" must not be one at 9,000."""
    spec = parse_fleet(render_scale_fleet(ScaleSize(pods=pods), 1)).spec

    redis = spec.media.redis.mode == "Embedded"
    speech = sum(pool.min_replicas for pool in spec.speech)
    evaluators = spec.evaluation.min_replicas if spec.evaluation else 0
    assert spec.agents.min_replicas <= spec.agents.max_replicas <= WORKERS_MAX
    assert evaluators <= (spec.evaluation.max_replicas if spec.evaluation else 0)
    assert spec.agents.min_replicas + spec.media.min_replicas + redis + speech + evaluators == pods


def test_the_load_counts_what_the_planner_makes():
    """The bench waits for exactly so many objects; one too many and it waits for ever."""
    one, three = count_children(ScaleSize(fleets=1)), count_children(ScaleSize(fleets=3))

    assert three.total() == 3 * one.total()
    assert {"ReplicaSet", "Secret", "Service", "Deployment"} <= set(one)


def test_every_node_of_the_load_gives_out_addresses_of_its_own():
    """Two pods at one address would answer for each other."""
    nodes = render_scale_nodes(ScaleSize(fleets=200, pods=50), network=77)

    blocks = {node["spec"]["podCIDR"] for node in nodes}
    assert len(blocks) == len(nodes) == 24
    assert all(int(block.split(".")[2]) <= 252 for block in blocks)


def test_cycles_of_every_result_count_together():
    """A cycle that changes something is slower, and it is the one that people wait for."""
    cycles = read_cycles(METRICS)

    assert cycles[float("inf")] == 100
    assert find_quantile(cycles, 0.4) == pytest.approx(0.05)
    assert find_quantile(cycles, 0.9) == pytest.approx(0.3)


def test_a_histogram_without_cycles_has_no_quantile():
    """An operator that did nothing is not slow."""
    assert find_quantile(read_cycles(""), 0.99) == 0.0


def test_only_new_lines_of_one_user_count(tmp_path: Path):
    """The controllers write far more than the operator, into the same log."""
    log = tmp_path / "audit.log"
    log.write_text(an_audit_line("patch") + an_audit_line("patch", user="somebody"))
    requests = Requests(log, USER)
    first = requests.read()

    with log.open("a") as lines:
        lines.write(an_audit_line("create") + an_audit_line("watch"))
        lines.write(an_audit_line("update", resource="leases") + '{"verb":"pat')
    second = requests.read()

    assert [str(request) for request in first] == ["patch pods 200"]
    assert [str(request) for request in second] == ["create pods 200"]


def test_a_create_of_what_exists_is_no_write(tmp_path: Path):
    """Secrets are posted again and again, because nobody may look for them."""
    log = tmp_path / "audit.log"
    log.write_text(an_audit_line("create", code=409) + an_audit_line("create", code=201))

    requests = Requests(log, USER).read()

    assert (requests.total(), count_writes(requests)) == (2, 1)


def test_memory_and_processor_time_are_those_of_the_process():
    """A figure of another process would look just as good."""
    before = read_cpu_seconds(os.getpid())
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass

    assert read_cpu_seconds(os.getpid()) > before
    assert 1 < read_megabytes(os.getpid()) <= read_megabytes(os.getpid(), peak=True)


def test_a_missed_bar_fails_the_bench(capsys: pytest.CaptureFixture[str]):
    """A bench that only prints is read by nobody."""
    code = print_figures([Figure("idle", 0.6, "cores", 0.3, "one small pod", baseline=1.2)])

    printed = capsys.readouterr().out
    assert code == 1
    assert "missed: idle" in printed
    assert "2.0" in printed
