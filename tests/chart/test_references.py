"""The admission policy sees every reference that a fleet can contain, and can afford to."""

from collections.abc import Iterator

from support.chart import find, render_chart

CHECKS_MAX = 28
"""One authorizer check costs 350,000 units, one request may spend 10,000,000."""
HARMLESS = {"paused", "deletionPolicy", "scaling"}
"""Fields of spec that hand nothing to a pod; changing them needs no right to a Secret."""


def fleet_schema():
    """Return the schema of a fleet's spec."""
    crd = find(render_chart(), "CustomResourceDefinition", "voicefleets.voicefleet.dev")
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def references(schema: dict, path: str = "spec", count: int = 1) -> Iterator[tuple[str, int]]:
    """Yield every field that names a Secret or a ServiceAccount, with how often it can."""
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}"
        if name.endswith(("SecretRefs", "SecretRef", "secretRef", "serviceAccountName")):
            yield inner, count * field.get("maxItems", 1)
        elif "items" in field:
            yield from references(field["items"], inner, count * field["maxItems"])
        else:
            yield from references(field, inner, count)


def policy():
    """Return the rendered policy."""
    return find(render_chart(), "ValidatingAdmissionPolicy")["spec"]


def test_a_fleet_cannot_name_more_than_a_request_can_check():
    """One reference too many and every such fleet is refused for its cost."""
    assert sum(count for _, count in references(fleet_schema())) <= CHECKS_MAX


def test_there_is_one_check_for_each_possible_reference():
    """Two checks fit into one expression; a list needs one expression for each place."""
    checks = [rule for rule in policy()["validations"] if "authorizer" in rule["expression"]]

    assert len(checks) == sum(count for _, count in references(fleet_schema()))
    assert all(rule["expression"].count("authorizer") == 1 for rule in checks)


def test_every_field_that_names_something_is_collected():
    """A new field that the policy does not know would be a way around it."""
    text = " ".join(variable["expression"] for variable in policy()["variables"])

    missing = [path for path, _ in references(fleet_schema()) if path.split(".")[-1] not in text]
    assert missing == []


def test_every_part_of_a_fleet_is_watched_or_known_to_be_harmless():
    """A new tier has to be added to the condition under which references are checked."""
    conditions = " ".join(condition["expression"] for condition in policy()["matchConditions"])

    watched = {
        name for name in fleet_schema()["properties"] if f"object.spec.?{name} " in conditions
    }
    assert fleet_schema()["properties"].keys() - watched == HARMLESS


def test_every_refusal_says_what_to_do():
    """Whoever is refused learns the field, the object, and which Role to ask for."""
    messages = [rule["messageExpression"] for rule in policy()["validations"][1:]]

    assert all("ask for a Role" in message for message in messages)
    assert all("request.namespace" in message for message in messages)


def test_the_policy_binds_only_where_fleets_are_looked_after():
    """Two installations side by side must not judge each other's fleets."""
    binding = find(render_chart(namespaces=["a"]), "ValidatingAdmissionPolicyBinding")

    selector = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert selector == [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a"]}]


def test_an_unreachable_policy_refuses():
    """A policy that lets everything through when it cannot be evaluated is none."""
    assert policy()["failurePolicy"] == "Fail"
