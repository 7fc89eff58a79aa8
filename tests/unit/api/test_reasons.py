"""The table of reasons keeps the promises that tools and people rely on."""

import re

from voicefleet.api.base import to_field_name
from voicefleet.api.generate import generated_files
from voicefleet.api.patterns import PATTERN_MEANINGS
from voicefleet.api.reasons import ConditionType, Place, Reason

PASCAL_CASE = re.compile(r"([A-Z]+[a-z0-9]+)+")


def test_every_word_is_in_pascal_case():
    """Event and condition reasons are an API: alerts and scripts match on them."""
    words = [*Reason, *ConditionType]

    assert [word for word in words if not PASCAL_CASE.fullmatch(word)] == []


def test_no_two_places_use_one_word_differently():
    """A word that means two things is looked up twice and trusted never."""
    assert len({str(reason) for reason in Reason}) == len(Reason)


def test_every_reason_has_a_sentence_and_a_next_step():
    """The page of reasons is read by somebody who has only the word."""
    thin = [r for r in Reason if not (r.meaning.endswith(".") and r.next_step.endswith("."))]

    assert thin == []


def test_every_condition_has_reasons():
    """A condition without a reason could only say that it is so."""
    explained = {str(reason.place) for reason in Reason}

    assert {str(kind) for kind in ConditionType} == explained - {Place.DECISION}


def test_the_page_lists_every_word():
    """A reason that is not on the page is a reason without a next step."""
    page = generated_files()["docs/reasons.md"]

    assert [word for word in [*Reason, *ConditionType] if f"| `{word}` |" not in page] == []


def test_the_reference_lists_every_block():
    """The field reference replaces reading the schema."""
    page = generated_files()["docs/api.md"]

    for block in ("spec.agents", "spec.speech[]", "spec.media.redis", "status.draining[]"):
        assert f"\n## {block}\n" in page


def test_every_pattern_is_explained_by_what_it_allows():
    """The meaning follows "but it", and follows the field's path in the server's answer."""
    assert [text for text in PATTERN_MEANINGS.values() if not text.startswith("must be")] == []


def test_acronyms_keep_their_capitals():
    """Kubernetes writes `externalIP`; `externalIp` would be a field nobody guesses."""
    assert (to_field_name("external_ip"), to_field_name("public_url")) == (
        "externalIP",
        "publicURL",
    )
