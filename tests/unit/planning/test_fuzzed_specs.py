"""Whatever somebody writes is parsed, planned and reported, or refused in one sentence.

`VOICEFLEET_FUZZ_CASES` sets how many specs are drawn; `make soak` draws 100,000.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.fuzz import changed_specs, digest, fleet_specs, mutated_specs
from support.law_cases import a_fleet
from voicefleet.errors import SpecError

CASES = int(os.environ.get("VOICEFLEET_FUZZ_CASES", "200"))

some = settings(
    max_examples=CASES // 2,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@some
@given(spec=st.one_of(changed_specs(), fleet_specs()))
def test_whatever_the_schema_allows_becomes_a_plan(spec):
    """A spec that the API server stores and the operator cannot digest is a stuck fleet."""
    told = refusal(spec)

    assert not told or is_one_sentence(told)


@some
@given(spec=mutated_specs())
def test_whatever_it_forbids_is_refused_in_one_sentence(spec):
    """An older CRD, or none with `voicefleet plan`, lets anything through to the parser."""
    told = refusal(spec)

    assert not told or is_one_sentence(told)


def refusal(spec: object) -> str:
    """Return why a spec is refused; an empty text where it is digested."""
    try:
        digest(a_fleet("voice", spec))
    except SpecError as error:
        return str(error)
    return ""


def is_one_sentence(told: str) -> bool:
    """Say whether a refusal names the fleet and fits into one line of a terminal or a log."""
    return told.startswith("VoiceFleet voice/lawful: ") and len(told) < 1024 and "\n" not in told
