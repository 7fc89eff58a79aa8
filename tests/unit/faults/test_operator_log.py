"""Whose fault a log line is: a thousand lives share one operator and one log."""

from pathlib import Path

from support.operator_log import LogReader, tracebacks

CALM = "12:00:00.000 INFO    faults-1/interviews: agents 0→2: minReplicas is 2\n"
BLAME = "12:00:00.100 ERROR   faults-2/interviews: the cycle failed; a fault of the operator\n"
TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no\n'


def a_log(folder: Path, text: str) -> LogReader:
    """Return a reader of a log that says this."""
    file = folder / "operator.log"
    file.write_text(text)
    return LogReader(file)


def test_a_traceback_belongs_to_the_namespace_of_its_first_line(tmp_path: Path):
    """A failure that is told of another history sends somebody to the wrong place."""
    reader = a_log(tmp_path, CALM + BLAME + TRACE + CALM)

    said = reader.about("faults-2")

    assert said == (BLAME + TRACE).splitlines()
    assert (reader.about("faults-1"), reader.strays()) == ([], [])


def test_a_fault_without_a_namespace_is_told_once(tmp_path: Path):
    """It may belong to anybody, so it must not get lost, and not be everybody's either."""
    reader = a_log(tmp_path, "12:00:00.100 ERROR   watches failed\n" + TRACE)

    first, second = reader.strays(), reader.strays()

    assert first[-1] == "ValueError: no"
    assert second == []


def test_a_log_is_read_on_where_it_ended(tmp_path: Path):
    """A line that is written in two pieces is one line."""
    reader = a_log(tmp_path, BLAME[:20])
    before = reader.about("faults-2")
    with (tmp_path / "operator.log").open("a") as file:
        file.write(BLAME[20:])

    after = reader.about("faults-2")

    assert (before, after) == ([], [BLAME.strip()])


def test_a_traceback_is_told_with_what_it_is_about():
    """Two lines of a log of thousands are what somebody needs who was not there."""
    assert tracebacks(CALM + BLAME + TRACE + CALM) == [(BLAME + TRACE).strip()]
    assert tracebacks(CALM) == []
