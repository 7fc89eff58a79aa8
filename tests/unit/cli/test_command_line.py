"""The command line: quick where it can be, and clear about who is who."""

import json
import logging
import subprocess
import sys

import pytest

import voicefleet
from voicefleet.__main__ import default_identity, main, make_parser
from voicefleet.cli.logs import JsonFormatter

HEAVY = ("kopf", "kubernetes", "aiohttp", "pydantic")


def modules_after(*arguments: str) -> set[str]:
    """Return the packages that a command has loaded when it ends."""
    program = (
        "import sys; from voicefleet.__main__ import main; "
        f"main({list(arguments)!r}); print(' '.join(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in answer.stdout.split()}


def test_version_prints_the_version(capsys: pytest.CaptureFixture):
    """The first thing that a report of a fault needs."""
    code = main(["version"])

    assert (code, capsys.readouterr().out.strip()) == (0, voicefleet.__version__)


def test_version_loads_no_client():
    """A shell runs the plugin for each tab; half a second of imports would be felt."""
    assert modules_after("version") & set(HEAVY) == set()


def test_two_replicas_never_share_a_name_by_default():
    """Two replicas of one name would both hold the Lease."""
    names = {
        subprocess.run(
            [sys.executable, "-c", "import voicefleet.__main__ as m; print(m.default_identity())"],
            capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for _ in range(2)
    }  # fmt: skip

    assert len(names) == 2
    assert default_identity() not in names


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no-command"),
        pytest.param(["release"], id="release-without-which"),
        pytest.param(["release", "--all", "--namespace", "x"], id="release-all-and-one"),
        pytest.param(["run", "--log-format", "xml"], id="unknown-format"),
    ],
)
def test_an_incomplete_command_is_refused(arguments: list[str], capsys: pytest.CaptureFixture):
    """`release` without saying which fleets must never mean all of them."""
    with pytest.raises(SystemExit) as refused:
        make_parser().parse_args(arguments)

    assert refused.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_json_line_holds_the_traceback_too():
    """A log collector cuts at line ends; a traceback over thirty lines would be torn."""
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        record = logging.LogRecord(
            "voicefleet",
            logging.ERROR,
            __file__,
            1,
            "the cycle of %s failed",
            ("x",),
            sys.exc_info(),
        )

    text = JsonFormatter().format(record)

    assert len(text.splitlines()) == 1
    line = json.loads(text)
    assert (line["level"], line["message"]) == ("error", "the cycle of x failed")
    assert "ZeroDivisionError" in line["error"]
