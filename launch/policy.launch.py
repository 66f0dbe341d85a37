"""Policy and executor for a robot, with a simulated arm, a fake robot, and rviz2 if wanted."""

import tempfile
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue

from groot_ros.displays.catalog import write_display
from groot_ros.errors import UserError
from groot_ros.nodes.drivers.fake_graph import FAKE
from groot_ros.nodes.executor.executor_parameters import ExecutorParameters
from groot_ros.nodes.launching import (
    BOOLEAN,
    CLOCK_ARGUMENTS,
    DEFAULT_VARIANT,
    activate_when_configured,
    argument,
    choose_clock,
    chosen_variant,
    configure,
    end_when_refused,
    fast_dds_profile,
    is_true,
    shipped_robots,
    simulation_checkpoint,
    when_active,
)
from groot_ros.nodes.policy.policy_parameters import PolicyParameters
from groot_ros.nodes.sim.fake_parameters import FakeParameters
from groot_ros.nodes.sim.sim_parameters import SimParameters
from groot_ros.robot.config import load_robot
from groot_ros.robot.urdf import urdf_text
from groot_ros.share import share_file

NOBODY = "none"
SIMULATION = (
    "robot",
    "gui",
    "seed",
    "cubes",
    "disturbance",
    "namespace",
    "real_time",
    "real_time_factor",
    "state_latency",
    "camera_latency",
)
ARGUMENTS = [
    argument(PolicyParameters, "robot", adding=shipped_robots()),
    DeclareLaunchArgument(
        "sim", default_value="false", choices=BOOLEAN, description="start the simulated arm too"
    ),
    DeclareLaunchArgument(
        "fake",
        default_value="false",
        choices=BOOLEAN,
        description="start a stand-in for the robot on the topics of its file; commands go to it "
        "and, while nothing else listens, to nothing else",
    ),
    argument(FakeParameters, "pictures", called="fake_pictures", adding=", with fake:=true"),
    argument(
        PolicyParameters,
        "policy",
        adding="; sway, which is taken with fake:=true and without a checkpoint, moves a little "
        "about where the arm is; none: an executor alone",
        also=(NOBODY,),
    ),
    argument(PolicyParameters, "variant", default="auto", adding=f", or {DEFAULT_VARIANT}"),
    argument(
        PolicyParameters,
        "checkpoints_dir",
        adding="; empty with sim:=true: the shipped one, for other variants a tiny untrained one",
    ),
    *(
        argument(PolicyParameters, name)
        for name in (
            "checkpoint",
            "policy_url",
            "policy_timeout",
            "policy_jpeg_quality",
            "policy_token_env",
            "instruction",
        )
    ),
    argument(ExecutorParameters, "strategy"),
    argument(PolicyParameters, "replan_steps"),
    argument(ExecutorParameters, "speed_scale"),
    argument(ExecutorParameters, "watchdog"),
    argument(PolicyParameters, "device"),
    DeclareLaunchArgument(
        "autostart",
        default_value="auto",
        choices=["auto", *BOOLEAN],
        description="activate the policy at once; otherwise `ros2 lifecycle set /policy "
        "activate`; auto: with fake:=true",
    ),
    argument(ExecutorParameters, "dry_run", adding=", not with fake:=true"),
    argument(ExecutorParameters, "black_box"),
    argument(ExecutorParameters, "incident_folder"),
    DeclareLaunchArgument(
        "rviz", default_value="false", choices=BOOLEAN, description="show it in rviz2"
    ),
    *(argument(SimParameters, name) for name in ("gui", "seed", "cubes", "disturbance")),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of all nodes"),
    *CLOCK_ARGUMENTS,
    argument(SimParameters, "real_time_factor"),
    *(argument(PolicyParameters, name) for name in ("latency", "jitter", "loss")),
    *(argument(SimParameters, name) for name in ("state_latency", "camera_latency")),
    argument(PolicyParameters, "seed", called="noise_seed"),
]


def _lifecycle_node(name: str, *settings: str, **renamed: str) -> LifecycleNode:
    """A node whose parameters are arguments of the same name, or of another one."""
    sources = {**{setting: setting for setting in settings}, **renamed}
    parameters = {name: LaunchConfiguration(source) for name, source in sources.items()}
    return LifecycleNode(
        package="groot_ros",
        executable=f"{name}_node",
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[parameters],
        output="screen",
    )


