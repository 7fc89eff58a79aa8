"""How kopf is told to keep its hands off: one function, one line per decision."""

import kopf

REQUEST_SECONDS = 15.0
"""kopf's default is 300 s, an outage in itself."""
IDLE_SECONDS = 1.0
"""How long kopf keeps a task for a fleet that nothing happens to; ours need no memory there."""
EXIT_SECONDS = 10.0
"""kopf kills the process itself after this; the chart's grace period is longer."""
PREFIX = "voicefleet.dev"
"""What kopf would write under, if it wrote anything."""


def make_settings() -> kopf.OperatorSettings:
    """Return settings under which kopf only watches."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.persistence.finalizer = f"{PREFIX}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=PREFIX, v1=False)
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.enforce_retry_after = True
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.process.ultimate_exiting_timeout = EXIT_SECONDS
    return settings
