"""What the launch files share."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from launch import LaunchContext
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.policies.checkpoint.folder import (
    checkpoint_codec,
    checkpoint_codecs,
    checkpoint_variant,
    find_checkpoint,
    shipped_checkpoint,
)
from groot_ros.policies.factory import AUTO
from groot_ros.robot.config import load_robot, robot_names
from groot_ros.share import share_file

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The recommended one, for checkpoints that do not say theirs.
DEFAULT_VARIANT = "ee_rot6d_joints"
# Both names are read: the first by Fast DDS before version 3, the second from then on.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


def fast_dds_profile() -> list[SetEnvironmentVariable]:
    """Actions that let Fast DDS carry whole pictures in shared memory, unless the user has set a
    profile."""
    if any(os.environ.get(name) for name in PROFILE_VARIABLES):
        return []
    profile = str(share_file("config/fastdds.xml"))
    return [SetEnvironmentVariable(name, profile) for name in PROFILE_VARIABLES]


def simulation_checkpoint(variant: str) -> Path:
    """The shipped checkpoint, or a tiny untrained one of another variant, made once per user."""
    shipped = shipped_checkpoint()
    if variant in (AUTO, checkpoint_variant(shipped)):
        return shipped
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "groot_ros"
    file = find_codec(variant)
    folder = cache / f"untrained_{file.name}"
    if not (folder / "config.json").exists():
        from groot_ros.model.tiny.for_robot import checkpoint_spec
        from groot_ros.model.tiny.init import init_checkpoint

        init_checkpoint(folder, checkpoint_spec(file, load_robot("sim")))
    return folder


def chosen_variant(checkpoints_dir: str, checkpoint: str) -> str:
    """The codec variant that a checkpoint names; the default one where it names none or cannot be
    read, which the policy node then reports."""
    if not checkpoints_dir:
        return DEFAULT_VARIANT
    try:
        folder = find_checkpoint(checkpoints_dir, checkpoint)
    except UserError:
        return DEFAULT_VARIANT
    # The node reads the codec itself that a checkpoint carries.
    own = checkpoint_codec(folder)
    if checkpoint_codecs(folder):
        return AUTO
    return own.name if own else DEFAULT_VARIANT


BOOLEAN = ["true", "false"]


def argument(
    parameters: type[DataclassInstance],
    name: str,
    *,
    called: str = "",
    default: str | None = None,
    adding: str = "",
    also: tuple[str, ...] = (),
) -> DeclareLaunchArgument:
    """A launch argument for a parameter of a node, which says what it is, may be and means.

    `called` is its own name where another argument has the parameter's, `default` its own
    default, `adding` what the launch file makes of it besides, `also` choices of its own.
    """
    field = next(field for field in fields(parameters) if field.name == name)
    is_boolean = isinstance(field.default, bool)
    said = str(field.default).lower() if is_boolean else str(field.default)
    unit = f" [{field.metadata['unit']}]" if field.metadata["unit"] else ""
    return DeclareLaunchArgument(
        called or name,
        default_value=said if default is None else default,
        choices=BOOLEAN if is_boolean else [*field.metadata["choices"], *also] or None,
        description=f"{field.metadata['description']}{unit}{adding}",
    )


def shipped_robots() -> str:
    """What is added to a robot argument."""
    return f"; shipped are {', '.join(robot_names())}"


CLOCK_ARGUMENTS = [
    DeclareLaunchArgument(
        "real_time",
        default_value="false",
        choices=BOOLEAN,
        description="let the simulated arm live on the wall clock, to measure ages and jitter",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="false",
        choices=BOOLEAN,
        description="take time from the /clock of another simulator; the robot sim does anyway",
    ),
    DeclareLaunchArgument(
        "lockstep",
        default_value="false",
        choices=BOOLEAN,
        description="take time from a simulator of yours that waits for these nodes, a "
        "SimulatorNode; the robot sim does anyway",
    ),
]


def is_true(context: LaunchContext, argument: str) -> bool:
    """Value of a boolean launch argument."""
    return bool(LaunchConfiguration(argument).perform(context).lower() == "true")


def choose_clock(context: LaunchContext) -> None:
    """Set `use_sim_time`, and `lockstep`: whether the simulator's clock waits for the nodes.

    The robot `sim` lives in simulated time whoever starts it, unless `real_time` says otherwise;
    a fake one lives on the wall clock.
    """
    arguments = context.launch_configurations
    simulated = arguments["robot"] == "sim" or is_true(context, "sim")
    simulated = simulated or is_true(context, "lockstep")
    simulated = simulated and arguments.get("fake", "false") != "true"
    lockstep = simulated and not is_true(context, "real_time")
    arguments["lockstep"] = str(lockstep).lower()
    if simulated:
        arguments["use_sim_time"] = arguments["lockstep"]


def configure(node: LifecycleNode) -> EmitEvent:
    """An action that configures a lifecycle node as soon as it runs."""
    return _transition(node, Transition.TRANSITION_CONFIGURE)


def activate_when_configured(node: LifecycleNode) -> RegisterEventHandler:
    """An event handler that activates a lifecycle node after its first configuration."""
    return RegisterEventHandler(
        OnStateTransition(
            target_lifecycle_node=node,
            start_state="configuring",
            goal_state="inactive",
            entities=[_transition(node, Transition.TRANSITION_ACTIVATE)],
            handle_once=True,
        )
    )


def when_active(node: LifecycleNode, actions: list[Action]) -> RegisterEventHandler:
    """An event handler that runs actions after a lifecycle node's first activation."""
    return RegisterEventHandler(
        OnStateTransition(
            target_lifecycle_node=node,
            goal_state="active",
            entities=actions,
            handle_once=True,
        )
    )


def end_when_refused(node: LifecycleNode) -> list[RegisterEventHandler]:
    """Event handlers that end the launch when a lifecycle node cannot be configured, or gives
    up."""
    end = EmitEvent(event=Shutdown(reason=f"{node.node_executable} gave up"))
    return [
        RegisterEventHandler(
            OnStateTransition(
                target_lifecycle_node=node, start_state=start, goal_state=goal, entities=[end]
            )
        )
        for start, goal in (("configuring", "unconfigured"), ("deactivating", "inactive"))
    ]


def _transition(node: LifecycleNode, transition_id: int) -> EmitEvent:
    def is_node(action: object) -> bool:
        return action is node

    return EmitEvent(
        event=ChangeState(lifecycle_node_matcher=is_node, transition_id=transition_id)
    )
