"""The table of contents of the operator: what one fleet needs, tier by tier.

`plan_fleet` turns a fleet and what was observed of it into steps, `report_fleet` turns them
into its status. Both are pure. The cycle, `voicefleet plan`, the simulator and the tests
call the same two functions.

Which replica is cordoned, added or removed is decided in `core`; what an object looks like,
in `render`. Here is only the order of things.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from voicefleet.api.labels import REVISION, TIER
from voicefleet.api.media import RedisMode
from voicefleet.api.reasons import Reason
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.core.agents import (
    AgentsDecision,
    Rollout,
    current_agents_size,
    decide_agents,
    view_rollout,
)
from voicefleet.core.agents_outlook import count_demand, judge_latency
from voicefleet.core.agents_size import as_advice, decide_agents_size
from voicefleet.core.children import (
    all_stand,
    find_child,
    find_leftovers,
    find_replicasets,
    hold_replicas,
    keep_child,
    keep_in_place,
    repair_all,
    template_label,
    was_complete,
)
from voicefleet.core.conditions import report_conditions
from voicefleet.core.deletion import decide_farewell
from voicefleet.core.demand import Demand
from voicefleet.core.evaluation import bound_evaluation, current_evaluation_size
from voicefleet.core.explaining import explain_resize, plan_advice
from voicefleet.core.marks import plan_workers
from voicefleet.core.media import (
    Servers,
    current_media_size,
    decide_media,
    find_last_number,
    find_media_revisions,
    view_fleet_servers,
)
from voicefleet.core.overview import Overview, Pool
from voicefleet.core.servers import number_of
from voicefleet.core.sizes import Bounds, bound_agents, bound_media
from voicefleet.core.speech import bound_speech, current_speech_size
from voicefleet.core.status import (
    report_agents,
    report_decisions,
    report_draining,
    report_evaluation,
    report_media,
    report_speech,
    summarise,
)
from voicefleet.core.stored import keep_equal
from voicefleet.core.surge_report import report_surges
from voicefleet.core.tier_sizes import size_evaluation, size_media, size_speech
from voicefleet.core.wording import count_of, format_selector
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.decision import Decision
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import agents_grace_seconds
from voicefleet.model.observed import Child, Children, Observed, Pod, Tier
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import (
    NOTHING,
    CreateSecret,
    DeleteChild,
    HoldFleet,
    Plan,
    ReleaseFleet,
    join_plans,
)
from voicefleet.model.size import Sizing
from voicefleet.recall import remembered
from voicefleet.render.children import render_static_children
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.making import revision_in
from voicefleet.render.media_config_map import keep_media_config_map, render_media_config_map
from voicefleet.render.media_replicaset import media_revision, render_media_replicaset
from voicefleet.render.names import evaluation_name, memory_name, redis_name, speech_name
from voicefleet.render.objects import owner_reference, with_replicas
from voicefleet.render.secrets import TIERS, secret_key, secret_purposes
from voicefleet.render.standing import (
    settle_agents,
    settle_evaluation,
    settle_server,
    settle_speech,
)


def plan_fleet(fleet: Fleet, observed: Observed, now: datetime) -> Plan:
    """Return everything that has to be done for a fleet now, in order.

    Args:
        fleet: The fleet as its author wrote it, with its last status.
        observed: One snapshot of the cluster and of what workers and servers say.
        now: The cycle's single clock reading.

    Returns:
        Steps with the sentence behind each; none where everything is as it should be.
        The same input gives the same plan.
    """
    if fleet.is_deleting:
        return plan_deletion(fleet, observed, now)
    if fleet.spec.paused:
        return Plan()
    static = _render_static(fleet, observed.children)
    demand = count_demand(fleet.spec, observed, now)
    return join_plans(
        plan_hold(fleet),
        plan_secrets(fleet, observed),
        plan_static_children(fleet, observed, static),
        plan_media(fleet, observed, demand, now),
        plan_speech(fleet, observed, demand, now),
        plan_agents(fleet, observed, now),
        plan_evaluation(fleet, observed, now),
        plan_leftovers(fleet, observed.children, observed.pods, static),
    )


def plan_hold(fleet: Fleet) -> Plan:
    """Put the finalizer on before the first child exists, so that no call can be missed."""
    if fleet.has_finalizer:
        return Plan()
    return Plan((HoldFleet(f"hold {fleet}: its deletion shall wait for its calls"),))


def plan_secrets(fleet: Fleet, observed: Observed) -> Plan:
    """Create the generated Secrets again and again: nobody may look whether they exist."""
    if not observed.secrets_due:
        return Plan()
    return Plan(
        tuple(
            CreateSecret(
                secret_key(fleet, purpose),
                purpose,
                child_labels(fleet, TIERS[purpose]),
                f"make sure that {secret_key(fleet, purpose)} exists",
            )
            for purpose in secret_purposes(fleet)
        )
    )


def plan_static_children(fleet: Fleet, observed: Observed, static: tuple[Manifest, ...]) -> Plan:
    """Keep what exists once: accounts, policies, files, Services, and Redis."""
    if all_stand(static, observed.children, fleet.uid):
        return NOTHING
    return join_plans(*(keep_in_place(fleet, observed.children, manifest) for manifest in static))


def plan_media(fleet: Fleet, observed: Observed, demand: Demand, now: datetime) -> Plan:
    """Keep one ReplicaSet per media server; surplus ones leave when they are empty."""
    servers = _view_servers(fleet, observed, now)
    current = current_media_size(fleet.status, servers)
    sizing, memory = size_media(fleet, observed, servers, demand=demand, now=now)
    last_number = find_last_number(fleet.status, observed)
    decision = decide_media(servers, sizing.wanted, last_number=last_number, now=now)
    return join_plans(
        _resize(Tier.MEDIA, current, sizing, bound_media(fleet.spec.media)),
        plan_advice(sizing, fleet.status.media.sizing, Tier.MEDIA),
        _remember(observed, "media", memory),
        Plan(decision.claims),
        _keep_servers(fleet, observed.children, decision.deletions, decision.create),
        *(_start_server(fleet, number) for number in decision.create),
        Plan(decision.deletions, decision.decisions, decision.wake_after, decision.notes),
    )


@remembered(4)
def _keep_servers(
    fleet: Fleet, children: Children, deletions: tuple[DeleteChild, ...], create: tuple[int, ...]
) -> Plan:
    """Keep the files and the ReplicaSets of the servers that stay, the labels of older ones.

    Nothing of it depends on what servers say, so while no object changes it is asked once.
    """
    settled = _settle_servers(fleet, children)
    replicasets = sorted(find_replicasets(children, Tier.MEDIA, fleet.uid), key=number_of)
    current = [child for child in replicasets if child.key in settled]
    older = [child for child in replicasets if child.key not in settled]
    leaving = {step.key for step in deletions}
    staying = [settled[child.key] for child in current if child.key not in leaving]
    return join_plans(
        _keep_files(fleet, children, current, is_growing=bool(create)),
        *(keep_in_place(fleet, children, manifest) for manifest in staying),
        repair_all(older, owner_reference(fleet)),
    )


def _keep_files(
    fleet: Fleet, children: Children, current: Iterable[Child], *, is_growing: bool
) -> Plan:
    """Keep one livekit.yaml per revision; somebody deleted it only if a server was made of it."""
    settled = _settle_servers(fleet, children)
    made = {template_label(child, REVISION): settled[child.key] for child in current}
    files = {each: keep_media_config_map(fleet, manifest) for each, manifest in made.items()}
    if is_growing:
        files.setdefault(media_revision(fleet), render_media_config_map(fleet))
    keeping = (
        keep_in_place(fleet, children, file, was_there=file["metadata"]["labels"][REVISION] in made)
        for file in files.values()
    )
    return join_plans(*keeping)


def _start_server(fleet: Fleet, number: int) -> Plan:
    manifest = with_replicas(render_media_replicaset(fleet, number), 1)
    return keep_child(manifest, None, was_complete=False)


def plan_speech(fleet: Fleet, observed: Observed, demand: Demand, now: datetime) -> Plan:
    """Keep one Deployment per speech pool."""
    plans = []
    parts: dict[str, Any] = {}
    for pool in fleet.spec.speech:
        live = _find_deployment(fleet, observed.children, speech_name(fleet, pool.name))
        manifest = settle_speech(fleet, pool, live)
        sizing, parts[pool.name] = size_speech(fleet, observed, pool, live, demand=demand, now=now)
        current = current_speech_size(pool, fleet.status, live)
        told = next((each.sizing for each in fleet.status.speech if each.name == pool.name), None)
        plans += [
            _resize(Tier.SPEECH, current, sizing, bound_speech(pool), pool=pool.name),
            plan_advice(sizing, told, Tier.SPEECH),
            _plan_deployment(fleet, observed.children, manifest, sizing.wanted),
        ]
    return join_plans(*plans, _remember(observed, "speech", parts))


def plan_agents(fleet: Fleet, observed: Observed, now: datetime) -> Plan:
    """Keep the newest revision's ReplicaSet at its size, and drain older ones."""
    rollout = _view_rollout(fleet, observed, now)
    current = current_agents_size(fleet.status, rollout)
    sizing, memory = decide_agents_size(fleet.spec, observed, current, now)
    decision = decide_agents(
        rollout, sizing.wanted, now, unknown=sizing.unknown, doubt=sizing.doubt
    )
    return join_plans(
        _resize(Tier.AGENTS, current, sizing, bound_agents(fleet.spec.agents)),
        plan_advice(sizing, fleet.status.agents.sizing, Tier.AGENTS),
        _remember(observed, "agents", memory),
        Plan(decision.claims),
        _plan_newest_agents(fleet, observed, rollout, decision),
        repair_all(
            [each.child for each in rollout.old if not each.is_gone], owner_reference(fleet)
        ),
        plan_workers(rollout, decision),
    )


