"""How an informer keeps its cache true through everything that ends a watch."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from support.fakes import FakeClock
from support.scripted_api import QUICK, Reply, ScriptedApi
from support.worlds import eventually
from voicefleet.adapters.kubernetes.cache import ObjectCache, fleet_key, parse_child
from voicefleet.adapters.kubernetes.informer import Informer
from voicefleet.adapters.kubernetes.resources import BY_KIND
from voicefleet.api import labels
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.observed import Child

FLEET = fleet_key("calls", "interviews")
HELD = Reply(events=[], is_held=True)


def an_object(name: str, version: int, *, data: str = "") -> Manifest:
    """Return a ConfigMap of the fleet at a version."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "calls",
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "labels": {labels.FLEET: "interviews"},
        },
        "data": {"x": data},
    }


def a_list(version: int, *items: Manifest, token: str = "") -> Reply:
    """Return a page of a list; the API leaves kinds out of its members."""
    bare = [{k: v for k, v in item.items() if k not in {"kind", "apiVersion"}} for item in items]
    metadata = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return Reply(body={"kind": "ConfigMapList", "metadata": metadata, "items": bare})


def an_event(kind: str, item: Any) -> dict[str, Any]:
    """Return one event of a watch."""
    return {"type": kind, "object": item}


def a_stream(*events: dict[str, Any], is_held: bool = False) -> Reply:
    """Return a watch with these events."""
    return Reply(events=events, is_held=is_held)


def a_bookmark(version: int) -> dict[str, Any]:
    """Return a bookmark, by which a quiet watch moves on."""
    return an_event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


EXPIRED = an_event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})


class Watched:
    """An informer at work on a scripted API server."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.api = ScriptedApi(replies)
        self.changes: list[ObjectKey] = []
        self.cache = ObjectCache[Child](parse_child, self.changes.append)

    async def until(self, requests: int) -> Informer:
        """Run the informer until it has sent this many requests; return it."""
        async with self.api.session(silence_seconds=5.0) as session:
            informer = Informer(
                session,
                BY_KIND["ConfigMap"],
                self.cache,
                clock=FakeClock(),
                telemetry=self.api.telemetry,
                jitter=lambda: 0.0,
                pauses=QUICK,
            )
            running = asyncio.create_task(informer.run())
            await eventually(lambda: len(self.api.seen) >= requests)
            await asyncio.sleep(0.02)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return informer

    @property
    def objects(self) -> dict[str, str]:
        """What the cache shows of the fleet: names and data."""
        children = self.cache.of_fleet(FLEET).values()
        return {child.key.name: child.manifest["data"]["x"] for child in children}

    @property
    def requests(self) -> list[str]:
        """What was asked: `list`, or `watch` with the version it resumed from."""
        return [
            f"watch {seen.query['resourceVersion']}" if "watch" in seen.query else "list"
            for seen in self.api.seen
        ]


async def test_a_list_of_several_pages_fills_the_cache():
    """A thousand fleets have more objects than one answer should carry."""
    watched = Watched(
        [a_list(9, an_object("a", 3), token="next"), a_list(9, an_object("b", 4)), HELD]
    )

    informer = await watched.until(requests=3)

    assert set(watched.objects) == {"a", "b"}
    assert watched.api.seen[1].query["continue"] == "next"
    assert informer.synced.is_set()
    assert watched.requests == ["list", "list", "watch 9"]


async def test_only_labelled_objects_are_asked_for():
    """The operator must not hold every ConfigMap of the cluster in memory."""
    watched = Watched([a_list(1), HELD])

    await watched.until(requests=2)

    assert [seen.query["labelSelector"] for seen in watched.api.seen] == [labels.FLEET] * 2


async def test_events_change_the_cache_and_wake_the_fleet():
    """Created, changed and deleted: each is a reason to look again."""
    watched = Watched(
        [
            a_list(1, an_object("a", 1)),
            a_stream(
                an_event("MODIFIED", an_object("a", 2, data="new")),
                an_event("ADDED", an_object("b", 3)),
                an_event("DELETED", an_object("b", 4)),
                is_held=True,
            ),
        ]
    )

    await watched.until(requests=2)

    assert watched.objects == {"a": "new"}
    assert watched.changes == [FLEET] * 4


async def test_an_ended_watch_resumes_where_it_was():
    """The server ends every watch after minutes; listing each time would cost everything."""
    watched = Watched([a_list(1), a_stream(a_bookmark(7)), a_stream(a_bookmark(8)), HELD])

    await watched.until(requests=4)

    assert watched.requests == ["list", "watch 1", "watch 7", "watch 8"]


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(a_stream(EXPIRED), id="410 inside the stream"),
        pytest.param(Reply.failure(410, "too old", reason="Expired"), id="410 as the answer"),
    ],
)
async def test_a_forgotten_version_lists_again_and_finds_what_was_deleted(ending: Reply):
    """What was deleted while nobody watched sends no event any more."""
    watched = Watched([a_list(1, an_object("a", 1), an_object("b", 1)), ending, a_list(9), HELD])

    await watched.until(requests=4)

    assert watched.objects == {}
    assert watched.requests == ["list", "watch 1", "list", "watch 9"]


async def test_a_failing_watch_is_tried_again_from_the_same_version():
    """A restarting API server is away for seconds; nothing was forgotten."""
    watched = Watched([a_list(5), Reply.failure(503), Reply(is_cut=True), HELD])

    await watched.until(requests=4)

    assert watched.requests == ["list", "watch 5", "watch 5", "watch 5"]


async def test_an_api_server_that_was_away_is_not_asked_for_lists():
    """It comes back to thousands of clients; a resumed watch costs it next to nothing."""
    gone = Reply(is_cut=True)
    watched = Watched([a_list(5), gone, gone, gone, gone, gone, HELD])

    await watched.until(requests=7)

    assert watched.requests == ["list"] + ["watch 5"] * 6


async def test_a_watch_that_is_refused_again_and_again_lists_again():
    """An API server that lost its data refuses our version for ever."""
    away = Reply.failure(504, "Too large resource version")
    watched = Watched([a_list(5), away, away, away, a_list(2), HELD])

    await watched.until(requests=6)

    assert watched.requests == ["list", "watch 5", "watch 5", "watch 5", "list", "watch 2"]


async def test_a_refused_list_is_tried_again_and_nothing_is_synced():
    """Without rights there is no picture, and without a picture no cycle may start."""
    watched = Watched([Reply.failure(403, "forbidden", reason="Forbidden")])

    informer = await watched.until(requests=3)

    assert not informer.synced.is_set()


async def test_an_expired_page_starts_the_list_anew():
    """A slow list can outlive its own snapshot."""
    watched = Watched(
        [
            a_list(9, an_object("a", 3), token="next"),
            Reply.failure(410, "the continue token is too old"),
            a_list(12, an_object("b", 11)),
            HELD,
        ]
    )

    await watched.until(requests=4)

    assert set(watched.objects) == {"b"}
    assert watched.requests == ["list", "list", "list", "watch 12"]


async def test_restarts_are_counted_by_their_cause():
    """A relist is the expensive one; its count is what an SRE looks at."""
    watched = Watched([a_list(1), a_stream(a_bookmark(2)), a_stream(EXPIRED), a_list(9), HELD])

    await watched.until(requests=5)

    counted = {
        cause: watched.api.telemetry.registry.get_sample_value(
            "voicefleet_operator_watch_restarts_total", {"kind": "ConfigMap", "cause": cause}
        )
        for cause in ("closed", "relist", "error")
    }
    assert counted == {"closed": 1, "relist": 1, "error": None}
