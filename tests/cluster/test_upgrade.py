"""One version of the operator after another: what runs goes on, whoever made it."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from support.api import Api, Manifest, eventually
from support.cluster_fixtures import operator_for
from support.manifests import (
    NEXT_IMAGE,
    a_fleet_manifest,
    is_settled,
    with_evaluation,
    with_speech,
)
from support.yesterday import LABEL, MARK, copy_yesterday
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import CHART, Installation
from voicefleet_localcluster.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("alone")]

RESYNC_SECONDS = 5
SEVERAL_RESYNCS = 3 * RESYNC_SECONDS + 1
"""Long enough for every fleet to be planned and written three times without any event."""
TIERS = {"agents", "media", "redis", "speech", "evaluation"}
PAGE = CHART.parents[1] / "docs" / "upgrading.md"
DAYS = ("yesterday", "today")


@pytest.fixture
def versions(installed: Installation, tmp_path: Path) -> Iterator[dict[str, OperatorProcess]]:
    """Return both versions as processes, not started; they share keys and platform file."""
    settings = yaml.safe_load(installed.platform.read_text()) or {}
    # The platform's images are each version's own defaults here.
    settings = {**settings, "resyncSeconds": RESYNC_SECONDS}
    settings.pop("images", None)
    platform = tmp_path / "platform.yaml"
    platform.write_text(yaml.safe_dump(settings))
    own = replace(installed, platform=platform)
    found = {
        "yesterday": operator_for(own, identity="yesterday", source=copy_yesterday(tmp_path)),
        "today": operator_for(own, identity="today"),
    }
    yield found
    for operator in found.values():
        operator.stop()


def a_fleet_of_all_tiers(namespace: str) -> Manifest:
    """Return a small fleet with a pod of every tier."""
    return with_evaluation(with_speech(a_fleet_manifest(namespace)))


def settled(api: Api, namespace: str) -> bool:
    """Say whether the operator calls the newest generation of the fleet Ready."""
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


def pods(api: Api, namespace: str) -> dict[str, Manifest]:
    """Return the pods that are not on their way out, by UID."""
    return {
        pod["metadata"]["uid"]: pod
        for pod in api.list("Pod", namespace, "voicefleet.dev/fleet")
        if "deletionTimestamp" not in pod["metadata"]
    }


def days(api: Api, namespace: str) -> dict[str, set[str]]:
    """Return by tier which versions made its pods."""
    found: dict[str, set[str]] = {}
    for pod in pods(api, namespace).values():
        marks = pod["metadata"]["labels"]
        day = "yesterday" if marks.get(LABEL) == MARK else "today"
        found.setdefault(marks["voicefleet.dev/tier"], set()).add(day)
    return found


def templates(api: Api, namespace: str) -> dict[str, Manifest]:
    """Return the pod template of every workload; those of a Deployment's past count too."""
    return {
        f"{kind}/{item['metadata']['name']}": item["spec"]["template"]
        for kind in ("ReplicaSet", "Deployment")
        for item in api.list(kind, namespace, "voicefleet.dev/fleet")
    }


