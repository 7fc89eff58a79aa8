"""The numbers of a fleet's status: tiers, columns, who drains, what was decided.

Status tells what was observed and what was decided, never what was only hoped for. Values
that move all the time are rounded, because each write wakes every watcher. Conditions are in
`core/conditions`. Called by `planning.report_fleet`.
"""

import math
from datetime import timedelta

from voicefleet.api.labels import REVISION
from voicefleet.api.status import (
    DECISIONS_MAX,
    DESIRES_MAX,
    DRAINING_MAX,
    REVISIONS_MAX,
    AgentsStatus,
    DecisionStatus,
    DesireStatus,
    DrainingReplica,
    EvaluationStatus,
    MediaStatus,
    RevisionStatus,
    SizingStatus,
    SpeechStatus,
    Summary,
)
from voicefleet.core.children import template_label
from voicefleet.core.overview import Overview, Pool
from voicefleet.core.workers import Worker, WorkerSet
from voicefleet.model.grace import agents_grace_seconds
from voicefleet.model.observed import Tier
from voicefleet.model.size import Sizing

ETA_STEP_SECONDS = 60
"""An end is expected within a minute; a finer number would only cause writes."""

SENTENCE_MAX = 1024
"""Longest sentence that the status holds."""

REPEATED_WITHIN = timedelta(seconds=60)
"""The same decision again within this is one decision whose writes had to be repeated."""


def summarise(view: Overview) -> Summary:
    """Return the columns of `kubectl get`."""
    return Summary(
        sessions=summarise_sessions(view),
        agents=f"{view.rollout.serving}/{view.agents_wanted}",
        media=f"{view.media_ready}/{view.media_wanted}",
        latency=summarise_latency(view),
        target=_summarise_target(view),
    )


def summarise_latency(view: Overview) -> str:
    """Return the P95 in steps of 10 ms, `?` where it is not known, nothing without provider."""
    if view.latency is None:
        return ""
    known = view.latency.ttfb_milliseconds
    return "?" if known is None else f"{round(known, -1):.0f} ms"


def _summarise_target(view: Overview) -> str:
    return "" if view.latency is None else f"{view.latency.target_milliseconds} ms"


def summarise_sessions(view: Overview) -> str:
    """Return running sessions and slots, never a number that is not known.

    `34/48` all workers told; `34+?/48` some that run did not, so there may be more than 34;
    `?/48` none told.
    """
    running = [worker for worker in view.workers if worker.pod.is_running]
    known = [worker.sessions for worker in running if worker.sessions is not None]
    if not running or len(known) == len(running):
        told = str(sum(known))
    else:
        told = f"{sum(known)}+?" if known else "?"
    return f"{told}/{count_slots(view)}"


def count_slots(view: Overview) -> int:
    """Return the sessions that workers which take new ones may hold together.

    A worker that has not told its slots has those of the manifest.
    """
    stated = view.fleet.spec.agents.sessions_per_worker
    return sum(
        worker.report.slots if worker.report is not None else stated
        for worker in view.workers
        if worker.is_serving
    )


def report_agents(view: Overview) -> AgentsStatus:
    """Return the block about the workers."""
    return AgentsStatus(
        replicas=len(view.workers),
        desired_replicas=view.agents_wanted,
        ready_replicas=sum(worker.pod.is_ready for worker in view.workers),
        sessions=_count_sessions(view.workers),
        slots=count_slots(view),
        selector=view.agents_selector,
        revision=view.agents_revision,
        revisions=tuple(_report_revision(workers) for workers in view.rollout.sets)[:REVISIONS_MAX],
        grace_seconds=agents_grace_seconds(view.fleet.spec.agents.max_session_seconds),
        sizing=report_sizing(view.agents),
    )


def report_sizing(sizing: Sizing) -> SizingStatus:
    """Return how a size came about; what it would be where it is only recommended."""
    return SizingStatus(
        wanted=sizing.wanted if sizing.recommended is None else sizing.recommended,
        reason=sizing.reason,
        message=sizing.because,
        desires=tuple(
            DesireStatus(name=each.name, replicas=each.replicas, message=each.because)
            for each in sizing.desires[:DESIRES_MAX]
        ),
        figures=sizing.figures,
        invalid=sizing.invalid,
    )


