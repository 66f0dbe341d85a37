"""The policy that sways: small, smooth, inside the limits, for any robot."""

from __future__ import annotations

import numpy as np
import pytest

from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.observation.types import Observation
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.policies.sway import SWAY_M, SWAY_RAD
from groot_ros.robot.config import RobotConfig, load_robot, robot_names
from groot_ros.signals.signals import EE_POSE, arm_signals
from groot_ros.sim.fake.arm import resting_state

MS = 1_000_000
PERIOD_NS = 10 * MS


def observed(robot: RobotConfig, stamp_ns: int) -> Observation:
    state = resting_state(robot)
    return Observation(
        stamp_ns,
        {},
        "sway",
        arm_signals(ee_pose=state.pose, joint_position=state.joints, grip=state.signals["grip"]),
    )


@pytest.mark.parametrize("name", [n for n in robot_names() if not load_robot(n).arms])
def test_its_chunks_move_every_robot_and_none_is_refused(name: str) -> None:
    robot = load_robot(name)
    policy = make_policy(PolicyChoice("sway", ""), robot)
    signal = robot.output.signal
    motion = ChunkExecutor(robot.limits, ExecutionSettings(signal, period_s=PERIOD_NS / 1e9))
    policy.reset("sway")
    start = observed(robot, 0).signals[signal.name]
    motion.start_from(start, {"grip": 0.0}, 10**9)
    values, grips = [], []
    for now_ns in range(10**9, 9 * 10**9, PERIOD_NS):
        if now_ns % (200 * MS) == 0:
            chunk = policy.predict(observed(robot, now_ns))
            assert motion.accept(now_ns // MS, chunk, now_ns) is None
        setpoint = motion.setpoint(now_ns)
        assert setpoint and setpoint.closure is not None
        values.append(setpoint.value)
        grips.append(setpoint.closure)
    reach = np.abs(np.array(values) - start).max(axis=0)
    is_pose = signal == EE_POSE
    size = SWAY_M if is_pose else SWAY_RAD
    assert np.all(reach[:3] > 0.8 * size) and np.all(reach <= 1.05 * size)
    assert {0.0, 1.0} <= set(grips)
    assert motion.stops.reason is None
