"""Names and bucket bounds of the metrics that agent images export and the operator reads.

A contract between images and operators of different versions: bounds are added, never moved.
Read by the agent image, by the local cluster's stand-ins, and by docs/metrics-providers.md.
"""

TTFB_HISTOGRAM = "voicefleet_turn_ttfb_seconds"
"""Time from the end of the caller's speech to the first sound of the answer, one per turn."""

STAGE_HISTOGRAM = "voicefleet_turn_stage_seconds"
"""The same for each part of a turn; label `stage`."""

LATENCY_BOUNDS_SECONDS = (
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    1.25, 1.5, 2.0, 3.0, 5.0,
)  # fmt: skip
"""Upper bounds of both histograms. A P95 is interpolated within a bucket, so the bounds decide how
wrong it is: for log-normal latencies at most 3.5 % with a P95 of 0.28 to 1 s, 5 % above it, and
never on the wrong side of 400 or 800 ms, which are bounds themselves. A test measures that."""
