"""The command line of `voicefleet` and `kubectl voicefleet`: one subcommand, one function.

Each command imports what it needs when it runs: `version` and `plan` must answer at once,
and kopf alone takes a quarter of a second to load.
"""

import argparse
import asyncio
import atexit
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import voicefleet
from voicefleet.errors import VoiceFleetError

DEFAULT_CONFIG = Path("/etc/voicefleet/platform.yaml")
DEFAULT_INSTALL_KEY = Path("/etc/voicefleet/install-key/key")
"""Where the chart mounts them."""

REFUSED = 2
"""Exit code for what the user can mend, as argparse itself uses it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = make_parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except VoiceFleetError as error:
        print(f"voicefleet: {error}", file=sys.stderr)  # noqa: T201 - a command line's own words
        return REFUSED


def make_parser() -> argparse.ArgumentParser:
    """Describe every command."""
    parser = argparse.ArgumentParser(prog="voicefleet", description=voicefleet.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_release(commands)
    _add_plan(commands)
    _add_why(commands)
    _add_simulate(commands)
    _add_replay(commands)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=run_version)
    return parser


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("run", help="run the operator until it is told to stop")
    _add_common(parser)
    parser.add_argument(
        "--install-key",
        type=Path,
        default=DEFAULT_INSTALL_KEY,
        metavar="FILE",
        help="what generated Secrets derive from (default: %(default)s)",
    )
    parser.add_argument("--metrics-port", type=int, default=9090, metavar="N")
    parser.add_argument("--liveness-port", type=int, default=8080, metavar="N")
    parser.add_argument(
        "--lease-namespace",
        metavar="NAMESPACE",
        help="where the Lease is (default: the operator's own namespace)",
    )
    parser.add_argument(
        "--identity",
        metavar="NAME",
        default=default_identity(),
        help="unique among the replicas (default: $POD_NAME, else host and process)",
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )
    parser.add_argument("--log-format", choices=("json", "text"), default="text")
    parser.add_argument(
        "--tape",
        type=Path,
        metavar="FILE",
        help="record what every cycle sees and plans, for `voicefleet replay`",
    )
    parser.set_defaults(command=run_operator)


def _add_release(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "release", help="take the operator's finalizer off fleets, before it is uninstalled"
    )
    _add_common(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--namespace", "-n", metavar="NAMESPACE", help="only the fleets in it")
    which.add_argument("--all", action="store_true", help="the fleets of all watched namespaces")
    parser.add_argument(
        "--stop",
        metavar="NAMESPACE/DEPLOYMENT",
        help="scale this operator to zero first: one that runs would hold its fleets again",
    )
    parser.set_defaults(command=run_release)


def _add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "plan", help="show what a first apply of a VoiceFleet would create; needs no cluster"
    )
    parser.add_argument("file", metavar="FLEET.yaml", help="a file with VoiceFleets; - for stdin")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the operator's configuration (default: %(default)s)",
    )
    parser.add_argument("--output", "-o", choices=("text", "json"), default="text")
    parser.set_defaults(command=run_plan)


def _add_why(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("why", help="explain the size of a fleet from its status")
    parser.add_argument("target", metavar="vf/NAME", help="the fleet")
    parser.add_argument(
        "--namespace", "-n", metavar="NAMESPACE", help="where it is (default: the kubeconfig's)"
    )
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="credentials (default: $KUBECONFIG, else ~/.kube/config)",
    )
    parser.add_argument("--output", "-o", choices=("text", "json"), default="text")
    parser.set_defaults(command=run_why)


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "replay", help="plan recorded cycles again and say where the plans differ"
    )
    parser.add_argument("tape", type=Path, metavar="TAPE", help="a file that `run --tape` wrote")
    parser.set_defaults(command=run_replay)


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "simulate", help="try a VoiceFleet on simulated calls, beside other autoscalers"
    )
    parser.add_argument("file", metavar="FLEET.yaml", help="a file with a VoiceFleet; - for stdin")
    demand = parser.add_mutually_exclusive_group()
    demand.add_argument(
        "--trace", type=Path, metavar="CSV", help="calls per minute: lines `minute,arrivals`"
    )
    demand.add_argument(
        "--generate",
        choices=("office-hours", "campus-day", "viral", "steady"),
        help="a made-up trace (default: office-hours, or what --surge announces)",
    )
    parser.add_argument(
        "--surge", type=Path, metavar="SURGEPLAN.yaml", help="demand that the operator is told of"
    )
    parser.add_argument(
        "--durations",
        choices=("call", "interview"),
        default="call",
        help="length of a trace's calls: 3 minutes on average, or half an hour",
    )
    parser.add_argument(
        "--compare",
        choices=("none", "some", "all"),
        default="some",
        help="peers beside it: none, one setting of each, or all (default: %(default)s)",
    )
    parser.add_argument("--weeks", type=int, metavar="N", help="repeat the trace for so long")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all random numbers")
    parser.add_argument(
        "--cloud", type=float, metavar="PRICE", help="a cloud takes what finds no worker, a minute"
    )
    parser.add_argument(
        "--report", type=Path, metavar="OUT.html", help="write everything as one HTML file"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the operator's configuration (default: %(default)s)",
    )
    parser.set_defaults(command=run_simulate)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the operator's configuration (default: %(default)s)",
    )
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="credentials (default: $KUBECONFIG, else the pod's own)",
    )


def default_identity() -> str:
    """Return a name that no other replica has: two replicas of one name would both lead."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}"