def plan_evaluation(fleet: Fleet, observed: Observed, now: datetime) -> Plan:
    """Keep the evaluators' Deployment, if the fleet has evaluators."""
    spec = fleet.spec.evaluation
    if spec is None:
        return Plan()
    live = _find_deployment(fleet, observed.children, evaluation_name(fleet))
    manifest = settle_evaluation(fleet, live)
    current = current_evaluation_size(fleet.status, live)
    sizing, memory = size_evaluation(fleet, spec, observed, live, now=now)
    told = None if fleet.status.evaluation is None else fleet.status.evaluation.sizing
    return join_plans(
        _resize(Tier.EVALUATION, current, sizing, bound_evaluation(spec)),
        plan_advice(sizing, told, Tier.EVALUATION),
        _remember(observed, "evaluation", memory),
        _plan_deployment(fleet, observed.children, manifest, sizing.wanted),
    )


@remembered(4)
def plan_leftovers(
    fleet: Fleet, children: Children, pods: tuple[Pod, ...], static: tuple[Manifest, ...]
) -> Plan:
    """Delete what an earlier form of the fleet needed and this one does not."""
    names = [speech_name(fleet, pool.name) for pool in fleet.spec.speech]
    if fleet.spec.evaluation is not None:
        names.append(evaluation_name(fleet))
    wanted = {key_of(manifest) for manifest in (*static, render_media_config_map(fleet))}
    wanted.add(ObjectKey("ConfigMap", fleet.namespace, memory_name(fleet)))
    wanted |= {ObjectKey("Deployment", fleet.namespace, name) for name in names}
    steps = find_leftovers(
        children.values(),
        fleet_uid=fleet.uid,
        wanted=wanted,
        media_revisions=find_media_revisions(children, pods),
    )
    return Plan(steps) if steps else NOTHING


