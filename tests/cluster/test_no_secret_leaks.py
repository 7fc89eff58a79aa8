"""No secret value leaves the Secrets: a search for each of them, everywhere else.

The fleet that is searched has had a bad time first, because errors are where secrets leak: a
worker refused its orders, a name was taken, a revision was replaced. The values are the
install key, all that derives from it, and a user's own Secret.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from support.api import CHILD_KINDS, Api, Manifest, eventually
from support.manifests import (
    NEXT_IMAGE,
    a_fleet_manifest,
    condition,
    is_settled,
    with_evaluation,
    with_speech,
)
from voicefleet.adapters.secrets import InstallKeySecrets
from voicefleet.model.plan import SecretPurpose

pytestmark = pytest.mark.cluster

NAMESPACE = "team-canary"
FLEET = "interviews"
CANARY = "sk-canary-4f81c6d20a9b7e35"
"""What a provider's key may look like; long enough to be found nowhere by chance."""

PLACES = (
    "the fleet with its status",
    "Events",
    "the operator's log",
    "/metrics",
    "ConfigMaps",
    "pods",
    "other children",
    "the Lease",
    "plan as text",
    "plan as JSON",
    "the operator's command line",
    "the operator's environment",
)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, by what it is, and where."""

    values: dict[str, str]
    texts: dict[str, str]
    secrets: str
    """All Secrets, decoded: the one place where each value has to be."""

    def hits(self, text: str) -> list[str]:
        """Return which values a text has, as they are or in base64."""
        return [
            what
            for what, value in self.values.items()
            if value in text or base64.b64encode(value.encode()).decode() in text
        ]


def a_rich_fleet() -> Manifest:
    """Return a fleet of every tier, whose pods get a user's Secret."""
    keys = {"envFromSecretRefs": [{"name": "provider-keys"}]}
    manifest = with_evaluation(with_speech(a_fleet_manifest(NAMESPACE, FLEET, **keys)))
    manifest["spec"]["speech"][0].update(keys)
    manifest["spec"]["evaluation"].update(keys)
    return manifest


@pytest.fixture(scope="module")
def search(api: Api, world, installed, _shared_operator, tmp_path_factory) -> Iterator[Search]:
    """Let a fleet live through trouble and collect all that can be read about it."""
    operator = _shared_operator
    if not operator.is_running:
        operator.start()
    api.create({"kind": "Namespace", "metadata": {"name": NAMESPACE}})
    metadata = {"name": "provider-keys", "namespace": NAMESPACE}
    api.create({"kind": "Secret", "metadata": metadata, "stringData": {"OPENAI_API_KEY": CANARY}})
    fleet = a_rich_fleet()
    api.create(fleet)
    live_through_trouble(api, world)
    manifest = tmp_path_factory.mktemp("plan") / "fleet.yaml"
    manifest.write_text(yaml.safe_dump(fleet))
    uid = api.get("VoiceFleet", NAMESPACE, FLEET)["metadata"]["uid"]
    yield Search(
        secret_values(installed.install_key, uid),
        dict(zip(PLACES, collect(api, operator, manifest), strict=True)),
        decoded_secrets(api, installed.namespace) + decoded_secrets(api, NAMESPACE),
    )
    api.delete("Namespace", "", NAMESPACE)


def live_through_trouble(api: Api, world) -> None:
    """Let orders fail, a name be taken, and a revision be replaced."""
    eventually("it stands", lambda: is_settled(api.get("VoiceFleet", NAMESPACE, FLEET)), seconds=60)
    first = api.list("Pod", NAMESPACE, "voicefleet.dev/tier=agents")[0]["metadata"]["name"]
    world.change_worker(NAMESPACE, first, sessions=1)
    world.set_unreachable(NAMESPACE, first)
    stranger = {"name": f"{FLEET}-speech-late", "namespace": NAMESPACE}
    ports = {"ports": [{"port": 80}]}
    api.create({"kind": "Service", "apiVersion": "v1", "metadata": stranger, "spec": ports})
    late = {"name": "late", "stage": "STT", "image": "registry.example.com/stt:1"}
    pools = [*a_rich_fleet()["spec"]["speech"], late]
    change = {"spec": {"agents": {"image": NEXT_IMAGE}, "speech": pools}}
    api.patch("VoiceFleet", NAMESPACE, FLEET, change)
    eventually("the name is taken", lambda: reason(api, "Stalled") == "NameTaken", seconds=40)
    eventually("the silent worker is to go", lambda: is_marked(api, first), seconds=60)


def reason(api: Api, kind: str) -> str:
    """Return the reason of one condition; empty where it is absent."""
    return str(condition(api.get("VoiceFleet", NAMESPACE, FLEET), kind).get("reason", ""))


def is_marked(api: Api, pod: str) -> bool:
    """Say whether the operator has tried to cordon a worker."""
    annotations = api.get("Pod", NAMESPACE, pod)["metadata"].get("annotations", {})
    return annotations.get("voicefleet.dev/cordoned") == "true"


def secret_values(install_key: Path, fleet_uid: str) -> dict[str, str]:
    """Return each secret value by what it is."""
    secrets = InstallKeySecrets.from_file(install_key)
    derived = {
        f"{purpose}/{key}": value.strip()
        for purpose in SecretPurpose
        for key, value in secrets.contents(fleet_uid, purpose).items()
    }
    return {"install key": install_key.read_text().strip(), "user's key": CANARY, **derived}


def collect(api: Api, operator, manifest: Path) -> Iterator[str]:
    """Yield the text of each place, in the order of `PLACES`."""
    kinds = [kind for kind in CHILD_KINDS if kind not in {"Secret", "ConfigMap"}]
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{operator.lease_namespace}/leases"
    process = Path("/proc", str(operator.pid))
    command = process.joinpath("cmdline").read_text().split("\0")
    port = command[command.index("--metrics-port") + 1]
    yield json.dumps(api.get("VoiceFleet", NAMESPACE, FLEET))
    yield json.dumps(api.list("Event", NAMESPACE))
    yield operator.log
    yield httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    yield json.dumps(api.list("ConfigMap", NAMESPACE) + api.list("ConfigMap", "voicefleet-system"))
    yield json.dumps(api.list("Pod", NAMESPACE))
    yield json.dumps([child for kind in kinds for child in api.list(kind, NAMESPACE)])
    yield api.send("GET", lease).text
    yield plan(manifest, "text")
    yield plan(manifest, "json")
    yield " ".join(command)
    yield process.joinpath("environ").read_text()


def plan(manifest: Path, output: str) -> str:
    """Return what `voicefleet plan` says about a manifest."""
    command = [sys.executable, "-m", "voicefleet", "plan", str(manifest), "--output", output]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def decoded_secrets(api: Api, namespace: str) -> str:
    """Return the contents of every Secret of a namespace."""
    return "\n".join(
        base64.b64decode(value).decode(errors="replace")
        for secret in api.list("Secret", namespace)
        for value in (secret.get("data") or {}).values()
    )


def test_the_search_knows_what_it_looks_for(search: Search):
    """A search for values that exist nowhere would find nothing, and prove nothing."""
    found = search.hits(search.secrets)

    assert set(found) == set(search.values)
    assert len(found) == 8


@pytest.mark.parametrize("place", PLACES, ids=[place.replace("/", "") for place in PLACES])
def test_no_secret_value_is_found(search: Search, place: str):
    """Each of these is read by people and tools that may read no Secret."""
    text = search.texts[place]

    assert text
    assert search.hits(text) == []
