"""The word that tells two pod templates apart.

A revision is a hash of the finished pod template, taken before the revision itself is put
in. So it changes exactly when a pod made today would differ from one made before: by what
the author wrote, by a platform image, or by a change of our own rendering. Counts
(replicas, minimum, maximum) are no part of a template and never make a revision.
"""

import hashlib
import json

from voicefleet.manifests import Manifest

TEMPLATE_VERSION = 1
"""Raised only to replace every pod although its template reads the same."""
REVISION_LENGTH = 8
NO_REVISION = ""
"""Stands in the template while its revision is being computed."""


def revision_of(template: Manifest, *inputs: str) -> str:
    """Return 8 hex digits for a pod template and the files that its pods mount."""
    text = json.dumps([TEMPLATE_VERSION, template, *inputs], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:REVISION_LENGTH]
