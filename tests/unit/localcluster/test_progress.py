"""What a person sees of a step."""

import io

import pytest

from voicefleet_localcluster.progress import Progress


def test_a_finished_step_says_what_came_out_and_how_long_it_took():
    """The seconds of each step are how one notices that a start got slow."""
    stream = io.StringIO()

    with Progress(stream).step("etcd") as step:
        step.detail = "started, process 7"

    assert stream.getvalue().split() == ["✓", "etcd", "started,", "process", "7", "0.0", "s"]


def test_a_failed_step_is_not_ticked():
    """A tick beside a failure is worse than no output at all."""
    stream = io.StringIO()

    with pytest.raises(OSError, match="disk"), Progress(stream).step("etcd"):
        raise OSError("disk full")

    assert stream.getvalue().startswith("✗ etcd")


def test_without_a_stream_nothing_is_said():
    """Tests start clusters too, and nobody reads along."""
    with Progress().step("etcd") as step:
        step.detail = "quiet"

    assert step.detail == "quiet"
