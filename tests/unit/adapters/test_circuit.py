"""When a provider that does not answer is asked again."""

import pytest

from voicefleet.adapters.circuit import Circuit, Passage


def after(failures: int, *, every: float = 10.0) -> Circuit:
    """Return a circuit after so many failures in a row."""
    circuit = Circuit()
    for number in range(failures):
        circuit = circuit.after_failure(number * every)
    return circuit


@pytest.mark.parametrize(
    ("failures", "seconds", "passage"),
    [
        pytest.param(0, 0, Passage.ALL, id="healthy"),
        pytest.param(2, 0, Passage.ALL, id="two lost answers are no outage"),
        pytest.param(3, 9, Passage.NONE, id="open"),
        pytest.param(3, 10, Passage.ONE, id="half-open"),
        pytest.param(4, 19, Passage.NONE, id="longer the second time"),
        pytest.param(4, 20, Passage.ONE, id="half-open again"),
        pytest.param(5, 30, Passage.ONE, id="never longer than half a minute"),
        pytest.param(5000, 30, Passage.ONE, id="however long the outage"),
    ],
)
def test_what_may_be_asked(failures: int, seconds: float, passage: Passage):
    """A provider in trouble is spared, and noticed soon after it is back."""
    last = max(0, failures - 1) * 10.0

    assert after(failures).passage(last + seconds) is passage


def test_one_answer_closes_it():
    """Half-open is decided by a single question."""
    assert after(7).after_success() == Circuit()


def test_a_failed_probe_opens_it_again():
    """One more question in vain, not fifteen."""
    circuit = after(3)

    again = circuit.after_failure(30.0)

    assert (again.passage(31.0), again.passage(50.0)) == (Passage.NONE, Passage.ONE)
