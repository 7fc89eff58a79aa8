"""How the session treats every kind of answer, on a scripted API server."""

import time

import pytest
from prometheus_client import CollectorRegistry

from support.scripted_api import QUICK, Reply, ScriptedApi
from voicefleet.adapters.kubernetes.calls import AlreadyExistsError, Call, NotFoundError
from voicefleet.adapters.kubernetes.resources import BY_KIND, SECRET
from voicefleet.adapters.kubernetes.session import ApiSession, RetryPolicy, SilentWatchError
from voicefleet.errors import ConflictError, RefusedError, UnavailableError, VoiceFleetError

CONFIG_MAP = BY_KIND["ConfigMap"]
CANARY = "canary-value-that-must-not-leave"
WRITE = Call("apply", CONFIG_MAP, "calls", "settings", body={"data": {"x": CANARY}})
WATCH = Call("watch", CONFIG_MAP, params={"watch": "true"})
DONE = Reply(body={"kind": "ConfigMap", "metadata": {"name": "settings"}})


def requests_counted(registry: CollectorRegistry, code: int) -> float | None:
    """Return how often a code was counted for our write."""
    sample = {"verb": "apply", "kind": "ConfigMap", "code": str(code)}
    return registry.get_sample_value("voicefleet_operator_api_requests_total", sample)


async def failure_of(api: ScriptedApi, call: Call = WRITE) -> VoiceFleetError:
    """Send a call that must fail and return its error."""
    async with api.session() as session:
        with pytest.raises(VoiceFleetError) as caught:
            await session.request(call)
    return caught.value


@pytest.mark.parametrize(
    "hiccup",
    [
        pytest.param(Reply.failure(429), id="too many requests"),
        pytest.param(Reply.failure(500), id="internal error"),
        pytest.param(Reply(503, "<html>a proxy's page</html>"), id="proxy without a server"),
        pytest.param(Reply.failure(504), id="timeout in the server"),
        pytest.param(Reply(is_cut=True), id="connection reset"),
        pytest.param(Reply(200, "<html>a login page</html>"), id="success that is no object"),
    ],
)
async def test_a_passing_failure_is_tried_again(hiccup: Reply):
    """Applies are repeatable, so nobody above has to know that one was."""
    api = ScriptedApi([hiccup, DONE])

    async with api.session() as session:
        answer = await session.request(WRITE)

    assert (answer["metadata"]["name"], len(api.seen)) == ("settings", 2)


async def test_tries_are_bounded_and_the_error_says_how_many():
    """An API server in trouble must not be hammered for ever."""
    api = ScriptedApi([Reply.failure(503, "etcd is away")])

    error = await failure_of(api)

    assert isinstance(error, UnavailableError)
    assert len(api.seen) == QUICK.tries == 3
    assert str(error) == (
        "apply ConfigMap/settings in namespace calls: no success in 3 tries, last status 503: "
        "etcd is away; the next cycle tries again"
    )


async def test_no_connection_at_all_is_unavailable():
    """A dead API server says nothing about any object."""
    api = ScriptedApi([Reply(is_cut=True)])

    error = await failure_of(api)

    assert isinstance(error, UnavailableError)
    assert "last status 0" in str(error)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(Reply.failure(409, reason="Conflict"), ConflictError, id="409"),
        pytest.param(Reply.failure(409, reason="AlreadyExists"), AlreadyExistsError, id="exists"),
        pytest.param(Reply.failure(404, reason="NotFound"), NotFoundError, id="404"),
        pytest.param(Reply.failure(422, reason="Invalid"), RefusedError, id="422"),
        pytest.param(Reply.failure(403, reason="Forbidden"), RefusedError, id="403"),
        pytest.param(
            Reply.failure(500, ".spec.x: field not declared in schema"), RefusedError, id="schema"
        ),
        pytest.param(
            Reply.failure(422, 'metadata.uid: Invalid value: "1": field is immutable'),
            ConflictError,
            id="another object of that name",
        ),
    ],
)
async def test_a_final_answer_is_not_tried_again(reply: Reply, kind: type[VoiceFleetError]):
    """Repeating what was understood and refused only costs requests."""
    api = ScriptedApi([reply])

    error = await failure_of(api)

    assert (type(error), len(api.seen)) == (kind, 1)


async def test_a_refusal_carries_the_servers_own_words():
    """A condition shows them; an SRE searches for exactly this sentence."""
    api = ScriptedApi([Reply.failure(422, "spec.replicas: must be positive", reason="Invalid")])

    error = await failure_of(api)

    assert isinstance(error, RefusedError)
    assert (error.status, error.reason) == (422, "Invalid")
    assert str(error) == (
        "apply ConfigMap/settings in namespace calls: spec.replicas: must be positive"
    )


