"""What kwok's pods do and when, as the Stages say it."""

import pytest

from voicefleet_localcluster.stages import STOP_ANNOTATION, render_stages


def stages_by_name(**delays: float):
    """Return the Stages of a cluster with these delays, by name."""
    chosen = {"pod_start_seconds": 1.0, "pod_stop_seconds": 0.5, **delays}
    return {stage["metadata"]["name"]: stage for stage in render_stages(**chosen)}


@pytest.mark.parametrize("name", ["pod-ready", "pod-crashing", "pod-complete"])
def test_a_container_comes_up_only_after_the_start_time(name: str):
    """An operator that counts on instant pods would look right here and wrong in production."""
    stage = stages_by_name(pod_start_seconds=7.5)[name]

    assert stage["spec"]["delay"] == {"durationMilliseconds": 7500}


def test_a_pod_has_its_address_before_it_is_ready():
    """The world must be listening at the address by the time anybody is told to go there."""
    stages = stages_by_name()

    assert "podIP" in stages["pod-bound"]["spec"]["next"]["statusTemplate"]
    assert "delay" not in stages["pod-bound"]["spec"]
    assert "podIP" not in stages["pod-ready"]["spec"]["next"]["statusTemplate"]


def test_a_deleted_pod_takes_the_stop_time_but_never_longer_than_its_grace():
    """A grace of 5,760 s must not become a wait of 96 minutes, nor one of 0 s a wait at all."""
    delay = stages_by_name(pod_stop_seconds=2.0)["pod-gone"]["spec"]["delay"]

    assert delay["durationMilliseconds"] == 2000
    assert delay["durationFrom"]["expressionFrom"] == (
        f'[(.metadata.annotations["{STOP_ANNOTATION}"] // "2.0" | tonumber), '
        '.metadata.deletionGracePeriodSeconds] | min | tostring + "s"'
    )


def test_every_fate_of_a_starting_pod_has_exactly_one_stage():
    """Two Stages that match the same pod are chosen between by chance."""
    starting = ("pod-ready", "pod-image-missing", "pod-crashing")

    fates = [
        stages_by_name()[name]["spec"]["selector"]["matchExpressions"][-1]["values"]
        for name in starting
    ]

    assert sorted(fates) == [["crashing"], ["missing"], ["sound"]]


def test_only_the_last_stage_acts_on_deleted_pods():
    """A terminating pod that becomes Ready again would count as capacity."""
    blind = {
        name
        for name, stage in stages_by_name().items()
        if stage["spec"]["resourceRef"]["kind"] == "Pod"
        and {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
        not in stage["spec"]["selector"]["matchExpressions"]
    }

    assert blind == {"pod-gone"}