def set_up(api: Api, namespace: str) -> set[str]:
    """Create a fleet of all tiers and return the UIDs of its pods once it is Ready."""
    api.create(a_fleet_of_all_tiers(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=120)
    return set(pods(api, namespace))


@pytest.mark.parametrize("before", DAYS)
def test_another_version_replaces_no_pod_by_itself(
    api: Api, versions: dict[str, OperatorProcess], namespace: str, before: str
):
    """An upgrade, and a rollback, must move no call of any fleet by itself."""
    after = "today" if before == "yesterday" else "yesterday"
    versions[before].start()
    made = set_up(api, namespace)
    rendered = templates(api, namespace)
    versions[before].stop()

    versions[after].start()
    time.sleep(SEVERAL_RESYNCS)

    assert set(pods(api, namespace)) == made
    assert templates(api, namespace) == rendered
    assert days(api, namespace) == {tier: {before} for tier in TIERS}
    assert settled(api, namespace)


def test_a_change_takes_up_the_new_rendering_where_it_is_made_and_a_rollback_keeps_it(
    api: Api, versions: dict[str, OperatorProcess], namespace: str
):
    """The author's own rollout is the moment for ours; nobody else's pods are touched."""
    versions["yesterday"].start()
    made = set_up(api, namespace)
    versions["yesterday"].stop()
    versions["today"].start()

    change_agents(api, namespace, NEXT_IMAGE)
    eventually("new workers", lambda: days(api, namespace)["agents"] == {"today"}, seconds=120)
    eventually("Ready", lambda: settled(api, namespace))
    upgraded = pods(api, namespace)
    versions["today"].stop()
    versions["yesterday"].start()
    time.sleep(SEVERAL_RESYNCS)

    assert set(pods(api, namespace)) == set(upgraded)
    kept = {tier_of(pod) for uid, pod in upgraded.items() if uid in made}
    assert kept == TIERS - {"agents"}


def change_agents(api: Api, namespace: str, image: str) -> None:
    """Give the workers another image, as their author would."""
    api.patch("VoiceFleet", namespace, "interviews", {"spec": {"agents": {"image": image}}})


def tier_of(pod: Manifest) -> str:
    """Return the tier of a pod."""
    return str(pod["metadata"]["labels"]["voicefleet.dev/tier"])


def test_growing_after_an_upgrade_adds_pods_and_replaces_none(
    api: Api, versions: dict[str, OperatorProcess], namespace: str
):
    """Counts are no word about a pod: the next busy morning is no rollout."""
    versions["yesterday"].start()
    made = set_up(api, namespace)
    versions["yesterday"].stop()
    versions["today"].start()

    change = {"agents": {"minReplicas": 4}, "media": {"minReplicas": 2}}
    api.patch("VoiceFleet", namespace, "interviews", {"spec": change})
    eventually("Ready", lambda: settled(api, namespace), seconds=120)

    assert made < set(pods(api, namespace))
    assert len(pods(api, namespace)) == len(made) + 3
    assert days(api, namespace)["media"] == {"yesterday", "today"}


def test_a_refresh_renews_a_fleet_and_leaves_the_next_one_alone(
    api: Api, versions: dict[str, OperatorProcess], new_namespace
):
    """A fix in an image cannot wait; one fleet after another is how it gets everywhere."""
    first, second = new_namespace(), new_namespace()
    versions["yesterday"].start()
    set_up(api, first)
    untouched = set_up(api, second)
    versions["yesterday"].stop()
    versions["today"].start()

    annotations = {"annotations": {"voicefleet.dev/refresh": "2026-11-21"}}
    api.patch("VoiceFleet", first, "interviews", {"metadata": annotations})

    eventually(
        "everything of today",
        lambda: days(api, first) == {tier: {"today"} for tier in TIERS},
        seconds=90,
    )
    eventually("Ready", lambda: settled(api, first))
    assert set(pods(api, second)) == untouched


def test_the_loop_on_the_page_renews_all_fleets(
    cluster: LocalCluster, api: Api, versions: dict[str, OperatorProcess], new_namespace
):
    """Commands that nobody has run are wrong; these run while people call."""
    namespaces = [new_namespace(), new_namespace()]
    versions["yesterday"].start()
    for namespace in namespaces:
        set_up(api, namespace)
    versions["yesterday"].stop()
    versions["today"].start()

    folders = f"{cluster.kubectl_path.parent}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PATH": folders}
    subprocess.run(["bash", "-euc", loop_on_the_page()], env=environment, check=True, timeout=300)

    assert [days(api, namespace) for namespace in namespaces] == [
        {tier: {"today"} for tier in TIERS}
    ] * 2


def loop_on_the_page() -> str:
    """Return the commands of docs/upgrading.md that refresh every fleet."""
    blocks = PAGE.read_text().split("```")[1::2]
    return next(block.strip() for block in blocks if "while read" in block)


def test_a_hand_edit_after_an_upgrade_is_undone_and_not_overwritten(
    api: Api, versions: dict[str, OperatorProcess], namespace: str
):
    """Repair must bring back what was there; today's rendering would be a rollout."""
    versions["yesterday"].start()
    made = set_up(api, namespace)
    versions["yesterday"].stop()
    versions["today"].start()
    (workers,) = api.list("ReplicaSet", namespace, "voicefleet.dev/tier=agents")
    name, template = workers["metadata"]["name"], workers["spec"]["template"]

    (container,) = template["spec"]["containers"]
    broken = [{**container, "image": "registry.example.com/other:1"}]
    change = {"spec": {"template": {"spec": {"containers": broken}}}}
    api.patch("ReplicaSet", namespace, name, change)

    eventually(
        "restored",
        lambda: api.get("ReplicaSet", namespace, name)["spec"]["template"] == template,
    )
    assert set(pods(api, namespace)) == made