async def test_an_error_never_says_what_was_sent():
    """Messages reach logs, Events and status; bodies hold what does not belong there."""
    api = ScriptedApi([Reply.failure(400)], token=lambda: CANARY)

    error = await failure_of(api)

    assert CANARY in api.seen[0].body
    assert CANARY not in str(error)


async def test_an_error_about_a_secret_keeps_the_servers_sentence_to_itself():
    """A server quotes the value it refuses, and a Secret's value must stay where it is."""
    call = Call("create", SECRET, "calls", body={"data": {"x": CANARY}})
    api = ScriptedApi([Reply.failure(422, f"invalid value {CANARY}", reason="Invalid")])

    error = await failure_of(api, call)

    assert str(error) == "create Secret in namespace calls: Invalid"


async def test_the_servers_own_pause_is_kept():
    """Retry-After is how an overloaded API server asks for air."""
    api = ScriptedApi([Reply(429, {}, headers={"Retry-After": "1"}), DONE])

    async with api.session() as session:
        began = time.monotonic()
        await session.request(WRITE)

    assert time.monotonic() - began >= 1.0


async def test_a_shorter_pause_of_the_server_does_not_hurry_us():
    """Its Retry-After is the same second for everybody; five tries would be over in five."""
    policy = RetryPolicy(tries=2, first_pause_seconds=0.4, pause_seconds_max=0.4)
    api = ScriptedApi([Reply(429, {}, headers={"Retry-After": "0"}), DONE])

    async with api.session(policy=policy) as session:
        began = time.monotonic()
        await session.request(WRITE)

    assert time.monotonic() - began >= 0.2


def test_pauses_grow_to_a_bound_and_never_fall_into_step():
    """0.2, 0.4, 0.8 … 5 s, each halved at most by jitter."""
    policy = RetryPolicy()

    pauses = [policy.pause_seconds(attempt, jitter=1.0) for attempt in range(7)]

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert policy.pause_seconds(2, jitter=0.0) == 0.4


async def test_a_refused_token_is_asked_for_again():
    """Tokens rotate every hour; the old one is refused in the same second."""
    tokens = ["old", "new"]
    api = ScriptedApi([Reply.failure(401), DONE], token=lambda: tokens.pop(0))

    async with api.session() as session:
        await session.request(WRITE)

    sent = [request.headers["Authorization"] for request in api.seen]
    assert sent == ["Bearer old", "Bearer new"]


async def test_a_write_says_what_it_is():
    """Manager and force go in the query; JSON is sent as the YAML that an apply wants."""
    params = {"fieldManager": "voicefleet", "force": "true"}
    call = Call("apply", CONFIG_MAP, "calls", "settings", body={"data": {}}, params=params)
    api = ScriptedApi([DONE])

    async with api.session() as session:
        await session.request(call)

    seen = api.seen[0]
    assert (seen.method, seen.path) == ("PATCH", "/api/v1/namespaces/calls/configmaps/settings")
    assert (seen.query, seen.body) == (params, '{"data":{}}')
    assert seen.headers["Content-Type"] == "application/apply-patch+yaml"


async def test_every_try_is_counted_by_its_code():
    """Throttling and conflicts show in the metrics before they show in the fleets."""
    api = ScriptedApi([Reply.failure(429), Reply(is_cut=True), DONE])

    async with api.session() as session:
        await session.request(WRITE)

    counted = [requests_counted(api.telemetry.registry, code) for code in (429, 0, 200)]
    assert counted == [1, 1, 1]


async def events_of(session: ApiSession) -> list[str]:
    """Return the types of a watch's events until it ends."""
    return [event["type"] async for event in session.watch(WATCH)]


async def test_a_watch_yields_events_until_the_server_ends_it():
    """One long line is one event, however many packets it came in."""
    large = {"type": "ADDED", "object": {"data": {"x": "y" * 300_000}}}
    api = ScriptedApi([Reply(events=[large, {"type": "BOOKMARK", "object": {}}])])

    async with api.session() as session:
        types = await events_of(session)

    assert types == ["ADDED", "BOOKMARK"]


async def test_a_silent_watch_is_given_up():
    """A dead connection looks exactly like a quiet cluster, but for the bookmarks."""
    api = ScriptedApi([Reply(events=[{"type": "BOOKMARK"}], is_held=True)])

    async with api.session(silence_seconds=0.05) as session:
        with pytest.raises(SilentWatchError) as caught:
            await events_of(session)

    assert str(caught.value) == "watch ConfigMap: nothing was heard for 0.05 s"


async def test_a_refused_watch_says_why():
    """Missing rights must be seen at the start, not as an empty cluster."""
    api = ScriptedApi([Reply.failure(403, "configmaps is forbidden", reason="Forbidden")])

    async with api.session() as session:
        with pytest.raises(RefusedError) as caught:
            await events_of(session)

    assert str(caught.value) == "watch ConfigMap: configmaps is forbidden"
