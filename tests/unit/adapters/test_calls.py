"""What an answer of the API server means, without sending anything."""

from voicefleet.adapters.kubernetes.calls import Answer, Call, error_of
from voicefleet.adapters.kubernetes.resources import SECRET
from voicefleet.errors import RefusedError

CREATE = Call("create", SECRET, "calls")


def a_refusal(*causes: str) -> Answer:
    """Return a 403 with causes, in the form in which kube-apiserver 1.36 answers."""
    details = {"causes": [{"reason": cause, "field": "metadata.namespace"} for cause in causes]}
    return Answer(403, {"reason": "Forbidden", "message": "forbidden", "details": details})


def test_a_namespace_that_terminates_is_told_from_a_missing_right():
    """The one ends by itself and happens with every deleted namespace; the other is trouble."""
    errors = [
        error_of(CREATE, answer, tries=1)
        for answer in (a_refusal("NamespaceTerminating"), a_refusal())
    ]

    told = [isinstance(one, RefusedError) and one.is_namespace_terminating for one in errors]
    assert told == [True, False]
