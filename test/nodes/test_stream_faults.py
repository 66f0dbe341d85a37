"""Faults of cameras and states: what policy and executor make of them together.

Each test leaves a row of the table in docs/runtime.md in its output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from arm import Arm
from diagnostic_msgs.msg import DiagnosticArray
from graph import JOINTS, FakeRobot, NodeProcess
from stage import Stage, staged
from std_srvs.srv import Trigger

from groot_ros.observation.fields import NS, to_ns
from groot_ros.share import share_file
from groot_ros_msgs.msg import ActionChunk, ChunkReport
from groot_ros_msgs.srv import SetInstruction

WATCHDOG_S = 0.5
LATENCY_S = 0.1


@dataclass
class Bench:
    """Executor, policy on a known path, and a robot that does what it is told."""

    stage: Stage
    arm: Arm
    policy: NodeProcess
    diagnostics: list[DiagnosticArray]

    @property
    def robot(self) -> FakeRobot:
        return self.stage.robot

    def said_so_far(self) -> tuple[int, int]:
        return len(self.diagnostics), len(self.policy.output)

    def wait_said(self, pattern: str, since: tuple[int, int]) -> str:
        """The sentence on /diagnostics, or in the policy's log, in which a pattern is found."""

        def said() -> str | None:
            lines = [status.message for d in self.diagnostics[since[0] :] for status in d.status]
            lines += [line.rpartition("]: ")[2].strip() for line in self.policy.output[since[1] :]]
            return next((line for line in lines if re.search(pattern, line)), None)

        sentence: str = self.stage.graph.wait_for(said, pattern)
        return sentence


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with staged() as stage:
        stage.start("executor_node", watchdog=WATCHDOG_S)
        policy = stage.start("path_policy_node", latency=LATENCY_S, jitter=0.0)
        arm = Arm(stage.graph)
        diagnostics = stage.graph.collect(DiagnosticArray, "/diagnostics")
        stage.robot.follow("/target_pose")
        stage.activate("/executor")
        stage.activate("/policy")
        yield Bench(stage, arm, policy, diagnostics)


@pytest.fixture
def arm(bench: Bench) -> Arm:
    """An arm that moves along the path."""
    bench.robot.mend()
    bench.stage.graph.call(Trigger, "/policy/reset", Trigger.Request())
    bench.arm.set_moving()
    return bench.arm


def camera_stops(robot: FakeRobot) -> None:
    robot.silent.add("wrist")


def camera_repeats_its_stamp(robot: FakeRobot) -> None:
    stamps_ns: list[int] = []

    def first(now_ns: int) -> int:
        stamps_ns.append(now_ns)
        return stamps_ns[0]

    robot.stamps["wrist"] = first


def camera_repeats_its_picture(robot: FakeRobot) -> None:
    robot.frozen.add("wrist")


def camera_is_black(robot: FakeRobot) -> None:
    robot.pictures["wrist"] = np.zeros((48, 64, 3), np.uint8)


def camera_changes_its_size(robot: FakeRobot) -> None:
    robot.pictures["wrist"] = np.full((24, 32, 3), 90, np.uint8)


def camera_is_ahead(robot: FakeRobot) -> None:
    robot.stamps["wrist"] = lambda now_ns: now_ns + 5_000_000_000


def camera_is_behind(robot: FakeRobot) -> None:
    robot.stamps["wrist"] = lambda now_ns: now_ns - 5_000_000_000


def camera_is_unstamped(robot: FakeRobot) -> None:
    robot.stamps["wrist"] = lambda now_ns: 0


def joints_stop(robot: FakeRobot) -> None:
    robot.silent.add("joint_states")


def joints_lose_one(robot: FakeRobot) -> None:
    robot.joint_names.remove("fr3_joint3")
    robot.joint_positions.pop()


def joints_are_nan(robot: FakeRobot) -> None:
    robot.joint_positions = [float("nan")] * (len(JOINTS) - 1) + [0.02]


@pytest.mark.parametrize(
    ("spoil", "pattern"),
    [
        (camera_stops, r"waiting: camera wrist: \d+\.\d\d s old"),
        (camera_repeats_its_stamp, r"waiting: camera wrist: \d+\.\d\d s old"),
        (camera_repeats_its_picture, r"the arm has moved and its picture has not changed for \d"),
        (camera_is_black, r"waiting: camera wrist: its pictures are black"),
        (camera_changes_its_size, r"its pictures are 32x24 now and were 64x48"),
        (camera_is_ahead, r"waiting: camera wrist: stamped "),
        (camera_is_behind, r"waiting: camera wrist: ([5-9]|\d\d)\.\d\d s old"),
        (camera_is_unstamped, r"messages carry no time \(header\.stamp is 0\)"),
        (joints_stop, r"waiting: joint_position: \d+\.\d\d s old"),
        (joints_lose_one, r"joint_states has no joint 'fr3_joint3'"),
        (joints_are_nan, r"joint_position holds NaN or infinity: check its publisher"),
    ],
)
def test_without_a_stream_the_arm_stops_and_goes_on_with_it(
    arm: Arm, bench: Bench, spoil: Callable[[FakeRobot], None], pattern: str
) -> None:
    since = bench.said_so_far()
    spoil(bench.robot)
    spoilt_s = arm.now_s()
    sentence = bench.wait_said(pattern, since)
    arm.wait_stopped("stopped, ")
    arm.tell(spoil.__name__.replace("_", " "), spoilt_s, sentence)


