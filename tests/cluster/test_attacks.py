"""Whoever may write fleets gets fleets, and nothing of the node, the network or the neighbours.

`support/attacks.py` has the attempts that are one manifest; the others are here, as stories.
What an attempt could have reached is looked at afterwards, not only the answer.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from support.api import Api, Manifest, eventually
from support.attacks import ALLOWED, CANARY, REFUSED, UNKNOWN_FIELDS, Attack
from support.fleets import a_fleet as parsed_fleet
from support.law_cases import SMALL_SPEC, a_fleet
from support.manifests import a_fleet_manifest, condition, is_settled, with_spec
from support.operator_log import tracebacks
from support.rendered import all_children, pod_templates
from support.tenants import Tenant
from voicefleet.api.labels import BUSY, FLEET, REVISION, TIER

pytestmark = pytest.mark.cluster

FORBIDDEN = 403
DRY = {"dryRun": "All"}
STRICT = {**DRY, "fieldValidation": "Strict"}
PRUNING = {**DRY, "fieldValidation": "Ignore"}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
HARDENED: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def ids(attacks: tuple[Attack, ...]) -> list[str]:
    """Name each case by its aim, in characters that a terminal shows as they are."""
    return [ascii(attack.aim)[1:-1].replace("/", "|") for attack in attacks]


def judge(api: Api, attack: Attack, parameters: Mapping[str, str]):
    """Send an attempt as a dry run and return the API server's answer."""
    fleet = a_fleet("default", attack.spec(), name="attempt")
    return api.send("POST", api.path("VoiceFleet", "default"), json=fleet, params=parameters)


