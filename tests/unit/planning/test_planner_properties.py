"""The laws of the planner, over arbitrary histories of one fleet."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support.builders import with_agents, with_media
from support.fleets import a_minimal_fleet
from support.world_model import World
from voicefleet.api.labels import CORDONED
from voicefleet.core.sizes import surge_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Pod, Tier
from voicefleet.planning import plan_fleet

COUNTS = st.integers(min_value=0, max_value=7)


class FleetHistory(RuleBasedStateMachine):
    """Authors edit, callers come and go, pods break, workers fall silent, cycles run.

    After every step no call may have been cut and the bounds must hold. At the end, once
    everybody is calm, the fleet has to come to rest as its author wrote it.
    """

    def __init__(self) -> None:
        """Start with a fleet that nobody has acted on yet."""
        super().__init__()
        fleet = with_media(a_minimal_fleet(has_finalizer=False), min_replicas=1, max_replicas=3)
        self.world = World(with_agents(fleet, max_replicas=8))
        self.images = 1

    @rule(seconds=st.sampled_from([0, 1, 4, 6, 11]), late=st.data(), calls=st.integers(0, 2))
    def operate(self, seconds: int, late: Any, calls: int) -> None:
        """Run a cycle while calls arrive; `check_plan` inside it refuses what is unsafe."""
        self.world.cycle(meanwhile=lambda: self._begin_calls(late, calls))
        self.world.wait(seconds)

    @rule()
    def repeat(self) -> None:
        """Ask twice: the same observation has to give the same plan.

        The copies share no address with what was asked about, so nothing about them is answered
        from memory; whatever was remembered wrongly in this history would differ.
        """
        world = self.world
        observed = world.observe()

        first = plan_fleet(world.fleet, observed, world.now)
        second = plan_fleet(deepcopy(world.fleet), deepcopy(observed), deepcopy(world.now))

        assert first == second

    @rule(rounds=st.integers(min_value=1, max_value=3))
    def control(self, rounds: int) -> None:
        """Let controllers and kubelets act."""
        for _ in range(rounds):
            self.world.move()

    @rule(low=COUNTS, high=st.integers(min_value=1, max_value=8), floor=COUNTS)
    def edit_bounds(self, low: int, high: int, floor: int) -> None:
        """Change the sizes."""
        low, floor = min(low, high), min(floor, high)
        self.world.edit(
            lambda fleet: with_agents(
                fleet, min_replicas=low, max_replicas=high, floor_replicas=floor
            )
        )

    @rule()
    def edit_image(self) -> None:
        """Start a rollout, perhaps in the middle of another one."""
        self.images += 1
        image = f"registry.example.com/interviewer:{self.images % 3}"
        self.world.edit(lambda fleet: with_agents(fleet, image=image))

    @rule(low=st.integers(min_value=1, max_value=3), connections=st.sampled_from([50, 100]))
    def edit_media(self, low: int, connections: int) -> None:
        """Change how many media servers there are, and how they are configured."""
        network = self.world.fleet.spec.media.network
        network = network.model_copy(update={"udp_port": 7800 + connections})
        self.world.edit(
            lambda fleet: with_media(fleet, min_replicas=low, max_replicas=3, network=network)
        )

    @rule(paused=st.booleans())
    def pause(self, *, paused: bool) -> None:
        """Let the author stop and restart the operator's hand."""
        self.world.edit(
            lambda fleet: replace(fleet, spec=fleet.spec.model_copy(update={"paused": paused}))
        )

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data(), sessions=st.integers(min_value=0, max_value=2))
    def call(self, data: Any, sessions: int) -> None:
        """Begin or end calls on a pod that runs and is known to the media servers."""
        pod = self._draw(data, lambda pod: pod.is_running and pod.is_ready)
        if pod is not None:
            self.world.call(pod.uid, sessions)

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data(), is_silent=st.booleans())
    def silence(self, data: Any, *, is_silent: bool) -> None:
        """Let a worker or server stop answering the operator, or answer again."""
        pod = self._draw(data, lambda _: True)
        if pod is not None:
            self.world.truths[pod.uid].is_silent = is_silent

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data())
    def break_readiness(self, data: Any) -> None:
        """Let a pod lose its readiness with its calls going on."""
        pod = self._draw(data, lambda pod: pod.is_ready)
        if pod is not None:
            self.world.set_pod(pod.uid, is_ready=False)

    @precondition(lambda self: self.world.pods)
    @rule(data=st.data())
    def crash(self, data: Any) -> None:
        """Let a container die: its calls are lost by its own fault, its cordon too."""
        pod = self._draw(data, lambda pod: pod.is_running)
        if pod is not None:
            self.world.crash(pod.uid)

    @precondition(lambda self: self.world.replicasets(Tier.AGENTS))
    @rule(data=st.data())
    def strip(self, data: Any) -> None:
        """Let somebody take a ReplicaSet's owner away."""
        child = data.draw(st.sampled_from(self.world.replicasets(Tier.AGENTS)))
        self.world.tamper(
            child.key,
            lambda manifest: {
                **manifest,
                "metadata": {**manifest["metadata"], "ownerReferences": []},
            },
        )

    @rule()
    def lose_status(self) -> None:
        """Let the status be lost, as after a restore from a backup."""
        empty = type(self.world.fleet.status)()
        self.world.fleet = replace(self.world.fleet, status=empty)

    @invariant()
    def no_call_was_cut(self) -> None:
        """The law above all others."""
        assert self.world.cut == []

    @invariant()
    def the_surge_is_bounded(self) -> None:
        """New pods come a surge at a time; only cordoned or broken ones come on top.

        A restarted container has lost its cordon until it is told again; it still is one of
        those.
        """
        world = self.world
        highest = max(8, world.fleet.spec.agents.max_replicas)
        serving = [pod for pod in world.serving() if CORDONED not in pod.annotations]
        assert len(serving) <= highest + surge_of(highest)

    def teardown(self) -> None:
        """Calm everybody down; then the fleet has to come to rest."""
        world = self.world
        for truth in world.truths.values():
            truth.is_silent = False
            truth.sessions = 0
        world.edit(
            lambda fleet: replace(fleet, spec=fleet.spec.model_copy(update={"paused": False}))
        )

        world.run(rounds=80, seconds=6)

        assert_at_rest(world)

    def _begin_calls(self, data: Any, count: int) -> None:
        """Let calls reach workers after they were observed."""
        for _ in range(count):
            pod = self._draw(data, lambda pod: pod.is_ready and pod.tier is Tier.AGENTS)
            if pod is not None:
                self.world.call(pod.uid, 1)

    def _draw(self, data: Any, fits: Callable[[Pod], bool]) -> Pod | None:
        pods = sorted(self.world.pods.values(), key=lambda pod: pod.name)
        fitting = [pod for pod in pods if fits(pod)]
        return data.draw(st.sampled_from(fitting)) if fitting else None