def test_a_slow_camera_moves_the_arm_piece_by_piece(arm: Arm, bench: Bench) -> None:
    """A picture every 0.8 s; a chunk is longer than that, the watchdog is not."""
    bench.robot.skipped["wrist"] = 15
    slow_s = arm.now_s()
    sentence = arm.wait_stopped("no new chunk came in time").stop_reason
    arm.tell("camera slow, 1.2 Hz", slow_s, sentence)
    # With the next picture, unless the machine is late as well.
    arm.set_moving()


def test_joint_states_in_another_order_change_nothing(arm: Arm, bench: Bench) -> None:
    reports = arm.graph.collect(ChunkReport, "/policy/chunk_report")
    # In another order these would be a step as the policy has never seen one.
    bench.robot.joint_positions = [0.03 * (-1) ** index for index in range(len(JOINTS))]
    arm.graph.wait_for(lambda: len(reports) > 5, "chunks")
    ordered = len(reports)
    bench.robot.joint_names.reverse()
    bench.robot.joint_positions.reverse()
    arm.graph.wait_for(lambda: len(reports) > ordered + 5, "chunks")
    arm.set_moving()
    graded = [report.grade_reason for report in reports[ordered:]]
    assert not [reason for reason in graded if "joint_position" in reason]
    arm.tell_unharmed("joint states reordered", "nothing")


def test_joints_that_jump_stop_the_arm(arm: Arm, bench: Bench) -> None:
    bench.robot.joint_positions = [2.0] * len(JOINTS)
    jumped_s = arm.now_s()
    words = "unlike the training data: observed joint_position fr3_joint"
    state = arm.wait_stopped(words)
    arm.tell("joint states jump", jumped_s, state.stop_reason)
    reason = "too many chunks in a row were rejected: unlike the training data"
    assert arm.wait_stopped(reason).needs_resume


def test_ten_instructions_in_a_second(arm: Arm, bench: Bench) -> None:
    """Only what was made for the last one moves the arm."""
    graph, chunks = arm.graph, arm.graph.collect(ActionChunk, "/policy/action_chunk", 100)
    client = graph.client(SetInstruction, "/policy/set_instruction")
    reported = len(arm.reports)
    futures = [
        client.call_async(SetInstruction.Request(instruction=f"task {index}"))
        for index in range(10)
    ]
    for future in futures:
        assert graph.result(future, "an answer").success
    made = graph.wait_for(
        lambda: [c for c in chunks if c.instruction == "task 9" and c.horizon], "its chunks"
    )
    epoch = made[0].epoch
    graph.wait_for(
        lambda: [r for r in arm.reports if r.epoch == epoch and r.executed_steps], "its motion"
    )
    arm.set_moving()
    taken = [r.epoch for r in arm.reports[reported:] if not r.rejected]
    assert taken == sorted(taken) and not arm.states[-1].needs_resume
    last = max(i for i, c in enumerate(chunks) if c.epoch < epoch)
    assert all(c.instruction == "task 9" for c in chunks[last + 1 :] if c.horizon)
    arm.tell_unharmed("10 instructions in one second", "nothing")


def test_a_robot_that_comes_ten_seconds_late() -> None:
    with staged(robot=False) as stage:
        stage.start("executor_node", watchdog=WATCHDOG_S)
        stage.start("path_policy_node", latency=LATENCY_S, jitter=0.0)
        arm = Arm(stage.graph)
        diagnostics = stage.graph.collect(DiagnosticArray, "/diagnostics")
        stage.activate("/executor")
        stage.activate("/policy")
        words = "waiting: ee_pose: nothing received yet"

        def waited() -> bool:
            said = [s.message for d in diagnostics for s in d.status if s.name == "/policy"]
            return said.count(words) > 10

        stage.graph.wait_for(waited, "ten seconds of diagnostics")
        assert not arm.poses
        came_s = arm.now_s()
        stage.bring_robot().follow("/target_pose")
        arm.set_moving()
        first_s = arm.poses[0].header.stamp.sec + arm.poses[0].header.stamp.nanosec / 1e9
        print(f"fault: robot 10 s late | moves {first_s - came_s:.2f} s after it came | {words}")


def test_streams_of_any_clock_count_by_their_arrival(tmp_path: Path) -> None:
    """Every stamp is wrong in its own way; policy and executor go by the robot file."""
    latency_s = 0.25
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["urdf"] = str(share_file("urdf/sim_arm.urdf"))
    streams = values["observations"]
    for stream in (streams["joint_position"], streams["ee_pose"], streams["grip"]):
        stream["clock"] = "arrival"
    for camera in streams["cameras"].values():
        camera |= {"clock": "arrival", "latency": latency_s, "max_age": 2.0}
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(values))
    with staged() as stage:
        stage.robot.stamps = {
            "joint_states": lambda now_ns: now_ns - 3600 * NS,
            "ee_pose": lambda now_ns: now_ns + 3600 * NS,
            "exterior": lambda now_ns: 0,
            "wrist": lambda now_ns: now_ns - 77 * NS,
        }
        stage.start("executor_node", watchdog=WATCHDOG_S, robot=path)
        stage.start("path_policy_node", latency=0.0, jitter=0.0, robot=path)
        arm, node = Arm(stage.graph), stage.graph.node
        ages_s: list[float] = []

        def came(chunk: ActionChunk) -> None:
            if chunk.horizon:
                now_ns = node.get_clock().now().nanoseconds
                ages_s.append((now_ns - to_ns(chunk.header.stamp)) / NS)

        node.create_subscription(ActionChunk, "/policy/action_chunk", came, 10)
        stage.robot.follow("/target_pose")
        stage.activate("/executor")
        stage.activate("/policy")
        arm.set_moving()
        stage.graph.wait_for(lambda: len(ages_s) > 5, "chunks")
    # What the pictures show was so before they arrived; a busy machine only adds to that.
    assert latency_s < min(ages_s) < 60.0
