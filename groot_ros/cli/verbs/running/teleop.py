"""`groot-ros teleop`: move a robot by keys, a gamepad or a six-axis mouse.

Its executor runs already: `ros2 launch groot_ros teleop.launch.py` starts one, `policy.launch.py`
one beside a policy that is to be corrected. See docs/correcting.md.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.cli.keys import pressed, single_keys
from groot_ros.errors import UserError
from groot_ros.options import option
from groot_ros.robot.config import load_robot
from groot_ros.teleop.control import Speeds
from groot_ros.teleop.joystick import LAYOUTS, Joystick
from groot_ros.teleop.keyboard import HELP, Keyboard

if TYPE_CHECKING:
    from groot_ros.nodes.clients.teleop_node import TeleopNode

KEYBOARD = "keyboard"
QUIT = "q"
TAKE_OVER = "executor/take_over"
SERVICES = {
    "t": TAKE_OVER,
    "b": "executor/hand_back",
    "h": "executor/go_home",
    "c": "executor/resume",
}
ACTIONS = "t    take over     b    hand back     h    go home     c    resume     q  quit"
PERIOD_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros teleop`."""

    robot: str = option("robot name or file")
    device: str = option(
        "gamepad and spacenav are heard from joy_node and spacenav_node",
        default=KEYBOARD,
        choices=(KEYBOARD, *LAYOUTS),
    )
    speed: float = option("of the hand, m/s (0.05)", default=0.05)
    turn_speed: float = option("of the hand, rad/s (0.3)", default=0.3)
    no_take_over: bool = option("wait until somebody asks for that", default=False)


def run(options: Options) -> Ending:
    """Publish what the device asks for until q or Ctrl-C."""
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.teleop_node import TeleopNode

    robot = load_robot(options.robot)
    speeds = Speeds(linear=options.speed, angular=options.turn_speed)
    control: Keyboard | Joystick = (
        Keyboard(speeds)
        if options.device == KEYBOARD
        else Joystick(LAYOUTS[options.device], speeds)
    )
    with ExitStack() as stack:
        node = stack.enter_context(running_node(lambda: TeleopNode(robot, control)))
        node.wait_for_executor()
        if not options.no_take_over:
            node.trigger(TAKE_OVER)
        stack.enter_context(single_keys())
        if isinstance(control, Keyboard):
            print(HELP)
        print(ACTIONS, flush=True)
        with suppress(KeyboardInterrupt):
            _serve(node, control)
    return Ending(
        said=["nobody moves the arm now"],
        next={"let a policy go on": "ros2 service call /executor/hand_back std_srvs/srv/Trigger"},
    )


def _serve(node: TeleopNode, control: Keyboard | Joystick) -> None:
    said, at_end = "", QUIT if isinstance(control, Keyboard) else ""
    while True:
        # All that came: a key that waits would move the hand later than it was pressed.
        while key := pressed(0.0, at_end).lower():
            if key == QUIT:
                return
            _obey(node, control, key)
        node.spin_until(lambda: False, PERIOD_S)
        line = node.turn_in_words()
        # Ages and distances change all the time.
        if (words := re.sub(r"[\d.+-]+", "", line)) != said:
            said = words
            print(line, flush=True)


def _obey(node: TeleopNode, control: Keyboard | Joystick, key: str) -> None:
    if isinstance(control, Keyboard) and key not in SERVICES:
        control.press(key, time.monotonic())
    if key in SERVICES:
        try:
            node.trigger(SERVICES[key])
        except UserError as error:
            print(error, flush=True)


COMMAND = Command(options=Options, run=run)
