"""How the programs are started: on loopback, with the protections of a real cluster on."""

import json
import re
from pathlib import Path

from voicefleet_localcluster import members
from voicefleet_localcluster.commands import render_configuration, render_kwok_options
from voicefleet_localcluster.layout import Layout
from voicefleet_localcluster.members import program_of
from voicefleet_localcluster.options import ClusterOptions, ClusterRecord, Ports
from voicefleet_localcluster.targets import CLUSTER_PROGRAMS

LAYOUT = Layout(Path("/somewhere/drift"))
RECORD = ClusterRecord(
    options=ClusterOptions(name="drift"),
    ports=Ports(*range(1, 10)),
    network=77,
)
BINARIES = {name: Path("/bin") / name for name in (*CLUSTER_PROGRAMS, "prometheus")}


def command_of(member: str) -> list[str]:
    """Return the command line of one member."""
    return list(program_of(member, LAYOUT, RECORD, BINARIES).command)


def test_nothing_listens_beyond_loopback():
    """The administrator's rights and a database without a password are on this machine."""
    texts = [argument for member in members.MEMBERS for argument in command_of(member)]
    texts += [*render_configuration(LAYOUT, RECORD).values(), render_kwok_options(RECORD, 1)]

    addresses = {found for text in texts for found in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)}

    assert {one for one in addresses if not one.startswith("127.")} == {"10.96.0.0"}


def test_every_server_is_told_where_to_listen():
    """A program without such a flag listens everywhere."""
    told = {
        member: [
            argument
            for argument in command_of(member)
            if argument.startswith(("--bind-address=127.", "--listen-client-urls=http://127."))
        ]
        for member in (members.ETCD, members.API_SERVER, members.CONTROLLERS, members.SCHEDULER)
    }

    assert all(told.values()), told


def test_rights_and_admission_are_those_of_a_real_cluster():
    """What passes here must pass on a cluster that says no."""
    command = command_of(members.API_SERVER)

    assert "--authorization-mode=Node,RBAC" in command
    assert not [argument for argument in command if "disable-admission" in argument]


def test_the_audit_log_names_every_request_once_and_no_contents():
    """A test compares it with the granted rights; contents would put Secrets into a file."""
    policy = json.loads(render_configuration(LAYOUT, RECORD)["audit-policy.json"])

    assert policy["rules"] == [{"level": "Metadata"}]
    assert policy["omitStages"] == ["RequestReceived", "ResponseStarted"]


def test_a_cluster_for_crowds_still_logs_every_request_of_an_operator():
    """Its requests are what the benches count; everybody else's lines only cost time."""
    record = RECORD.with_options(ClusterOptions(for_crowds=True))

    policy = json.loads(render_configuration(LAYOUT, record)["audit-policy.json"])
    command = program_of(members.CONTROLLERS, LAYOUT, record, BINARIES).command

    assert [rule["level"] for rule in policy["rules"]] == ["None", "Metadata", "None"]
    assert policy["rules"][1]["userGroups"] == ["system:serviceaccounts"]
    assert any("-endpointslice-controller" in argument for argument in command)


def test_a_cluster_without_a_world_has_no_world_process():
    """Somebody may want to answer for the pods alone."""
    record = RECORD.with_options(ClusterOptions(with_world=False, with_prometheus=True))

    assert set(members.MEMBERS) - set(members.members_of(record)) == {members.WORLD}


def test_the_api_server_starts_before_everybody_who_needs_it():
    """The controller manager ends at once where the API server's roles are not there yet."""
    order = list(members.MEMBERS)

    assert order[:2] == [members.ETCD, members.API_SERVER]