def assert_at_rest(world: World) -> None:
    """Check that the fleet is what its author wrote, and that the planner agrees."""
    fleet: Fleet = world.fleet
    agents, media = fleet.spec.agents, fleet.spec.media
    low = min(max(agents.min_replicas, agents.floor_replicas), agents.max_replicas)
    assert low <= len(world.workers()) <= agents.max_replicas
    assert len(world.serving()) == len(world.workers()) == fleet.status.agents.desired_replicas
    assert {pod.revision for pod in world.workers()} <= {fleet.status.agents.revision}
    assert media.min_replicas <= len(world.replicasets(Tier.MEDIA)) <= media.max_replicas
    assert plan_fleet(fleet, world.observe(), world.now).steps == ()
    assert world.cut == []


class DeletedFleetHistory(FleetHistory):
    """The same hands on a fleet that its author has deleted while calls went on."""

    def __init__(self) -> None:
        """Delete a fleet that has just come up."""
        super().__init__()
        self.world.run_rounds(3)
        for pod in self.world.workers()[:1]:
            self.world.call(pod.uid, 1)
        self.world.delete_fleet()

    def teardown(self) -> None:
        """Calm everybody down; then the fleet has to be let go, well before its deadline."""
        world = self.world
        for truth in world.truths.values():
            truth.is_silent = False
            truth.sessions = 0

        world.run_rounds(8, seconds=6)

        assert world.is_released
        assert world.cut == []


HISTORIES = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestFleetHistory = FleetHistory.TestCase
TestFleetHistory.settings = HISTORIES
TestDeletedFleetHistory = DeletedFleetHistory.TestCase
TestDeletedFleetHistory.settings = HISTORIES
