"""The operator's configuration file, read again when it changes."""

import logging
from pathlib import Path

from voicefleet.errors import SpecError
from voicefleet.settings import Platform, load_platform

logger = logging.getLogger(__name__)


class PlatformFile:
    """Calling it returns the configuration as the file has it now.

    A change that cannot be read keeps the last good one: a typing mistake in the chart's
    values must not stop fleets that run.

    Args:
        path: The file; where there is none, the defaults hold.

    Raises:
        SpecError: The file cannot be read at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = self._read_version()
        self._platform = load_platform(path)

    def __call__(self) -> Platform:
        """Return the configuration; a look at the file's date costs some microseconds."""
        version = self._read_version()
        if version != self._version:
            self._version = version
            self._reload()
        return self._platform

    def _reload(self) -> None:
        try:
            self._platform = load_platform(self._path)
        except (SpecError, OSError) as error:
            logger.error("the configuration stays as it was: %s", error)  # noqa: TRY400
            return
        logger.info("configuration read again from %s", self._path)

    def _read_version(self) -> int:
        # A ConfigMap volume is swapped by a symbolic link; stat follows it.
        return self._path.stat().st_mtime_ns if self._path.exists() else 0
