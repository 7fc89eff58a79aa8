"""How many files and connections this process may have open. Called once, at the start.

Each worker costs a connection for as long as it lives, and many systems still start a process
with a limit of 1,024. The limit that an administrator means is the hard one; the soft one is
there for programs that use `select`, which we do not.
"""

import logging
import resource

logger = logging.getLogger(__name__)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard one; return what it is now.

    A system that does not allow it leaves the limit as it is: a small installation needs no more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        logger.warning(
            "the limit of %d open files cannot be raised to %d: %s; more workers than that "
            "cannot be followed, so raise it for the container", soft, hard, error,
        )  # fmt: skip
        return soft
    logger.debug("may open %d files and connections, the soft limit was %d", hard, soft)
    return hard
