"""What the chart allows whom. That nothing is granted unused is shown by the cluster tests."""

import pytest

from support.chart import find, render_chart, rules_of, rules_of_operator

PAIRS_MAX = 62
"""Pairs of verb and resource. Widely used operators grant between 78 and 277."""


def verbs_on(rules, resource: str) -> set[str]:
    """Return every verb that the rules grant on a resource."""
    return {verb for rule in rules if resource in rule["resources"] for verb in rule["verbs"]}


@pytest.mark.parametrize("namespaces", [[], ["a", "b"]], ids=["everywhere", "two-namespaces"])
def test_no_role_has_a_wildcard(namespaces: list[str]):
    """A star grants what nobody has thought of yet, in every later version of Kubernetes."""
    manifests = render_chart(namespaces=namespaces)

    rules = [rule for manifest in manifests for rule in manifest.get("rules", [])]
    assert rules
    assert not [rule for rule in rules if "*" in str(rule)]


def test_secrets_can_be_created_and_nothing_else():
    """Even `patch` alone answers with the whole Secret."""
    assert verbs_on(rules_of_operator(), "secrets") == {"create"}


def test_pods_can_be_marked_and_neither_made_nor_deleted():
    """Deleting a busy pod is the one thing the operator must never be able to do."""
    assert verbs_on(rules_of_operator(), "pods") == {"list", "watch", "patch"}


def test_the_operator_cannot_change_what_it_may_do():
    """Rights to roles, tokens, CRDs or webhooks would be rights to everything."""
    granted = {resource for rule in rules_of_operator() for resource in rule["resources"]}

    assert not granted & {
        "clusterroles",
        "customresourcedefinitions",
        "mutatingwebhookconfigurations",
        "nodes",
        "pods/eviction",
        "pods/exec",
        "rolebindings",
        "roles",
        "serviceaccounts/token",
        "validatingadmissionpolicies",
    }


def test_the_list_of_rights_stays_short():
    """Fifty-odd pairs can be read and understood by whoever has to approve them."""
    pairs = sum(len(rule["verbs"]) * len(rule["resources"]) for rule in rules_of_operator())

    assert pairs <= PAIRS_MAX


def test_with_namespaces_listed_there_is_no_right_outside_them():
    """A tenant's operator must not see its neighbours."""
    manifests = render_chart(namespaces=["a", "b"], rbac={"aggregateToUserRoles": False})

    bindings = [m for m in manifests if m["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    places = {(binding["kind"], binding["metadata"].get("namespace")) for binding in bindings}
    assert places == {
        ("RoleBinding", "a"),
        ("RoleBinding", "b"),
        ("RoleBinding", "voicefleet-system"),
    }


def test_the_rights_in_a_namespace_are_the_rights_everywhere():
    """The two ways of installing must not differ in what works."""
    everywhere = rules_of_operator()
    in_one = rules_of(render_chart(namespaces=["a"]), "voicefleet")

    for rule in in_one:
        rule.pop("resourceNames", None) if rule["resources"] == ["namespaces"] else None
    assert in_one == everywhere


def test_the_lease_can_be_taken_by_name_only():
    """Other components keep their leases in the same namespace."""
    rules = [rule for rule in rules_of_operator() if rule["resources"] == ["leases"]]

    unnamed = {verb for rule in rules if not rule.get("resourceNames") for verb in rule["verbs"]}
    assert unnamed == {"create"}


def test_the_uninstall_hook_may_stop_the_operator_and_release_fleets():
    """It runs once, with nobody watching; one Deployment by name is all it can touch."""
    rules = rules_of(render_chart(), "voicefleet-release")

    granted = {
        (resource, verb): rule.get("resourceNames")
        for rule in rules
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {
        ("voicefleets", "get"): None,
        ("voicefleets", "list"): None,
        ("voicefleets", "patch"): None,
        ("deployments/scale", "patch"): ["voicefleet"],
        ("leases", "get"): ["voicefleet"],
    }


def test_editors_may_write_fleets_and_viewers_may_not():
    """The cluster's own roles mean for fleets what they mean for everything else."""
    manifests = render_chart()

    view, edit = (find(manifests, "ClusterRole", suffix) for suffix in ("-view", "-edit"))
    assert verbs_on(view["rules"], "voicefleets") == {"get", "list", "watch"}
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]
