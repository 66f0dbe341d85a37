"""Values of parameters that no node can work with are told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from groot_ros.errors import UserError
from groot_ros.nodes import parameters
from groot_ros.nodes.executor.executor_parameters import ExecutorParameters


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    context.shutdown()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("chunk_topic", "", "chunk_topic is '', expected a topic name such as"),
        ("chunk_topic", "a b", "chunk_topic is 'a b', expected a topic name such as"),
        ("estop_topic", "/2nd/stop", "no digit behind a slash"),
        ("fault_topic", "x" * 300, "at most 200 characters"),
        ("chunk_topic", 5, "chunk_topic is '5', expected a topic name such as"),
        ("command_rate", float("nan"), "command_rate is nan, expected 0 to 1000 Hz"),
        ("speed_scale", "fast", "speed_scale is 'fast', expected a float"),
        ("watchdog", [0.5], "watchdog is .*, expected a float"),
        ("rejected_in_row", 0, "rejected_in_row is 0, expected at least 1"),
        ("strategy", "newest", "strategy is 'newest', expected one of auto"),
        ("dry_run", "perhaps", "dry_run is 'perhaps', expected one of auto, true, false"),
    ],
)
def test_a_value_that_is_not_allowed(
    context: Context, name: str, value: Any, sentence: str
) -> None:
    node = Node("test", context=context, parameter_overrides=[Parameter(name, value=value)])
    parameters.declare(node, ExecutorParameters)
    with pytest.raises(UserError, match=f"parameter .*{sentence}"):
        parameters.read(node, ExecutorParameters)
    node.destroy_node()


@pytest.mark.parametrize("topic", ["a", "/a/b_2", "~/chunks", "{node}/a", "/_hidden/x"])
def test_topics_that_ros_takes_are_taken(context: Context, topic: str) -> None:
    overrides = [Parameter("chunk_topic", value=topic)]
    node = Node("test", context=context, parameter_overrides=overrides)
    parameters.declare(node, ExecutorParameters)
    assert parameters.read(node, ExecutorParameters).chunk_topic == topic
    node.resolve_topic_name(topic)
    node.destroy_node()
