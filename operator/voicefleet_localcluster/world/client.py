"""How tests and the demo tell the world what happens in its pods.

Every call is synchronous and returns when the world has taken it in; a waiting long poll has
its answer by then. A pod that does not have its address yet is waited for.
"""

import time
import urllib.parse
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voicefleet_localcluster.client import AnswerError, JsonClient
from voicefleet_localcluster.errors import LocalClusterError

PATIENCE_SECONDS = 10.0
"""A pod gets its address within a second of being bound, on a busy machine within a few."""
POLL_SECONDS = 0.05
NOT_FOUND = 404

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorldClient:
    """Changes and reads what the pods of one cluster say."""

    http: JsonClient

    def set_sessions(self, namespace: str, pod: str, sessions: int) -> None:
        """Let a worker hold exactly so many calls; the oldest end first."""
        self.change_worker(namespace, pod, sessions=sessions)

    def set_reserved(self, namespace: str, pod: str, reserved: int) -> None:
        """Let a worker have so many slots promised to callers who have not arrived."""
        self.change_worker(namespace, pod, reserved=reserved)

    def set_unreachable(self, namespace: str, pod: str, *, unreachable: bool = True) -> None:
        """Let a worker close every connection without an answer, or answer again."""
        self.change_worker(namespace, pod, unreachable=unreachable)

    def set_silent(self, namespace: str, pod: str, *, silent: bool = True) -> None:
        """Let a worker accept connections and never answer, or answer again."""
        self.change_worker(namespace, pod, silent=silent)

    def set_ignores_cordon(self, namespace: str, pod: str, *, ignores: bool = True) -> None:
        """Let a worker say yes to cordons and not heed them, or heed them again."""
        self.change_worker(namespace, pod, ignoresCordon=ignores)

    def set_rooms(self, namespace: str, server: str, rooms: int) -> None:
        """Let a media server have so many rooms, each with a caller and an agent."""
        self.change_server(namespace, server, rooms=rooms, participants=2 * rooms)

    def is_cordoned(self, namespace: str, pod: str) -> bool:
        """Say whether a worker is cordoned, by its own word."""
        return bool(self.worker(namespace, pod)["cordoned"])

    def worker(self, namespace: str, pod: str) -> Answer:
        """Return what a worker says, and its faults."""
        return self._call("GET", f"/control/workers/{namespace}/{pod}")

    def workers(self, namespace: str = "") -> list[Answer]:
        """Return every worker of a namespace, or of all."""
        answers: list[Answer] = self.http.call("GET", f"/control/workers?namespace={namespace}")
        return answers

    def server(self, namespace: str, server: str) -> Answer:
        """Return what a media server says, and its faults."""
        return self._call("GET", f"/control/servers/{namespace}/{server}")

    def servers(self, namespace: str = "") -> list[Answer]:
        """Return every media server of a namespace, or of all."""
        answers: list[Answer] = self.http.call("GET", f"/control/servers?namespace={namespace}")
        return answers

    def change_worker(self, namespace: str, pod: str, **changes: float) -> Answer:
        """Change anything about a worker; `control` lists what there is."""
        return self._call("PUT", f"/control/workers/{namespace}/{pod}", changes)

    def change_workers(self, namespace: str, label: str, **changes: float) -> list[Answer]:
        """Change all workers of a namespace that carry a label, given as KEY=VALUE."""
        query = urllib.parse.urlencode({"label": label})
        answers: list[Answer] = self.http.call(
            "PUT", f"/control/workers/{namespace}?{query}", changes
        )
        return answers

    def change_server(self, namespace: str, server: str, **changes: float) -> Answer:
        """Change anything about a media server; `control` lists what there is."""
        return self._call("PUT", f"/control/servers/{namespace}/{server}", changes)

    def set_traffic(self, namespace: str, **changes: float) -> Answer:
        """Let callers ring in a namespace; `calls.Traffic` lists what can be said about them."""
        answer: Answer = self.http.call("PUT", f"/control/traffic/{namespace}", changes)
        return answer

    def traffic(self, namespace: str) -> Answer:
        """Return what became of a namespace's callers so far."""
        answer: Answer = self.http.call("GET", f"/control/traffic/{namespace}")
        return answer

    def callers(self, namespace: str) -> list[tuple[datetime, float]]:
        """Return when each caller of a namespace rang, and how long they talked or want to."""
        answer: list[tuple[str, float]] = self.http.call("GET", f"/control/callers/{namespace}")
        return [(datetime.fromisoformat(at), seconds) for at, seconds in answer]

    def _call(self, method: str, path: str, changes: Answer | None = None) -> Answer:
        """Make a call about one pod, waiting for that pod to have its address."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer: Answer = self.http.call(method, path, changes)
            except AnswerError as error:
                if error.status != NOT_FOUND or time.monotonic() > deadline:
                    raise LocalClusterError(
                        f"the world cannot {method} {path}: {error}",
                        next_step="check the pod's name, and that it declares port 8081 or 6789",
                    ) from error
            else:
                return answer
            time.sleep(POLL_SECONDS)
