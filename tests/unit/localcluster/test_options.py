"""What one may choose about a cluster, and what is remembered of it."""

import pytest

from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.options import ClusterOptions, ClusterRecord, Ports


def a_record(**options: object) -> ClusterRecord:
    """Return the record of a cluster with these choices."""
    return ClusterRecord(
        options=ClusterOptions(**options),
        ports=Ports(*range(1, 10)),
        network=77,
    )


def test_a_record_survives_being_written_and_read():
    """A second `up` heals the same cluster only if it finds the same ports again."""
    record = a_record(name="drift", pod_start_seconds=0.3, with_world=False)

    read = ClusterRecord.from_json(record.to_json())

    assert read == record


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"recordVersion": 0}', '{"recordVersion": 1, "options": {"nodes": 3}}'],
)
def test_a_record_that_cannot_be_read_is_no_record(text: str):
    """A half-written or older file must lead to a new cluster, not to a traceback."""
    assert ClusterRecord.from_json(text) is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": "../home"}, "'../home'"),
        ({"name": "-a"}, "'-a'"),
        ({"plain_nodes": 0, "gpu_nodes": 0, "spot_nodes": 0}, "0 nodes"),
        ({"plain_nodes": -1}, "(-1, 1, 1)"),
        ({"plain_nodes": 199}, "201 nodes"),
        ({"pod_start_seconds": -1}, "pod_start_seconds is -1"),
        ({"pod_stop_seconds": 3601}, "pod_stop_seconds is 3601"),
    ],
)
def test_an_impossible_choice_is_refused_with_its_number(options: dict[str, object], named: str):
    """The name becomes a folder that `down` removes, so it must not lead anywhere else."""
    with pytest.raises(LocalClusterError) as refusal:
        ClusterOptions(**options).checked()

    assert named in refusal.value.cause
    assert refusal.value.next_step