def report_media(view: Overview) -> MediaStatus:
    """Return the block about the media servers."""
    return MediaStatus(
        replicas=len(view.servers.all),
        desired_replicas=view.media_wanted,
        ready_replicas=view.media_ready,
        last_server=view.last_server,
        revision=view.media_revision,
        public_url=view.fleet.spec.media.public_url,
        sizing=report_sizing(view.media),
    )


def report_speech(view: Overview) -> tuple[SpeechStatus, ...]:
    """Return one block per speech pool."""
    pools = [pool for pool in view.pools if pool.tier is Tier.SPEECH]
    return tuple(
        SpeechStatus(
            name=spec.name,
            replicas=pool.replicas,
            desired_replicas=pool.wanted,
            ready_replicas=pool.ready,
            sizing=_report_pool_sizing(pool),
        )
        for spec, pool in zip(view.fleet.spec.speech, pools, strict=True)
    )


def report_evaluation(view: Overview) -> EvaluationStatus | None:
    """Return the block about the evaluators, or None where the fleet has none."""
    pool: Pool | None = next((pool for pool in view.pools if pool.tier is Tier.EVALUATION), None)
    if pool is None:
        return None
    return EvaluationStatus(
        replicas=pool.replicas,
        desired_replicas=pool.wanted,
        ready_replicas=pool.ready,
        sizing=_report_pool_sizing(pool),
    )


def _report_pool_sizing(pool: Pool) -> SizingStatus | None:
    return None if pool.sizing is None else report_sizing(pool.sizing)


def report_draining(view: Overview) -> tuple[DrainingReplica, ...]:
    """Return who waits for its last call, the longest-waiting first.

    Since when is kept from the last status: an operator that restarts sees each cordon for
    the first time again.
    """
    before = {entry.pod: entry.since for entry in view.fleet.status.draining}
    longest = view.fleet.spec.agents.max_session_seconds
    entries = []
    for worker in view.cordoned:
        seen = worker.report.cordoned_since if worker.report is not None else None
        since = before.get(worker.pod.name) or seen or view.now
        rest = since.timestamp() + longest - view.now.timestamp()
        entries.append(
            DrainingReplica(
                pod=worker.pod.name,
                tier=Tier.AGENTS,
                sessions=worker.sessions,
                since=since,
                eta_seconds=_round_up(rest) if worker.sessions else None,
            )
        )
    for server in view.surplus_servers:
        name = server.pods[0].name if server.pods else server.child.key.name
        since = before.get(name) or view.now
        entries.append(
            DrainingReplica(pod=name, tier=Tier.MEDIA, sessions=server.rooms, since=since)
        )
    entries.sort(key=lambda entry: (entry.since, entry.pod))
    return tuple(entries[:DRAINING_MAX])


def report_decisions(view: Overview) -> tuple[DecisionStatus, ...]:
    """Return this cycle's decisions before the earlier ones, the newest first."""
    earlier = view.fleet.status.decisions
    recent = {
        (entry.tier, entry.reason, entry.message)
        for entry in earlier
        if view.now - entry.time < REPEATED_WITHIN
    }
    made = tuple(
        DecisionStatus(
            time=view.now,
            tier=decision.tier,
            from_replicas=decision.replicas_from,
            to_replicas=decision.replicas_to,
            reason=decision.reason,
            message=decision.because[:SENTENCE_MAX],
        )
        for decision in reversed(view.outcome.decisions)
        if (decision.tier, decision.reason, decision.because[:SENTENCE_MAX]) not in recent
    )
    return (*made, *earlier)[:DECISIONS_MAX]


def _report_revision(workers: WorkerSet) -> RevisionStatus:
    return RevisionStatus(
        revision=template_label(workers.child, REVISION),
        replicas=len(workers.workers),
        ready_replicas=sum(worker.pod.is_ready for worker in workers.workers),
        cordoned_replicas=sum(worker.is_cordoned for worker in workers.workers),
        sessions=_count_sessions(workers.workers),
    )


def _count_sessions(workers: tuple[Worker, ...]) -> int | None:
    """Return all their sessions, or None while one that may hold some does not tell."""
    counts = [worker.sessions for worker in workers if worker.pod.is_ready or worker.sessions]
    return None if None in counts else sum(count for count in counts if count is not None)


def _round_up(seconds: float) -> int:
    return max(0, math.ceil(seconds / ETA_STEP_SECONDS) * ETA_STEP_SECONDS)
