"""Node parameters as a frozen dataclass: declared, checked and documented from one place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from groot_ros.errors import UserError
from groot_ros.options import told
from groot_ros.robot.topic import TOPIC, is_topic

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = TypeVar("P", bound="DataclassInstance")
NO_LIMIT = math.inf
# Of a value that is not allowed, so much is told.
SHOWN = 64


def parameter(
    default: Any,
    description: str,
    unit: str = "",
    low: float = -NO_LIMIT,
    high: float = NO_LIMIT,
    choices: tuple[str, ...] = (),
    read_only: bool = False,
    is_topic: bool = False,
) -> Any:
    """A field of a parameter dataclass; `read_only` ones are fixed in a configured node."""
    metadata = {
        "description": description,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "read_only": read_only,
        "is_topic": is_topic,
    }
    return dataclasses.field(default=default, metadata=metadata)


def option_parameter(
    options: type[DataclassInstance],
    name: str,
    *,
    when: str = "",
    default: Any = None,
    unit: str = "",
    low: float = -NO_LIMIT,
    high: float = NO_LIMIT,
) -> Any:
    """A read-only parameter that is a field of `groot_ros.options` and has its words, choices and
    default, or its own `default`; `when` says when it counts."""
    field = next(field for field in dataclasses.fields(options) if field.name == name)
    option = told(field)
    assert option
    words = option.help.removesuffix(" (%(default)s)")
    return parameter(
        field.default if default is None else default,
        f"{when}: {words}" if when else words,
        unit=unit,
        low=low,
        high=high,
        choices=option.choices,
        read_only=True,
    )


def topic_parameter(default: str, description: str) -> Any:
    """A parameter: the topic that a node publishes or subscribes to."""
    return parameter(default, description, read_only=True, is_topic=True)


def robot_parameter() -> Any:
    """A parameter: the robot that a node works with."""
    return parameter("sim", "robot file: name of a shipped one, or a path", read_only=True)


def lockstep_parameter() -> Any:
    """A parameter of a GuardedLifecycleNode: whether it takes part in simulated time."""
    return parameter(
        False,
        "the clock of a simulator waits for this node, which needs use_sim_time too; the launch "
        "files set both",
        read_only=True,
    )


def declare(node: Node, cls: type) -> None:
    """Declare all parameters of a dataclass; values of launch files and YAML apply."""
    for field in dataclasses.fields(cls):
        node.declare_parameter(field.name, field.default, _descriptor(field))


def read(node: Node, cls: type[P]) -> P:
    """The present values of all parameters; UserError for one that is not allowed."""
    return cls(
        **{
            field.name: _checked(field, node.get_parameter(field.name).value)
            for field in dataclasses.fields(cls)
        }
    )


def guard(
    node: Node, cls: type, is_configured: Callable[[], bool], changed: Callable[[str, Any], None]
) -> None:
    """Refuse impossible values and read-only parameters of a configured node.

    `changed(name, value)` is called for every value that was accepted while configured.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            for new in parameters:
                if new.name in fields:
                    _checked(fields[new.name], new.value)
                    if is_configured() and fields[new.name].metadata["read_only"]:
                        raise UserError(
                            f"parameter {new.name} is fixed while the node is configured: "
                            "clean the node up first"
                        )
        except UserError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if is_configured():
            for new in parameters:
                if new.name in fields:
                    changed(new.name, _checked(fields[new.name], new.value))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """The value in the field's type; UserError when it is not allowed."""
    wanted = type(field.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if wanted is str and type(value) in (bool, int, float):
        # YAML reads `checkpoint:=300` and `dry_run:=true` as a number and a boolean.
        value = str(value).lower()
    if type(value) is not wanted:
        raise UserError(f"parameter {field.name} is {value!r}, expected a {wanted.__name__}")
    choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        raise UserError(
            f"parameter {field.name} is {value!r}, expected one of {', '.join(choices)}"
        )
    if field.metadata["is_topic"] and not is_topic(str(value)):
        raise UserError(f"parameter {field.name} is {str(value)[:SHOWN]!r}, expected {TOPIC}")
    if isinstance(value, int | float) and not low <= value <= high:
        unit = field.metadata["unit"]
        raise UserError(f"parameter {field.name} is {value}, expected {_range(field)} {unit}")
    return value


def _range(field: dataclasses.Field[Any]) -> str:
    low, high = field.metadata["low"], field.metadata["high"]
    if low == -NO_LIMIT and high == NO_LIMIT:
        return ""
    return f"{low:g} to {high:g}" if high < NO_LIMIT else f"at least {low:g}"


def _descriptor(field: dataclasses.Field[Any]) -> ParameterDescriptor:
    unit, choices = field.metadata["unit"], field.metadata["choices"]
    constraints = (
        f"one of {', '.join(choices)}" if choices else _range(field),
        "read-only while configured" if field.metadata["read_only"] else "",
    )
    return ParameterDescriptor(
        description=field.metadata["description"] + (f" [{unit}]" if unit else ""),
        additional_constraints="; ".join(part for part in constraints if part),
        # rclpy would raise out of the constructor for a value of the wrong type or range in a
        # launch file; checked here, it refuses the transition with a sentence instead.
        dynamic_typing=True,
    )


def markdown_rows(cls: type) -> Iterator[str]:
    """Rows of the documentation table: name, default, range, read-only, description."""
    for field in dataclasses.fields(cls):
        data = field.metadata
        allowed = ", ".join(data["choices"]) or _range(field)
        default = "empty" if field.default == "" else str(field.default).lower()
        yield (
            f"| `{field.name}` | {default} | {data['unit']} | {allowed} | "
            f"{'yes' if data['read_only'] else ''} | {data['description']} |"
        )
