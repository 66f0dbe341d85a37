"""`ros2 lifecycle`, with the arguments and outputs of ros2lifecycle."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any

import rclpy
from lifecycle_msgs.msg import TransitionDescription
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from ros2cli.command import CommandExtension, add_subparsers_on_demand
from ros2cli.node.direct import DirectNode
from ros2cli.node.strategy import NodeStrategy, add_arguments
from ros2cli.verb import VerbExtension
from ros2node.api import get_absolute_node_name, get_node_names
from ros2service.api import get_service_names_and_types

# A process that has just joined does not know the others yet.
DISCOVERY_TIMEOUT_S = 5.0
POLL_PERIOD_S = 0.1


class NodeUnavailableError(RuntimeError):
    """The lifecycle node is not there or went away during a call."""


def lifecycle_nodes(args: Namespace) -> list[str]:
    """Full names of the nodes that can be asked for their lifecycle state."""
    include_hidden = getattr(args, "all", False) or getattr(args, "include_hidden_nodes", False)
    deadline = time.monotonic() + DISCOVERY_TIMEOUT_S
    with NodeStrategy(args) as node:
        while True:
            services = {
                name
                for name, types in get_service_names_and_types(
                    node=node, include_hidden_services=True
                )
                if "lifecycle_msgs/srv/GetState" in types
            }
            names = sorted(
                name.full_name
                for name in get_node_names(node=node, include_hidden_nodes=include_hidden)
                if f"{name.full_name}/get_state" in services
            )
            if names or time.monotonic() > deadline:
                return names
            time.sleep(POLL_PERIOD_S)


def call(node: DirectNode, service: type, name: str, request: Any, timeout_s: float) -> Any:
    """The response of a service, waited for while its node is there, at most `timeout_s`."""
    client = node.create_client(service, name)
    if not client.wait_for_service(DISCOVERY_TIMEOUT_S):
        raise NodeUnavailableError("Node not found")
    future = client.call_async(request)
    deadline = time.monotonic() + timeout_s
    while not future.done():
        rclpy.spin_once(node.node, timeout_sec=POLL_PERIOD_S)
        if not client.service_is_ready():
            raise NodeUnavailableError(f"the node of {name} went away before it answered")
        if time.monotonic() > deadline:
            raise NodeUnavailableError(f"no answer from {name} within {timeout_s} s")
    return future.result()


def available_transitions(
    node: DirectNode, node_name: str, service: str = "get_available_transitions"
) -> list[TransitionDescription]:
    response = call(
        node,
        GetAvailableTransitions,
        f"{node_name}/{service}",
        GetAvailableTransitions.Request(),
        float("inf"),
    )
    return list(response.available_transitions)


class LifecycleCommand(CommandExtension):
    """Various lifecycle related sub-commands."""

    def add_arguments(
        self, parser: ArgumentParser, cli_name: str, *, argv: list[str] | None = None
    ) -> None:
        self._parser = parser
        add_subparsers_on_demand(
            parser, cli_name, "_verb", "ros2lifecycle.verb", required=False, argv=argv
        )

    def main(self, *, parser: ArgumentParser, args: Namespace) -> int | str | None:
        if not hasattr(args, "_verb"):
            self._parser.print_help()
            return 0
        return args._verb.main(args=args)


class NodesVerb(VerbExtension):
    """Output a list of nodes with lifecycle."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        add_arguments(parser)
        parser.add_argument("-a", "--all", action="store_true", help="Hidden nodes as well")
        parser.add_argument(
            "-c", "--count-nodes", action="store_true", help="Only the number of nodes"
        )

    def main(self, *, args: Namespace) -> None:
        names = lifecycle_nodes(args)
        if args.count_nodes:
            print(len(names))
        elif names:
            print(*names, sep="\n")


class GetVerb(VerbExtension):
    """Get lifecycle state for one or more nodes."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        add_arguments(parser)
        parser.add_argument(
            "node_name", nargs="?", help="Name of the ROS node; all nodes if there is none"
        )
        parser.add_argument(
            "--include-hidden-nodes", action="store_true", help="Hidden nodes as well"
        )
        parser.add_argument(
            "--timeout", metavar="N", type=float, default=float("inf"), help="Seconds to wait"
        )

    def main(self, *, args: Namespace) -> int:
        wanted = get_absolute_node_name(args.node_name)
        names = [wanted] if wanted else lifecycle_nodes(args)
        failed = 0
        with DirectNode(args) as node:
            for name in names:
                try:
                    response = call(
                        node, GetState, f"{name}/get_state", GetState.Request(), args.timeout
                    )
                except NodeUnavailableError as error:
                    print(f"{name}: {error}" if not wanted else error, file=sys.stderr)
                    failed = 1
                    continue
                state = response.current_state
                print(f"{'' if wanted else name + ': '}{state.label} [{state.id}]")
        return failed


class ListVerb(VerbExtension):
    """Output a list of available transitions."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        add_arguments(parser)
        parser.add_argument("node_name", help="Name of the ROS node")
        parser.add_argument(
            "-a", "--all", action="store_true", help="All transitions, not only possible ones"
        )

    def main(self, *, args: Namespace) -> None:
        service = "get_transition_graph" if args.all else "get_available_transitions"
        with DirectNode(args) as node:
            name = get_absolute_node_name(args.node_name)
            for description in available_transitions(node, name, service):
                print(f"- {description.transition.label} [{description.transition.id}]")
                print(f"\tStart: {description.start_state.label}")
                print(f"\tGoal: {description.goal_state.label}")


class SetVerb(VerbExtension):
    """Trigger lifecycle state transition."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        add_arguments(parser)
        parser.add_argument("node_name", help="Name of the ROS node")
        parser.add_argument(
            "--include-hidden-nodes", action="store_true", help="Hidden nodes as well"
        )
        parser.add_argument("transition", help="Label or number of the lifecycle transition")

    def main(self, *, args: Namespace) -> str | None:
        name = get_absolute_node_name(args.node_name)
        with DirectNode(args) as node:
            possible = [item.transition for item in available_transitions(node, name)]
            chosen = [t for t in possible if args.transition in (t.label, str(t.id))]
            if not chosen:
                return "Unknown transition requested, available ones are:" + "".join(
                    f"\n- {transition.label} [{transition.id}]" for transition in possible
                )
            response = call(
                node,
                ChangeState,
                f"{name}/change_state",
                ChangeState.Request(transition=chosen[0]),
                float("inf"),
            )
        if not response.success:
            return "Transitioning failed"
        print("Transitioning successful")
        return None
