"""Another version of the operator: a copy of its source that renders every tier otherwise.

Nothing in it is faked: it is a package of its own in another folder, started as a process.
What is changed is what versions do change: labels, variables, probes, files that pods mount,
and the platform's images. A change that matches nothing fails at once.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from voicefleet_localcluster.installation import CHART

PACKAGE = CHART.parents[1] / "operator" / "voicefleet"
MARK = "yesterday"
"""Value of the label by which the other version's pods are known."""
LABEL = "app.kubernetes.io/part-of"

CHANGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "render/labels.py": (
        (
            "COMPONENT: tier.value,",
            f'COMPONENT: tier.value, "{LABEL}": "{MARK}",',
        ),
    ),
    "render/pods.py": (
        ('"enableServiceLinks": False,', '"enableServiceLinks": True,'),
        ('"failureThreshold": failures,', '"failureThreshold": failures + 1,'),
    ),
    "render/agents_replicaset.py": (
        (
            'env_value("VOICEFLEET_FLEET", fleet.name),',
            'env_value("VOICEFLEET_FLEET", fleet.name), env_value("VOICEFLEET_OLD", "yes"),',
        ),
    ),
    "render/livekit_config.py": (('"level": "info"', '"level": "warn"'),),
    "render/redis_config_map.py": (("appendfsync everysec", "appendfsync always"),),
    "settings.py": (("redis:7.4-alpine", "redis:7.2-alpine"),),
}
"""By file: what stands in today's source, and what stood there yesterday."""


def copy_yesterday(folder: Path) -> Path:
    """Write the other version below a folder and return what to put onto the import path."""
    source = folder / "yesterday"
    shutil.copytree(
        PACKAGE, source / "voicefleet", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    for name, changes in CHANGES.items():
        file = source / "voicefleet" / name
        text = file.read_text()
        for today, yesterday in changes:
            assert text.count(today) == 1, f"{name} has {text.count(today)} times {today!r}"
            text = text.replace(today, yesterday)
        file.write_text(text)
    return source
