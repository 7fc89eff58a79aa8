"""The configuration file while the operator runs."""

import os
from pathlib import Path

import pytest

from voicefleet.errors import SpecError
from voicefleet.handlers.platform import PlatformFile


def write(path: Path, text: str, at: int) -> None:
    """Write the file with a date of its own, as two edits a second apart would have."""
    path.write_text(text)
    os.utime(path, (at, at))


def test_a_changed_file_is_read_again(tmp_path: Path):
    """A new limit must not need a restart."""
    path = tmp_path / "platform.yaml"
    write(path, "resyncSeconds: 30\n", at=1000)
    platform = PlatformFile(path)

    write(path, "resyncSeconds: 45\n", at=1001)

    assert platform().resync_seconds == 45


def test_a_mistake_keeps_the_last_good_configuration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Fleets that run must not pay for a typing mistake; the log names it."""
    path = tmp_path / "platform.yaml"
    write(path, "resyncSeconds: 30\n", at=1000)
    platform = PlatformFile(path)

    write(path, "resyncSeconds: soon\n", at=1001)

    assert platform().resync_seconds == 30
    assert "resyncSeconds" in caplog.text


def test_without_a_file_the_defaults_hold(tmp_path: Path):
    """A developer's first start needs no file."""
    assert PlatformFile(tmp_path / "none.yaml")().resync_seconds == 60


def test_a_mistake_at_the_start_stops_the_start(tmp_path: Path):
    """Then there is no last good configuration, and somebody is watching."""
    path = tmp_path / "platform.yaml"
    path.write_text("resyncSeconds: soon\n")

    with pytest.raises(SpecError, match="resyncSeconds"):
        PlatformFile(path)
