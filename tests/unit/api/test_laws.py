"""Every law is tried on both sides, and its message is an expression the server accepts."""

from support.law_cases import law_cases
from voicefleet.api.laws import FLEET_LAWS, LAWS, Law


def every_law() -> set[str]:
    """Return model and name of every law, as the data of the cluster tests names them."""
    groups = {"VoiceFleet": FLEET_LAWS, **{model.__name__: laws for model, laws in LAWS.items()}}
    return {f"{model}/{law.name}" for model, laws in groups.items() for law in laws}


def test_every_law_has_an_accepted_and_a_refused_case():
    """A law that nobody tried on the real API server may refuse everything, or nothing."""
    assert {case.law for case in law_cases()} == every_law()


def test_a_message_without_numbers_stays_text():
    """The server shows `message` as it is; an expression would have to be evaluated."""
    law = Law(name="x", rule="true", message="write `a`, or leave it out", field="a")

    assert law.to_validation() == {
        "rule": "true",
        "message": "write `a`, or leave it out",
        "fieldPath": ".a",
    }


def test_a_message_with_numbers_becomes_one_bounded_expression():
    """Joining with `+` is refused by the server: it cannot bound the cost of string()."""
    law = Law(name="x", rule="true", message="it's {self.a} of {self.b}, 100%")

    assert law.to_validation()["messageExpression"] == (
        r"'it\'s %s of %s, 100%%'.format([self.a, self.b])"
    )


def test_every_refusal_says_what_one_can_do():
    """A refusal without a way out is answered by switching the check off."""
    ways_out = ("use ", "set ", "lower ", "remove ", "write ", "choose ", "add ", "create ",
                "select ", "must ", "can be ", "is the most")  # fmt: skip
    groups = (FLEET_LAWS, *LAWS.values())

    speechless = [
        law.name
        for laws in groups
        for law in laws
        if not any(way in law.message for way in ways_out)
    ]

    assert speechless == []
