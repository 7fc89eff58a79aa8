"""Everything that our planner's answer depends on, so that a result can name it by one hash.

Called by `sim/simulate` and by the benches.
"""

from types import ModuleType

from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.core import (
    agents_outlook,
    agents_size,
    arrivals,
    forecast,
    latency,
    lead_time,
    season,
    stabilise,
    stock,
    surge,
)

PARTS: tuple[ModuleType, ...] = (
    agents_outlook,
    agents_size,
    arrivals,
    forecast,
    latency,
    lead_time,
    season,
    stabilise,
    stock,
    surge,
)
"""The modules whose constants decide about the size of the agents tier."""


def planner_settings(spec: VoiceFleetSpec) -> dict[str, object]:
    """Return what the author set, and every number constant of the formula, by name."""
    settings: dict[str, object] = {
        "agents": spec.agents.model_dump_json(),
        "scaling": spec.scaling.model_dump_json(),
    }
    for part in PARTS:
        for name, value in vars(part).items():
            if name.isupper() and isinstance(value, (int, float)):
                settings[f"{part.__name__}.{name}"] = value
    return settings
