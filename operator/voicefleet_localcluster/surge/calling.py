"""Lets the callers of the story ring in a namespace. Called by the demo and by the benches."""

from typing import Final

from voicefleet_localcluster.surge import story
from voicefleet_localcluster.world.client import WorldClient

SEED: Final = 7
"""Of the day; another one brings other callers at the same rates."""


def ring(world: WorldClient, namespace: str, sessions: float, *, seed: int = SEED) -> None:
    """Let so many callers ring that this many sessions run if all of them get through."""
    world.set_traffic(
        namespace,
        callsPerSecond=story.calls_per_second(sessions),
        medianSeconds=story.MEDIAN_SECONDS,
        patienceSeconds=story.PATIENCE_SECONDS,
        seed=seed,
    )
