"""Prints docs/messages.md: what the nodes offer and hear, and our own messages."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rclpy
from rclpy.action import ActionServer, get_action_server_names_and_types_by_node
from rclpy.parameter import Parameter

from groot_ros.nodes.executor.executor_node import ExecutorNode
from groot_ros.nodes.policy.policy_node import PolicyNode
from groot_ros.nodes.recorder.recorder_node import RecorderNode

ROOT = Path(__file__).parents[1]
GRAPH_S = 60.0
INTRODUCTION = """# Topics and messages

Asked of the nodes themselves, configured for the simulated arm, and taken from
`groot_ros_msgs`. An active recorder hears every topic besides. States, cameras and commands have
the names of [the robot file](robot_file.md), here those of `config/robots/sim.yaml`. What every
ROS 2 node and every lifecycle node has is left out."""
NODES: dict[str, tuple[type[Any], dict[str, str]]] = {
    "policy_node": (PolicyNode, {"policy": "sway"}),
    "executor_node": (ExecutorNode, {"black_box": "false"}),
    "recorder_node": (RecorderNode, {"output": "/tmp"}),
}
# Of every node, or of every lifecycle node.
COMMON = ("/rosout", "/parameter_events", "/change_state", "/get_", "/set_parameters")
COMMON += ("/describe_parameters", "/list_parameters", "/transition_event", "/_action/")


def page() -> str:
    """The whole page; rclpy is initialised already."""
    lines = [INTRODUCTION]
    for name, (kind, settings) in NODES.items():
        lines += ["", f"## {name}", "", "| | name | type |", "|---|---|---|"]
        values = {"robot": "sim", **settings}
        given = [Parameter(key, value=typed(value)) for key, value in values.items()]
        node = kind(parameter_overrides=given)
        node.trigger_configure()
        rows = {row for row in offered(node) if not any(word in row[1] for word in COMMON)}
        lines += [f"| {what} | `{where}` | `{of}` |" for what, where, of in sorted(rows)]
        node.trigger_cleanup()
        node.destroy_node()
    for folder in ("msg", "srv", "action"):
        for path in sorted((ROOT / "groot_ros_msgs" / folder).glob(f"*.{folder}")):
            lines += ["", f"## `groot_ros_msgs/{folder}/{path.stem}`", "", "```text"]
            lines += [path.read_text().strip(), "```"]
    return "\n".join(lines) + "\n"


def typed(value: str) -> object:
    """A parameter's value."""
    return {"false": False, "true": True}.get(value, value)


def offered(node: Any) -> Iterator[tuple[str, str, str]]:
    """What a node has: kind, name, type."""
    for publisher in node.publishers:
        yield "publishes", publisher.topic_name, called(publisher.msg_type)
    for subscription in node.subscriptions:
        yield "hears", subscription.topic_name, called(subscription.msg_type)
    for service in node.services:
        yield "service", service.service_name, called(service.srv_type)
    for name, types in actions(node):
        yield "action", name, types[0]


def actions(node: Any) -> list[tuple[str, list[str]]]:
    """Names and types of a node's actions, of which only the graph tells, some time later."""
    count = sum(isinstance(waitable, ActionServer) for waitable in node.waitables)
    deadline_s = time.monotonic() + GRAPH_S
    while True:
        found = get_action_server_names_and_types_by_node(node, node.get_name(), "/")
        if len(found) == count:
            return list(found)
        if time.monotonic() > deadline_s:
            sys.exit(
                f"the graph tells of {len(found)} actions of {node.get_name()}, not of {count}"
            )
        time.sleep(0.02)


def called(kind: type) -> str:
    """A type as ROS names it."""
    package, folder, *_ = kind.__module__.split(".")
    return f"{package}/{folder}/{kind.__name__}"


if __name__ == "__main__":
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    text = page()
    rclpy.shutdown()
    sys.stdout.write(text)