def plan_deletion(fleet: Fleet, observed: Observed, now: datetime) -> Plan:
    """Let the calls of a deleted fleet end, then let go; the garbage collector does the rest.

    What carries calls stays as it is meanwhile: media servers, speech, Redis. It is not
    repaired, because a deletion that goes through the children first would be fought.
    """
    if not fleet.has_finalizer:
        return Plan()
    rollout = _view_rollout(fleet, observed, now)
    grace = timedelta(seconds=agents_grace_seconds(fleet.spec.agents.max_session_seconds))
    farewell = decide_farewell(fleet, observed, now, grace=grace)
    if farewell.is_due:
        decision = Decision(
            Tier.AGENTS, rollout.uncordoned, 0, Reason.FLEET_DELETED, farewell.because
        )
        return Plan((ReleaseFleet(farewell.because),), (decision,))
    drain = decide_agents(rollout, 0, now)
    return join_plans(
        Plan(drain.claims),
        plan_workers(rollout, drain),
        _empty_evaluation(fleet, observed),
        Plan(wake_after=farewell.wake_after, notes={str(fleet): farewell.because}),
    )


def report_fleet(
    fleet: Fleet, observed: Observed, outcome: Outcome, now: datetime
) -> VoiceFleetStatus:
    """Return what the status should say: what was observed, and the decisions made.

    Args:
        fleet: The fleet with its last status, from which times and decisions are carried on.
        observed: The snapshot that the plan rested on.
        outcome: What became of the plan.
        now: The cycle's single clock reading.
    """
    view = _overview(fleet, observed, outcome, now)
    return VoiceFleetStatus(
        observed_generation=fleet.generation,
        conditions=report_conditions(view),
        summary=summarise(view),
        agents=report_agents(view),
        speech=report_speech(view),
        media=report_media(view),
        evaluation=report_evaluation(view),
        surge=report_surges(observed.surges, now),
        draining=report_draining(view),
        decisions=report_decisions(view),
    )


