"""Policy and executor for a robot, with a simulated arm, a fake robot, and rviz2 if wanted."""

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue

from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.errors import UserError
from groot_ros.nodes.drivers.fake_graph import FAKE
from groot_ros.nodes.launching import (
    BOOLEAN,
    CLOCK_ARGUMENTS,
    DEFAULT_VARIANT,
    activate_when_configured,
    choose_clock,
    chosen_variant,
    configure,
    end_when_refused,
    fast_dds_profile,
    is_true,
    simulation_checkpoint,
    when_active,
)
from groot_ros.policies.factory import POLICIES
from groot_ros.robot.config import robot_names
from groot_ros.share import share_file
from groot_ros.timing.latency import CHUNK_LATENCY_S

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
    DeclareLaunchArgument(
        "robot",
        default_value="sim",
        description=f"robot file: one of {', '.join(robot_names())}, or the path of your own",
    ),
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
    DeclareLaunchArgument(
        "fake_pictures",
        default_value="",
        description="bag whose pictures the fake robot's cameras show; empty: a test pattern",
    ),
    DeclareLaunchArgument(
        "policy",
        default_value="local",
        choices=POLICIES,
        description="what makes the chunks; sway, which is taken with fake:=true and without a "
        "checkpoint, moves a little about where the arm is",
    ),
    DeclareLaunchArgument(
        "variant",
        default_value="auto",
        description="codec of the checkpoint, a name or the path of a codec file; auto: what it "
        f"says itself, or {DEFAULT_VARIANT}",
    ),
    DeclareLaunchArgument(
        "checkpoints_dir",
        default_value="",
        description="folder of a checkpoint, or of an experiment with checkpoint-N inside; "
        "empty with sim:=true: the shipped one, for other variants a tiny untrained one",
    ),
    DeclareLaunchArgument(
        "checkpoint", default_value="", description="which checkpoint-N; empty takes the latest"
    ),
    DeclareLaunchArgument(
        "policy_url",
        default_value="",
        description="server of policy:=remote: gr00t://host:5555, ws://host:8000 or openpi://host:8000",
    ),
    DeclareLaunchArgument(
        "policy_timeout",
        default_value="2.0",
        description="a server that needs longer to answer is lost [s]",
    ),
    DeclareLaunchArgument(
        "policy_jpeg_quality",
        default_value="0",
        description="of the pictures sent to a server; 0 sends them as they are",
    ),
    DeclareLaunchArgument(
        "policy_token_env",
        default_value="",
        description="environment variable with the token that a server wants",
    ),
    DeclareLaunchArgument(
        "instruction", default_value="pick up the red cube", description="what to do, in words"
    ),
    DeclareLaunchArgument(
        "strategy",
        default_value=AUTO,
        choices=list(CHOICES),
        description="what becomes of a new chunk while another one is executed; auto: rtc where "
        "the policy can, else latest",
    ),
    DeclareLaunchArgument(
        "replan_steps",
        default_value="0",
        description="begin an inference when so many steps of the last chunk are executed; 0: at "
        "once",
    ),
    DeclareLaunchArgument(
        "speed_scale", default_value="1.0", description="0.1 to 1: stretches the time of chunks"
    ),
    DeclareLaunchArgument("device", default_value="auto", description="auto, cpu, cuda or cuda:N"),
    DeclareLaunchArgument(
        "autostart",
        default_value="auto",
        choices=["auto", *BOOLEAN],
        description="activate the policy at once; otherwise `ros2 lifecycle set /policy "
        "activate`; auto: with fake:=true",
    ),
    DeclareLaunchArgument(
        "dry_run",
        default_value="auto",
        choices=["auto", *BOOLEAN],
        description="publish setpoints but command nothing; auto: for robot files marked "
        "untested, not with fake:=true",
    ),
    DeclareLaunchArgument(
        "black_box",
        default_value="true",
        choices=BOOLEAN,
        description="save the last 30 s whenever the executor stops, refuses or corrects",
    ),
    DeclareLaunchArgument(
        "incident_folder",
        default_value="",
        description="where that is saved; empty: groot_ros/incidents in ROS_HOME (~/.ros)",
    ),
    DeclareLaunchArgument(
        "rviz", default_value="false", choices=BOOLEAN, description="show it in rviz2"
    ),
    DeclareLaunchArgument(
        "gui", default_value="false", choices=BOOLEAN, description="open the simulator's window"
    ),
    DeclareLaunchArgument("seed", default_value="0", description="scene of the simulated arm"),
    DeclareLaunchArgument(
        "cubes", default_value="red", description="cubes before it, separated by commas"
    ),
    DeclareLaunchArgument(
        "disturbance",
        default_value="0.0",
        description="probability, every 1/15 s, of pushes on its pose commands",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of all nodes"),
    *CLOCK_ARGUMENTS,
    DeclareLaunchArgument(
        "real_time_factor",
        default_value="1.0",
        description="simulated time per time at most; 0: as fast as the machine can",
    ),
    DeclareLaunchArgument(
        "latency",
        default_value=str(CHUNK_LATENCY_S),
        description="in simulated time a chunk comes so long in s after its pictures were taken",
    ),
    DeclareLaunchArgument(
        "jitter", default_value="0.0", description="how far in s that strays to both sides"
    ),
    DeclareLaunchArgument(
        "loss", default_value="0.0", description="share of chunks that never come"
    ),
    DeclareLaunchArgument(
        "state_latency", default_value="0.0", description="how late in s states are published"
    ),
    DeclareLaunchArgument(
        "camera_latency", default_value="0.0", description="how late in s pictures are published"
    ),
    DeclareLaunchArgument(
        "noise_seed",
        default_value="-1",
        description="of the policy's noise and of jitter and loss; -1: new noise every time",
    ),
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
        "black_box",
        "incident_folder",
        "use_sim_time",
        "lockstep",
    )
    actions: list[Action] = [activate_when_configured(executor)]
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
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        parameters=[clock],
        arguments=["-d", str(share_file("config/rviz/policy.rviz"))],
        **common,
    )
    if not is_true(context, "sim"):
        return [rviz]
    description = share_file("urdf/sim_arm.urdf").read_text()
    state_publisher = Node(
        package="robot_state_publisher",
        executable="robot_state_publisher",
        parameters=[{"robot_description": description, **clock}],
        **common,
    )
    return [state_publisher, rviz]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*fast_dds_profile(), *ARGUMENTS, OpaqueFunction(function=_nodes)])