@pytest.mark.parametrize("attack", UNKNOWN_FIELDS, ids=ids(UNKNOWN_FIELDS))
def test_a_field_that_fleets_do_not_have_is_refused_by_name(api: Api, installed, attack: Attack):
    """Clients such as kubectl ask for it, so nobody believes that the field had an effect."""
    answer = judge(api, attack, STRICT)

    assert (answer.status_code, attack.field in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("attack", UNKNOWN_FIELDS, ids=ids(UNKNOWN_FIELDS))
def test_a_field_that_fleets_do_not_have_reaches_no_child(api: Api, installed, attack: Attack):
    """Other clients do not ask: then it is dropped by the server, and once more by the parser."""
    answer = judge(api, attack, PRUNING)

    children = all_children(parsed_fleet(attack.spec()))
    assert answer.is_success, answer.text
    assert CANARY not in json.dumps(answer.json()["spec"])
    assert CANARY not in json.dumps(children)


@pytest.mark.parametrize("attack", REFUSED, ids=ids(REFUSED))
def test_a_value_that_breaks_out_of_its_field_is_refused(api: Api, installed, attack: Attack):
    """It would end in a manifest, a configuration file or a header that it was not meant for."""
    answer = judge(api, attack, STRICT)

    assert (answer.status_code, attack.field in answer.json()["message"]) == (422, True), (
        answer.text
    )


def test_the_corpus_is_as_large_as_promised():
    """A corpus that shrinks unnoticed proves less every year."""
    attempts = {attack.aim for attack in (*UNKNOWN_FIELDS, *REFUSED, *ALLOWED)}

    assert len(attempts) >= 100


@pytest.mark.parametrize("attack", ALLOWED, ids=ids(ALLOWED))
def test_what_an_author_may_choose_gives_the_pods_nothing(
    api: Api, installed, restricted: str, attack: Attack
):
    """Any node, image and address is the author's business while pods stay what they are."""
    accepted = judge(api, attack, STRICT)
    fleet = replace(parsed_fleet(attack.spec()), namespace=restricted)

    refusals = [judge_pod(api, restricted, pod) for pod in pod_templates(fleet).values()]

    assert accepted.is_success, accepted.text
    assert [refusal for refusal in refusals if refusal] == []
    assert may_reach_metadata(all_children(fleet)) == []


@pytest.fixture(scope="module")
def restricted(api: Api) -> str:
    """Return a namespace for dry runs of pods, with the account that workers have."""
    name = "team-restricted"
    api.create({"kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    for account in ("default", "interviews-agents"):
        body = {"kind": "ServiceAccount", "metadata": {"name": account}}
        api.send("POST", api.path("ServiceAccount", name), json=body)
    return name


def judge_pod(api: Api, namespace: str, template: Manifest) -> str:
    """Return why Pod Security refuses a pod of a template; an empty text if it does not."""
    pod = {**template, "metadata": {**template["metadata"], "generateName": "judged-"}}
    answer = api.send("POST", api.path("Pod", namespace), json=pod, params=DRY)
    return "" if answer.is_success else str(answer.json()["message"])


def may_reach_metadata(children: tuple[Manifest, ...]) -> list[str]:
    """Return the policies with a TCP rule, DNS aside, that leads to link-local addresses."""
    return [
        child["metadata"]["name"]
        for child in children
        if child["kind"] == "NetworkPolicy"
        and any(_leads_to_metadata(rule) for rule in child["spec"]["egress"])
    ]


def _leads_to_metadata(rule: Manifest) -> bool:
    ports = [port for port in rule.get("ports", [{}]) if port.get("protocol", "TCP") == "TCP"]
    if not [port for port in ports if port.get("port") != 53]:
        return False
    blocks = [peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer]
    open_blocks = [one for one in blocks if one["cidr"] == "0.0.0.0/0" and not one.get("except")]
    return "to" not in rule or bool(open_blocks)


def test_a_tenant_cannot_write_the_status(tenant: Tenant, api: Api):
    """Autoscalers and people believe the status; only the operator may speak there."""
    boast = {"status": {"agents": {"desiredReplicas": 900}, "observedGeneration": 99}}
    path = tenant.api.path("VoiceFleet", tenant.namespace, "mine")
    assert tenant.writes({}).is_success

    through_status = tenant.api.send("PATCH", f"{path}/status", json=boast, headers=MERGE)
    through_spec = tenant.edits(boast)

    stored = api.get("VoiceFleet", tenant.namespace, "mine")
    assert (through_status.status_code, through_spec.status_code) == (FORBIDDEN, 200)
    assert stored.get("status", {}).get("agents", {}).get("desiredReplicas") != 900


MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def test_a_status_that_comes_with_a_new_fleet_is_dropped(tenant: Tenant):
    """The first cycle takes its counts from the status; it must not be the author's."""
    fleet = a_fleet(tenant.namespace, {**SMALL_SPEC, "paused": True}, name="boasting")
    fleet["status"] = {"agents": {"desiredReplicas": 900}, "observedGeneration": 1}

    answer = tenant.api.send(
        "POST", tenant.api.path("VoiceFleet", tenant.namespace), json=fleet, params=DRY
    )

    assert answer.is_success, answer.text
    assert "status" not in answer.json()


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (APPLY, {"spec": {"agents": {"envFromSecretRefs": [{"name": "theirs"}]}}}),
        (MERGE, {"spec": {"agents": {"envFromSecretRefs": [{"name": "theirs"}]}}}),
        (
            {"Content-Type": "application/json-patch+json"},
            [
                {
                    "op": "add",
                    "path": "/spec/agents/envFromSecretRefs",
                    "value": [{"name": "theirs"}],
                }
            ],
        ),
    ],
    ids=["apply", "merge patch", "JSON patch"],
)
def test_no_way_of_writing_goes_around_the_policy(tenant: Tenant, media_type, body):
    """The author may not read the Secret, whichever request asks for it."""
    assert tenant.writes({}).is_success
    if media_type is APPLY:
        body = {"apiVersion": "voicefleet.dev/v1alpha1", "kind": "VoiceFleet", **body}

    answer = tenant.api.send(
        "PATCH",
        tenant.api.path("VoiceFleet", tenant.namespace, "mine"),
        json=body,
        headers=media_type,
        params={"fieldManager": "mallory"} if media_type is APPLY else {},
    )

    assert answer.status_code == FORBIDDEN
    assert "spec.agents.envFromSecretRefs: you may not get Secret theirs" in answer.text


def test_a_tenant_does_not_become_the_operator_by_saying_so(tenant: Tenant, installed):
    """The policy lets the operator's own writes pass, so nobody else may bear its name."""
    answer = tenant.api.send(
        "GET",
        tenant.api.path("VoiceFleet", tenant.namespace),
        headers={"Impersonate-User": installed.user},
    )

    assert (answer.status_code, "impersonate" in answer.text) == (FORBIDDEN, True)


def test_a_tenant_writes_no_fleet_elsewhere(tenant: Tenant, new_namespace, installed):
    """Beside the install key, a fleet could name it."""
    namespaces = [new_namespace(), installed.namespace]

    answers = [
        tenant.api.send(
            "POST", tenant.api.path("VoiceFleet", other), json=a_fleet(other, SMALL_SPEC)
        )
        for other in namespaces
    ]

    assert [answer.status_code for answer in answers] == [FORBIDDEN, FORBIDDEN]


def test_a_neighbours_generated_secret_cannot_be_named(
    tenant: Tenant, api: Api, operator, namespace: str
):
    """The keys of another fleet's media servers would open all of its calls."""
    api.create(a_fleet_manifest(namespace, "victim"))
    keys = eventually("the victim's keys", lambda: secret_of(api, namespace, "victim-media-keys"))

    answer = tenant.writes({"agents": {"envFromSecretRefs": [{"name": keys}]}})

    assert answer.status_code == FORBIDDEN
    assert f"spec.agents.envFromSecretRefs: you may not get Secret {keys}" in answer.text


def secret_of(api: Api, namespace: str, prefix: str) -> str | None:
    """Return the name of the first Secret that begins like this."""
    names = [secret["metadata"]["name"] for secret in api.list("Secret", namespace)]
    return next((name for name in names if name.startswith(prefix)), None)


def test_workers_do_not_run_as_an_account_that_bears_their_fleets_name(
    tenant: Tenant, api: Api, operator, namespace: str
):
    """The policy asks about accounts that are named; this one is chosen by the fleet's name."""
    account = {"name": "cloud-agents", "namespace": namespace, "annotations": {"role": "admin"}}
    before = api.create({"kind": "ServiceAccount", "metadata": account})

    assert tenant.writes({"paused": False}, name="cloud").is_success
    fleet = eventually("NameTaken", lambda: stalled(api, namespace, "cloud"))

    assert "ServiceAccount/cloud-agents" in condition(fleet, "Stalled")["message"]
    assert api.list("Pod", namespace, f"{TIER}=agents") == []
    assert api.get("ServiceAccount", namespace, "cloud-agents") == before


def stalled(api: Api, namespace: str, name: str) -> Manifest | None:
    """Return the fleet once it is Stalled because a name is taken."""
    fleet = api.get("VoiceFleet", namespace, name)
    return fleet if condition(fleet, "Stalled").get("reason") == "NameTaken" else None


def settled(api: Api, namespace: str, name: str, seconds: float = 60) -> Manifest:
    """Return a fleet once it is settled."""
    return eventually(
        f"{name} is settled",
        lambda: fleet if is_settled(fleet := api.get("VoiceFleet", namespace, name)) else None,
        seconds=seconds,
    )


def children_of(api: Api, namespace: str, fleet: str) -> dict[tuple[str, str], str]:
    """Return kind and name of a fleet's children with what nobody but us should change."""
    return {
        key: json.dumps(
            [child["metadata"]["uid"], child["metadata"]["ownerReferences"], child.get("spec")]
        )
        for key, child in api.children(namespace).items()
        if child["metadata"]["labels"][FLEET] == fleet
    }


def test_fleets_whose_names_run_into_each_other_leave_each_other_alone(
    api: Api, operator, namespace: str
):
    """`a` with a pool `media` wants the Service that fleet `a-speech` has already."""
    for name in ("a-speech", "a-agents"):
        api.create(a_fleet_manifest(namespace, name))
        settled(api, namespace, name)
    before = children_of(api, namespace, "a-speech"), children_of(api, namespace, "a-agents")
    pool = {"name": "media", "stage": "TTS", "image": "registry.example.com/tts:1"}

    api.create(with_spec(a_fleet_manifest(namespace, "a"), "speech", [pool]))
    fleet = eventually("NameTaken", lambda: stalled(api, namespace, "a"))

    after = children_of(api, namespace, "a-speech"), children_of(api, namespace, "a-agents")
    assert "Service/a-speech-media" in condition(fleet, "Stalled")["message"]
    # A fleet may have got one of its own meanwhile: its memory is first written after a while.
    kept = [{key: now.get(key) for key in was} for was, now in zip(before, after, strict=True)]
    assert kept == list(before)
    for name in ("a-speech", "a-agents"):
        assert is_settled(api.get("VoiceFleet", namespace, name))


def test_objects_that_only_carry_a_fleets_labels_stay_as_they_are(
    api: Api, operator, namespace: str
):
    """A fleet must not be a way to delete or change what its author may not."""
    labels = {FLEET: "interviews", TIER: "speech", "app.kubernetes.io/managed-by": "voicefleet"}
    plain = {"name": "notes", "namespace": namespace, "labels": labels}
    owned = {**plain, "name": "book", "ownerReferences": [an_owner(api, namespace, "owner")]}
    api.create({"kind": "ConfigMap", "metadata": plain, "data": {"a": "b"}})
    api.create({"kind": "ConfigMap", "metadata": owned, "data": {"a": "b"}})
    api.create({"kind": "ServiceAccount", "metadata": {**plain, "name": "interviews-speech"}})
    names = {"ConfigMap": ("notes", "book"), "ServiceAccount": ("interviews-speech",)}
    before = [api.get(kind, namespace, name) for kind in names for name in names[kind]]

    api.create(a_fleet_manifest(namespace))
    settled(api, namespace, "interviews")

    assert [api.get(kind, namespace, name) for kind in names for name in names[kind]] == before


@pytest.mark.parametrize("claim", [0, 8, 10**9], ids=["0 sessions", "8 sessions", "10^9 sessions"])
def test_a_strangers_pod_does_not_become_a_worker(
    api: Api, operator, world, namespace: str, *, claim: int
):
    """Counted as one, its word would let a busy worker be removed, or none be added."""
    api.create(a_fleet_manifest(namespace))
    before = settled(api, namespace, "interviews")["status"]["agents"]

    api.create(a_stranger(api, namespace))
    world.change_worker(namespace, "stranger", reserved=claim)
    eventually("it runs", lambda: api.get("Pod", namespace, "stranger")["status"].get("podIP"))
    api.patch("VoiceFleet", namespace, "interviews", {"spec": {"agents": {"floorReplicas": 3}}})
    eventually("a cycle later", lambda: workers_wanted(api, namespace) == 3)

    after = eventually("all workers told", lambda: agents_told(api, namespace))
    stranger = api.get("Pod", namespace, "stranger")["metadata"]
    assert (before["replicas"], after["replicas"]) == (2, 3)
    assert (after["sessions"], after["slots"]) == (0, 24)
    assert BUSY not in stranger["labels"]
    assert "annotations" not in stranger


def agents_told(api: Api, namespace: str) -> Manifest | None:
    """Return the workers' status once the fleet is settled and its session count is known."""
    fleet = api.get("VoiceFleet", namespace, "interviews")
    agents = fleet["status"]["agents"]
    return dict(agents) if is_settled(fleet) and "sessions" in agents else None


def workers_wanted(api: Api, namespace: str) -> int:
    """Return how many workers the operator says it wants."""
    status = api.get("VoiceFleet", namespace, "interviews")["status"]
    return int(status["agents"]["desiredReplicas"])


def a_stranger(api: Api, namespace: str) -> Manifest:
    """Return a pod that says it is a worker of the fleet's ReplicaSet, by another UID."""
    replicaset = api.list("ReplicaSet", namespace, f"{TIER}=agents")[0]
    owner = an_owner(api, namespace, replicaset["metadata"]["name"])
    marks = replicaset["spec"]["template"]["metadata"]["labels"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "stranger",
            "namespace": namespace,
            "labels": {name: marks[name] for name in (FLEET, TIER, REVISION)},
            "ownerReferences": [owner],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "worker",
                    "image": "registry.example.com/stranger:1",
                    "ports": [{"name": "state", "containerPort": 8081}],
                    "securityContext": HARDENED,
                }
            ],
        },
    }


def an_owner(api: Api, namespace: str, name: str) -> Manifest:
    """Create an object of that name and return a controller reference to it.

    It exists, so the garbage collector leaves alone what names it.
    """
    metadata = {"name": name, "namespace": namespace}
    owner = api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    uid = owner["metadata"]["uid"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "controller": True}


def test_a_worker_that_claims_a_billion_calls_silences_nobody(
    api: Api, operator, world, new_namespace
):
    """Its number fits into no status; the fleet must be reported, and others not notice."""
    ours, theirs = new_namespace(), new_namespace()
    api.create(a_fleet_manifest(ours))
    settled(api, ours, "interviews")
    pod = api.list("Pod", ours, f"{TIER}=agents")[0]["metadata"]["name"]

    world.change_worker(ours, pod, reserved=10**30, slots=10**30)
    api.create(a_fleet_manifest(theirs))
    settled(api, theirs, "interviews")
    api.patch("VoiceFleet", ours, "interviews", {"spec": {"agents": {"floorReplicas": 3}}})

    eventually("it is still reported", lambda: workers_wanted(api, ours) == 3)
    assert tracebacks(operator.log) == []
