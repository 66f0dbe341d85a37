"""Values of signals out of messages of every type that a robot file can name."""

import copy
from types import SimpleNamespace as Message

import numpy as np
import pytest
from test_robot import with_signals

from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import signal_readers
from groot_ros.robot.config import parse_robot


def xyz(x, y, z):
    return Message(x=x, y=y, z=z)


STATE = Message(name=["b", "a"], position=[0.0, 0.0], velocity=[1.0, 2.0], effort=[3.0, 4.0])
CASES = {
    "wrench": (
        {},
        "geometry_msgs/msg/WrenchStamped",
        Message(wrench=Message(force=xyz(1, 2, 3), torque=xyz(4, 5, 6))),
        [1, 2, 3, 4, 5, 6],
    ),
    "twist": (
        {},
        "geometry_msgs/msg/TwistStamped",
        Message(twist=Message(linear=xyz(1, 2, 3), angular=xyz(4, 5, 6))),
        [1, 2, 3, 4, 5, 6],
    ),
    "effort": ({"joints": ["a", "b"]}, "sensor_msgs/msg/JointState", STATE, [4, 3]),
    "velocity": ({"joints": ["a"]}, "sensor_msgs/msg/JointState", STATE, [2]),
    "array": (
        {"names": ["u", "v"]},
        "std_msgs/msg/Float64MultiArray",
        Message(data=[7, 8]),
        [7, 8],
    ),
}


def reader(kind):
    robot = parse_robot(with_signals(it={"topic": "/it", "type": kind, **CASES[kind][0]}), "sim")
    [found] = signal_readers(robot.observations.signals["it"], robot.base_frame).values()
    return found


@pytest.mark.parametrize("kind", CASES)
def test_a_vector_is_read_in_the_order_of_its_names(kind):
    _, type_name, message, numbers = CASES[kind]
    found = reader(kind)
    assert found.type_name == type_name
    value = found.value(message)
    assert value.dtype == np.float64 and value.tolist() == numbers


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("array", {"data": [1.0]}, "/it has 1 numbers, the robot file names 2"),
        ("effort", {"effort": []}, "/it has 2 names but 0 efforts"),
        ("effort", {"name": ["b", "c"]}, "/it has no joint 'a', only b, c"),
    ],
)
def test_a_message_without_the_value_is_told(kind, changes, sentence):
    message = copy.copy(CASES[kind][2])
    vars(message).update(changes)
    with pytest.raises(UserError, match=sentence):
        reader(kind).value(message)
