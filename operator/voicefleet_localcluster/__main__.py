"""The command line: python -m voicefleet_localcluster up | down | status | kubeconfig | binaries.

`make up` and `make down` call it. Errors print cause, evidence and next step, never a
traceback.
"""

import argparse
import sys
from collections.abc import Sequence

from voicefleet_localcluster import binaries
from voicefleet_localcluster.cluster import LocalCluster, take_down
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.layout import cluster_names, layout_of
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_localcluster.progress import Progress, on_terminal
from voicefleet_localcluster.targets import ALL_PROGRAMS

DEFAULTS = ClusterOptions()
NODE_KINDS = 3


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m voicefleet_localcluster",
        description="A real Kubernetes control plane on loopback, without Docker.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    up = subparsers.add_parser("up", help="start it, heal it, or replace a dead one")
    up.add_argument(
        "--nodes",
        type=parse_node_counts,
        default=(DEFAULTS.plain_nodes, DEFAULTS.gpu_nodes, DEFAULTS.spot_nodes),
        metavar="PLAIN,GPU,SPOT",
        help="how many nodes of each kind (default 3,1,1)",
    )
    up.add_argument(
        "--pod-start-seconds",
        type=float,
        default=DEFAULTS.pod_start_seconds,
        help="from a pod's placement until it is Ready (default %(default)s)",
    )
    up.add_argument(
        "--pod-stop-seconds",
        type=float,
        default=DEFAULTS.pod_stop_seconds,
        help="from a pod's deletion until it is gone (default %(default)s)",
    )
    up.add_argument("--no-world", action="store_true", help="nothing answers at pod addresses")
    down = subparsers.add_parser("down", help="stop it and remove everything it made")
    down.add_argument(
        "--all", action="store_true", help="every cluster, left-over ones of tests too"
    )
    status = subparsers.add_parser("status", help="say which of its processes run")
    kubeconfig = subparsers.add_parser("kubeconfig", help="print the path of its kubeconfig")
    for subparser in (up, down, status, kubeconfig):
        subparser.add_argument(
            "--name", default=DEFAULTS.name, help="which one (default %(default)s)"
        )
    programs = subparsers.add_parser("binaries", help="make sure that the programs are there")
    programs.add_argument(
        "programs",
        nargs="*",
        metavar="PROGRAM",
        help=f"of {', '.join(ALL_PROGRAMS)}; none: all",
    )
    return parser


def parse_node_counts(text: str) -> tuple[int, int, int]:
    """Read "3,1,1" as the numbers of plain, GPU and spot nodes."""
    parts = text.split(",")
    if len(parts) != NODE_KINDS or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not PLAIN,GPU,SPOT, for example 3,1,1")
    plain, gpu, spot = (int(part) for part in parts)
    return plain, gpu, spot


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    chosen = build_parser().parse_args(arguments)
    progress = on_terminal()
    try:
        return _run(chosen, progress)
    except LocalClusterError as error:
        print(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted; `up` continues, `down` removes", file=sys.stderr)
    return 1


def _run(chosen: argparse.Namespace, progress: Progress) -> int:
    match chosen.command:
        case "up":
            return _up(chosen, progress)
        case "down":
            for name in cluster_names() if chosen.all else [chosen.name]:
                take_down(name, progress)
            return 0
        case "status":
            return _status(chosen.name, progress)
        case "kubeconfig":
            print(LocalCluster.find(chosen.name).kubeconfig)
            return 0
        case _:
            wanted = chosen.programs or ALL_PROGRAMS
            for name, path in binaries.ensure_programs(wanted, progress).items():
                progress.say(f"✓ {name:<26} {path}")
            return 0


def _up(chosen: argparse.Namespace, progress: Progress) -> int:
    plain, gpu, spot = chosen.nodes
    options = ClusterOptions(
        name=chosen.name,
        plain_nodes=plain,
        gpu_nodes=gpu,
        spot_nodes=spot,
        pod_start_seconds=chosen.pod_start_seconds,
        pod_stop_seconds=chosen.pod_stop_seconds,
        with_world=not chosen.no_world,
    )
    cluster = LocalCluster.start(options, progress, keep_failed=True)
    progress.say(f"cluster {cluster.name} is ready after {progress.elapsed():.1f} s")
    progress.say(f"export KUBECONFIG={cluster.kubeconfig}")
    return 0


def _status(name: str, progress: Progress) -> int:
    """Print one line per process; the exit code says whether all of them run."""
    cluster = LocalCluster.find(name)
    running = cluster.running()
    for member, pid in running.items():
        mark, detail = ("✓", f"process {pid}") if pid else ("✗", "not running")
        progress.say(f"{mark} {member:<26} {detail}")
    if all(running.values()):
        progress.say(f"cluster {name} runs at {cluster.server}, {layout_of(name).root}")
        return 0
    progress.say(f"heal it: python -m voicefleet_localcluster up --name {name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