def _plan_newest_agents(
    fleet: Fleet, observed: Observed, rollout: Rollout, decision: AgentsDecision
) -> Plan:
    """Create the newest revision's ReplicaSet at its first size, or keep its template.

    Creation waits while counts of older ones are being taken over: how much room they leave
    is not decided yet.
    """
    manifest = _settle_agents(fleet, observed.children)
    if find_child(observed.children, key_of(manifest), fleet.uid) is not None:
        return keep_in_place(fleet, observed.children, manifest)
    if decision.claims:
        return Plan()
    first = decision.targets.current
    # Beside older ones it is new: nobody deleted it.
    is_complete = was_complete(fleet) and not rollout.old
    plan = keep_child(with_replicas(manifest, first), None, was_complete=is_complete)
    if not rollout.old:
        return plan
    before = rollout.uncordoned
    because = (
        f"start {count_of(first, 'worker')} of revision {revision_in(manifest)} beside "
        f"{before} of an older one"
    )
    news = Decision(Tier.AGENTS, before, before + first, Reason.NEW_REVISION, because)
    return Plan(plan.steps, (news,))


@remembered(16)
def _plan_deployment(fleet: Fleet, children: Children, manifest: Manifest, wanted: int) -> Plan:
    """Keep one scaled Deployment: its count first, because a template write leaves it out."""
    tier = Tier(manifest["metadata"]["labels"][TIER])
    live = find_child(children, key_of(manifest), fleet.uid)
    if live is None:
        return keep_in_place(fleet, children, with_replicas(manifest, wanted))
    return join_plans(hold_replicas(live, wanted, tier), keep_in_place(fleet, children, manifest))


def _empty_evaluation(fleet: Fleet, observed: Observed) -> Plan:
    """Stop the evaluators of a deleted fleet at once: they carry no call."""
    if fleet.spec.evaluation is None:
        return Plan()
    live = _find_deployment(fleet, observed.children, evaluation_name(fleet))
    return Plan() if live is None else hold_replicas(live, 0, Tier.EVALUATION)


def _resize(tier: Tier, current: int, sizing: Sizing, bounds: Bounds, *, pool: str = "") -> Plan:
    decision = explain_resize(tier, current, sizing, bounds, pool=pool)
    if decision is None and sizing.wake_after is None:
        return NOTHING
    return Plan((), () if decision is None else (decision,), sizing.wake_after)


def _remember(observed: Observed, part: str, memory: Mapping[str, Any]) -> Plan:
    """Hand on what a tier wants remembered, where it is not what is remembered already."""
    known = observed.memory.get(part)
    return NOTHING if known == memory else Plan(memory={part: keep_equal(known, memory)})


@remembered(4)
def _view_rollout(fleet: Fleet, observed: Observed, now: datetime) -> Rollout:
    current = _settle_agents(fleet, observed.children)["metadata"]["name"]
    return view_rollout(observed, current=current, fleet_uid=fleet.uid, now=now)