def _nodes(context: LaunchContext) -> list[Action]:
    choose_clock(context)
    _choose(context)
    actions = _policy_and_executor(context)
    if is_true(context, "rviz"):
        actions += _rviz(context)
    if is_true(context, "sim"):
        return [*actions, _simulation()]
    return _fake(actions) if is_true(context, "fake") else actions


def _policy_and_executor(context: LaunchContext) -> list[Action]:
    policy = _lifecycle_node(
        "policy",
        "robot",
        "policy",
        "variant",
        "checkpoints_dir",
        "checkpoint",
        "policy_url",
        "policy_jpeg_quality",
        "policy_timeout",
        "policy_token_env",
        "instruction",
        "device",
        "strategy",
        "replan_steps",
        "latency",
        "jitter",
        "loss",
        "use_sim_time",
        "lockstep",
        seed="noise_seed",
    )
    executor = _lifecycle_node(
        "executor",
        "robot",
        "dry_run",
        "fake",
        "strategy",
        "speed_scale",
        "watchdog",
        "black_box",
        "incident_folder",
        "use_sim_time",
        "lockstep",
    )
    actions: list[Action] = [activate_when_configured(executor)]
    if LaunchConfiguration("policy").perform(context) == NOBODY:
        return [*actions, executor, configure(executor)]
    if is_true(context, "autostart"):
        actions.append(activate_when_configured(policy))
    return [*actions, policy, executor, configure(policy), configure(executor)]


def _choose(context: LaunchContext) -> None:
    """What the user left to us."""
    arguments = context.launch_configurations
    is_sim, is_fake = is_true(context, "sim"), is_true(context, "fake")
    if is_sim and is_fake:
        raise UserError("sim:=true and fake:=true are two robots on the same topics: choose one")
    if arguments["fake_pictures"] and not is_fake:
        raise UserError("fake_pictures belong to a fake robot: add fake:=true")
    if arguments["autostart"] == "auto":
        arguments["autostart"] = str(is_fake).lower()
    if arguments["policy"] == "local" and not arguments["checkpoints_dir"]:
        if is_sim:
            arguments["checkpoints_dir"] = str(simulation_checkpoint(arguments["variant"]))
        elif is_fake:
            arguments["policy"] = "sway"
    if arguments["variant"] == "auto":
        arguments["variant"] = chosen_variant(
            arguments["checkpoints_dir"], arguments["checkpoint"]
        )


def _simulation() -> IncludeLaunchDescription:
    arguments = {name: LaunchConfiguration(name) for name in SIMULATION}
    source = PythonLaunchDescriptionSource(str(share_file("launch/sim.launch.py")))
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())


def _fake(others: list[Action]) -> list[Action]:
    """The stand-in for the robot; the others follow when it knows that it is alone."""
    fake = LifecycleNode(
        package="groot_ros",
        executable="fake_node",
        name=FAKE,
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            {
                "robot": LaunchConfiguration("robot"),
                "pictures": ParameterValue(LaunchConfiguration("fake_pictures"), value_type=str),
                "use_sim_time": LaunchConfiguration("use_sim_time"),
            }
        ],
        output="screen",
    )
    return [
        # A robot whose controllers run on another machine cannot hear any of this.
        SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
        *end_when_refused(fake),
        activate_when_configured(fake),
        when_active(fake, others),
        fake,
        configure(fake),
    ]


def _rviz(context: LaunchContext) -> list[Action]:
    common = {
        "namespace": LaunchConfiguration("namespace"),
        "output": "screen",
    }
    clock = {"use_sim_time": LaunchConfiguration("use_sim_time")}
    robot = load_robot(LaunchConfiguration("robot").perform(context))
    folder = tempfile.TemporaryDirectory(prefix="groot_ros_")
    config = Path(folder.name) / f"{robot.name}.rviz"
    write_display(robot, "rviz", config)
    cleaned = RegisterEventHandler(OnShutdown(on_shutdown=lambda *_: folder.cleanup()))
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        parameters=[clock],
        arguments=["-d", str(config)],
        **common,
    )
    if not (is_true(context, "sim") or is_true(context, "fake")) or not robot.urdf:
        return [cleaned, rviz]
    joints = robot.observations.joint_position
    state_publisher = Node(
        package="robot_state_publisher",
        executable="robot_state_publisher",
        parameters=[{"robot_description": urdf_text(robot.urdf), **clock}],
        remappings=[("joint_states", joints.topic)] if joints else [],
        **common,
    )
    return [cleaned, state_publisher, rviz]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*fast_dds_profile(), *ARGUMENTS, OpaqueFunction(function=_nodes)])
