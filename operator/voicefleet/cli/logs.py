"""How log lines look: JSON for machines, text for people. Called by `__main__`."""

import json
import logging
import sys
from datetime import UTC, datetime

QUIET_LOGGERS = ("kopf", "aiohttp", "asyncio", "urllib3")
"""Libraries that tell of their own progress; only their warnings are news to an SRE."""


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON: time, level, logger, message, and the traceback if any."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(*, level: str, style: str) -> None:
    """Send everything to standard error.

    Args:
        level: Least important level that is logged: debug, info, warning or error.
        style: `json` or `text`.
    """
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter(
        "%(asctime)s.%(msecs)03d %(levelname)-7s %(message)s", datefmt="%H:%M:%S"
    )
    handler.setFormatter(JsonFormatter() if style == "json" else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
