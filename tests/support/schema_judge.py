"""Sends drawn specs to a real API server as dry runs, and lets the operator digest what it takes.

Runs in processes of its own, each with one connection: a spec costs half a millisecond here and
one or two on the server. Called by `tests/faults/test_schema_soak.py`.
"""

import http.client
import json
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from support.api import PATHS, Manifest, trust_of
from support.fuzz import digest
from support.law_cases import a_fleet
from support.rendered import all_children
from support.schema_cases import case_of
from voicefleet.errors import SpecError

NAMESPACE: Final = "default"
CREATED: Final = 201
REFUSED: Final = (400, 422)
"""What a server may say to a spec that it does not take; anything else is a fault of ours."""
CHILDREN_EVERY: Final = 25
"""Cases of which one, if it is accepted, has its children sent as well."""
FAILURES_MAX: Final = 5
"""Failures that one piece of work brings home; more of the same help nobody."""


@dataclass(slots=True)
class Tally:
    """What became of some cases."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Cases by how they were drawn and what became of them."""
    children: int = 0
    """Children that the server was asked about."""
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in what another piece of work has come to."""
        self.outcomes += other.outcomes
        self.children += other.children
        self.failures += other.failures


class DryRuns:
    """One connection over which nothing is ever stored."""

    def __init__(self, kubeconfig: Path) -> None:
        """Open it as whoever the kubeconfig names."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urllib.parse.urlsplit(cluster["server"])
        trust = trust_of(cluster, user)
        assert not isinstance(trust, bool), "the API server of a local cluster speaks TLS"
        assert address.hostname is not None
        self._connection = http.client.HTTPSConnection(
            address.hostname, address.port, context=trust, timeout=60
        )
        token = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._headers = {**token, "Accept": "application/json"}

    def create(self, manifest: Manifest) -> tuple[int, Manifest]:
        """Return how the server would answer a POST."""
        return self._send("POST", _path(manifest), manifest, "application/json")

    def apply(self, manifest: Manifest) -> tuple[int, Manifest]:
        """Return how the server would answer the operator's apply."""
        name = manifest["metadata"]["name"]
        path = f"{_path(manifest)}/{name}"
        options = "&fieldManager=voicefleet&force=true"
        return self._send("PATCH", path, manifest, "application/apply-patch+yaml", options)

    def _send(
        self, method: str, path: str, manifest: Manifest, content: str, options: str = ""
    ) -> tuple[int, Manifest]:
        self._connection.request(
            method,
            f"{path}?dryRun=All{options}",
            body=json.dumps(manifest).encode(),
            headers={**self._headers, "Content-Type": content},
        )
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def _path(manifest: Manifest) -> str:
    return PATHS[manifest["kind"]].format(namespace=NAMESPACE)


def judge_cases(kubeconfig: Path, numbers: range) -> Tally:
    """Judge the cases of some numbers."""
    server, tally = DryRuns(kubeconfig), Tally()
    for number in numbers:
        kind, spec = case_of(number)
        try:
            outcome = judge_case(server, spec, tally, with_children=number % CHILDREN_EVERY == 0)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            outcome = "failed"
            if len(tally.failures) < FAILURES_MAX:
                told = json.dumps(spec)[:1500]
                tally.failures.append(f"case {number}: {type(error).__name__}: {error}: {told}")
        tally.outcomes[kind.value, outcome] += 1
    return tally


def judge_case(server: DryRuns, spec: Any, tally: Tally, *, with_children: bool) -> str:
    """Return what became of a spec; raises where neither children nor a condition come of it."""
    status, answer = server.create(a_fleet(NAMESPACE, spec))
    if status in REFUSED:
        return "refused"
    if status != CREATED:
        raise AssertionError(f"the server says {status}: {answer.get('message')}")
    try:
        fleet = digest(answer)
    except SpecError as error:
        # What no schema can know, such as the names of time zones, ends in a condition.
        if "`spec." not in str(error):
            raise
        return "told"
    for child in all_children(fleet) if with_children else ():
        tally.children += 1
        status, said = server.apply(child)
        if status not in {200, CREATED}:
            raise AssertionError(f"{child['kind']} is refused: {said.get('message')}")
    return "accepted"