def run_operator(options: argparse.Namespace) -> int:
    """Run the operator."""
    from voicefleet.cli.logs import set_up_logging  # noqa: PLC0415 - see the module docstring
    from voicefleet.handlers.parts import RunOptions  # noqa: PLC0415
    from voicefleet.handlers.process import run_operator as run  # noqa: PLC0415

    set_up_logging(level=options.log_level, style=options.log_format)
    chosen = RunOptions(
        config=options.config,
        install_key=options.install_key,
        kubeconfig=options.kubeconfig,
        metrics_port=options.metrics_port,
        liveness_port=options.liveness_port,
        lease_namespace=options.lease_namespace,
        identity=options.identity,
        tape=options.tape,
    )
    code = 1

    def leave() -> None:
        os._exit(code)

    # By then everything is closed and the Lease given back. Taking the interpreter apart would
    # cost another second or two of a busy machine. Registered first, it is called last.
    atexit.register(leave)
    try:
        code = asyncio.run(run(chosen))
    except BaseException:
        atexit.unregister(leave)
        raise
    return code


def run_release(options: argparse.Namespace) -> int:
    """Take the finalizer off fleets."""
    from voicefleet.cli.release import release_fleets  # noqa: PLC0415 - see the module docstring

    return release_fleets(
        namespace=options.namespace,
        config=options.config,
        kubeconfig=options.kubeconfig,
        stop=options.stop,
    )


def run_plan(options: argparse.Namespace) -> int:
    """Show a plan."""
    from voicefleet.cli.plan import show_plan  # noqa: PLC0415 - see the module docstring

    return show_plan(options.file, config=options.config, output=options.output)


def run_replay(options: argparse.Namespace) -> int:
    """Plan recorded cycles again."""
    from voicefleet.cli.replay import replay_tape  # noqa: PLC0415 - see the module docstring

    return replay_tape(options.tape)


def run_simulate(options: argparse.Namespace) -> int:
    """Simulate a fleet."""
    from voicefleet.cli.simulate import SimulateOptions, simulate_fleet  # noqa: PLC0415

    return simulate_fleet(
        SimulateOptions(
            source=options.file,
            config=options.config,
            trace=options.trace,
            surge=options.surge,
            generate=options.generate,
            durations=options.durations,
            compare=options.compare,
            weeks=options.weeks,
            seed=options.seed,
            cloud=options.cloud,
            report=options.report,
            output=options.json,
        )
    )


def run_why(options: argparse.Namespace) -> int:
    """Explain the size of a fleet."""
    from voicefleet.cli.why import explain_fleet  # noqa: PLC0415 - see the module docstring

    return explain_fleet(
        options.target,
        namespace=options.namespace,
        kubeconfig=options.kubeconfig,
        output=options.output,
    )


def run_version(_: argparse.Namespace) -> int:
    """Print the version."""
    print(voicefleet.__version__)  # noqa: T201 - a command line prints
    return 0


if __name__ == "__main__":
    sys.exit(main())
