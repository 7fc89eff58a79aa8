"""What the operator may do and what it does are the same set.

Runs last (see conftest): it reads the audit log of everything the other tests made the
operator do.
"""

import json

import pytest

from support.chart import rules_of_operator

pytestmark = pytest.mark.cluster

USER = "system:serviceaccount:voicefleet-system:voicefleet"

SELF_QUESTIONS = {("authorization.k8s.io", "selfsubjectaccessreviews")}
"""Asked by anybody about themselves; granted to everybody by Kubernetes."""

CREATED = 201
"""An apply that made its object is logged as a patch, and is allowed only with `create`."""

NOT_PROVOKED = {
    ("coordination.k8s.io", "leases", "create"): "the Lease is made once per cluster",
}


def _used(cluster) -> set[tuple[str, str, str]]:
    used = set()
    for line in cluster.audit_log.read_text().splitlines():
        event = json.loads(line)
        reference = event.get("objectRef")
        if event["user"]["username"] != USER or not reference or "resource" not in reference:
            continue
        resource = reference["resource"]
        if "subresource" in reference:
            resource = f"{resource}/{reference['subresource']}"
        used.add((reference.get("apiGroup", ""), resource, event["verb"]))
        if event["verb"] == "patch" and event["responseStatus"]["code"] == CREATED:
            used.add((reference.get("apiGroup", ""), resource, "create"))
    return used


def _granted(rules: list[dict]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups", [])
        for resource in rule.get("resources", [])
        for verb in rule["verbs"]
    }


def test_nothing_is_granted_that_the_suite_did_not_use(cluster, operator):
    """An unused right is only ever used by an attacker."""
    operator.stop()  # a watch is logged when it ends
    used, granted = _used(cluster), _granted(rules_of_operator())

    assert granted - used - set(NOT_PROVOKED) == set()


def test_nothing_was_refused_to_the_operator(cluster, operator):
    """A 403 in normal work is a feature that silently does not happen."""
    refused = set()
    for line in cluster.audit_log.read_text().splitlines():
        event = json.loads(line)
        reference = event.get("objectRef", {})
        code = event.get("responseStatus", {}).get("code")
        if event["user"]["username"] == USER and code == 403:
            message = event["responseStatus"].get("message", "")
            if "is being terminated" not in message and "exceeded quota" not in message:
                refused.add((reference.get("resource"), event["verb"], message))

    assert refused == set()


def test_secrets_are_only_ever_created(cluster, operator):
    """`patch` without `get` still returns a Secret's data; so `create` it is."""
    verbs = {verb for _, resource, verb in _used(cluster) if resource == "secrets"}

    assert verbs == {"create"}
    assert {
        verb for _, resource, verb in _granted(rules_of_operator()) if resource == "secrets"
    } == {"create"}


def test_there_is_no_wildcard():
    """A star grants what nobody has thought of yet."""
    assert not [rule for rule in rules_of_operator() if "*" in str(rule)]