@remembered(4)
def _view_servers(fleet: Fleet, observed: Observed, now: datetime) -> Servers:
    current = _settle_servers(fleet, observed.children).keys()
    return view_fleet_servers(observed, current=current, fleet_uid=fleet.uid, now=now)


@remembered(4)
def _settle_agents(fleet: Fleet, children: Children) -> Manifest:
    return settle_agents(fleet, find_replicasets(children, Tier.AGENTS, fleet.uid))


@remembered(4)
def _settle_servers(fleet: Fleet, children: Children) -> dict[ObjectKey, Manifest]:
    """Return what each server that may stay should be, by its ReplicaSet's key."""
    settled = {
        child.key: settle_server(fleet, number_of(child), child)
        for child in find_replicasets(children, Tier.MEDIA, fleet.uid)
    }
    return {key: manifest for key, manifest in settled.items() if manifest is not None}


@remembered(4)
def _render_static(fleet: Fleet, children: Children) -> tuple[Manifest, ...]:
    redis = _find_deployment(fleet, children, redis_name(fleet))
    return render_static_children(fleet, redis)


def _overview(fleet: Fleet, observed: Observed, outcome: Outcome, now: datetime) -> Overview:
    rollout = _view_rollout(fleet, observed, now)
    servers = _view_servers(fleet, observed, now)
    agents = _size_agents(fleet, observed, rollout, now)
    scaling, demand = fleet.spec.scaling, count_demand(fleet.spec, observed, now)
    return Overview(
        fleet=fleet,
        observed=observed,
        outcome=outcome,
        now=now,
        rollout=rollout,
        agents=agents,
        demand=demand,
        latency=judge_latency(scaling, observed, demand, now) if scaling.metrics_provider else None,
        agents_revision=revision_in(_settle_agents(fleet, observed.children)),
        agents_selector=format_selector(tier_selector(fleet, Tier.AGENTS)),
        servers=servers,
        media=size_media(fleet, observed, servers, demand=demand, now=now)[0],
        media_revision=media_revision(fleet),
        last_server=find_last_number(fleet.status, observed, created=outcome.created),
        pools=_overview_pools(fleet, observed, demand, now),
    )


def _size_agents(fleet: Fleet, observed: Observed, rollout: Rollout, now: datetime) -> Sizing:
    """Return the size that the plan of the same observation had."""
    if fleet.is_deleting:
        return Sizing(0, Reason.FLEET_DELETED, f"{fleet} is deleted")
    current = current_agents_size(fleet.status, rollout)
    sizing, _ = decide_agents_size(fleet.spec, observed, current, now)
    if not fleet.spec.paused:
        return sizing
    kept = bound_agents(fleet.spec.agents).clamp(current)
    return as_advice(sizing, kept, because="spec.paused is true")


def _overview_pools(
    fleet: Fleet, observed: Observed, demand: Demand, now: datetime
) -> tuple[Pool, ...]:
    pools = []
    if fleet.spec.media.redis.mode is RedisMode.EMBEDDED:
        live = _find_deployment(fleet, observed.children, redis_name(fleet))
        pools.append(Pool(Tier.REDIS, "redis", 1, live))
    for spec in fleet.spec.speech:
        live = _find_deployment(fleet, observed.children, speech_name(fleet, spec.name))
        sizing, _ = size_speech(fleet, observed, spec, live, demand=demand, now=now)
        pools.append(Pool(Tier.SPEECH, f"speech {spec.name}", sizing.wanted, live, sizing))
    if fleet.spec.evaluation is not None:
        live = _find_deployment(fleet, observed.children, evaluation_name(fleet))
        sizing, _ = size_evaluation(fleet, fleet.spec.evaluation, observed, live, now=now)
        pools.append(Pool(Tier.EVALUATION, "evaluation", sizing.wanted, live, sizing))
    return tuple(pools)


def _find_deployment(fleet: Fleet, children: Children, name: str) -> Child | None:
    return find_child(children, ObjectKey("Deployment", fleet.namespace, name), fleet.uid)
