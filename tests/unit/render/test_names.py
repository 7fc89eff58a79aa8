"""Names of children: always valid, never shared by two fleets, unchanged where they fit."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from support.fleets import a_full_fleet, a_minimal_fleet
from support.rendered import all_children
from voicefleet.render.names import NAME_MAX, fit

fleet_names = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,70}[a-z0-9])?(\.[a-z0-9]{1,20})?", fullmatch=True
)


def test_a_name_that_fits_is_not_touched():
    """People type these names; a hash in a short one would help nobody."""
    name = fit("interviews", "-media")

    assert name == "interviews-media"


@given(name=fleet_names)
def test_every_child_of_every_fleet_has_a_name_that_services_may_have(name: str):
    """A name that the API server refuses is a tier that never exists."""
    children = all_children(replace(a_full_fleet(), name=name))

    names = [child["metadata"]["name"] for child in children]
    assert all(len(name) <= NAME_MAX and "." not in name for name in names), names
    assert all(name.strip("-") == name for name in names), names


@given(names=st.tuples(fleet_names, fleet_names).filter(lambda pair: pair[0] != pair[1]))
def test_two_fleets_never_share_a_label(names: tuple[str, str]):
    """One fleet's cache would hold the other's pods and remove them."""
    labels = {fit(name, "") for name in names}

    assert len(labels) == 2


def test_two_long_names_that_begin_alike_stay_apart():
    """Cutting alone would give both fleets one Service."""
    names = {fit("a" * 70 + end, "-media") for end in ("x", "y")}

    assert len(names) == 2
    assert all(len(name) == NAME_MAX for name in names)


def test_no_two_children_share_a_kind_and_a_name():
    """The second apply would overwrite the first in every cycle."""
    for fleet in (a_minimal_fleet(), a_full_fleet()):
        keys = [(child["kind"], child["metadata"]["name"]) for child in all_children(fleet)]

        assert len(keys) == len(set(keys))
