"""Targets in, motion out: tracking, limits, grasping, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from groot_ros.errors import UserError
from groot_ros.geometry import rotation_angle
from groot_ros.robot.config import load_robot
from groot_ros.sim.scene import CUBE_AREA, CUBE_SIZE_M, DOWN_WXYZ, HOME_RAD
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.starts import after_miss_start
from groot_ros.sim.tasks import Task

LIMITS = load_robot("sim").limits
PICK = Task("pick")


@pytest.fixture(scope="module")
def shared():
    return Simulation()


@pytest.fixture
def simulation(shared):
    shared.reset(seed=1, task=PICK)
    return shared


def above(point, height):
    return np.array([point[0], point[1], height, *DOWN_WXYZ])


@pytest.mark.parametrize("seed", range(8))
def test_pose_target_is_met_at_rest(simulation, seed) -> None:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-0.6, 0.6)
    pose = above(CUBE_AREA.sample(rng), rng.uniform(0.06, 0.4))
    pose[3:] = 0.0, np.cos(angle / 2), np.sin(angle / 2), 0.0
    simulation.set_pose_target(pose)
    simulation.advance(2.5)
    assert np.linalg.norm(simulation.ee_pose[:3] - pose[:3]) < 1e-3
    assert np.degrees(rotation_angle(simulation.ee_pose[3:], pose[3:])) < 0.5
    assert np.abs(simulation.joint_velocity).max() < 1e-2


def test_a_moving_target_is_followed_closely(simulation) -> None:
    pose = above((0.45, -0.1), 0.25)
    simulation.set_pose_target(pose)
    simulation.advance(2.0)
    for _ in range(100):
        pose = pose + [0.0, 0.002, 0.0, 0.0, 0.0, 0.0, 0.0]
        simulation.set_pose_target(pose)
        simulation.advance(0.01)
    late_m = pose[1] - simulation.ee_pose[1]
    assert 0.0 < late_m < 0.2 * 0.05
    assert abs(simulation.ee_pose[2] - pose[2]) < 1e-3


@pytest.mark.parametrize("far", [(0.65, 0.2, 0.1), (0.4, -0.3, 0.6)])
def test_a_far_target_is_approached_within_the_velocity_limits(simulation, far) -> None:
    simulation.set_pose_target([*far, *DOWN_WXYZ])
    fastest = np.zeros(7)
    for _ in range(200):
        simulation.advance(0.01)
        fastest = np.maximum(fastest, np.abs(simulation.joint_velocity))
    # The servos overshoot a little where the reference runs at the limit.
    assert np.all(fastest < 1.3 * np.array(LIMITS.joint_velocity))
    assert np.linalg.norm(simulation.ee_pose[:3] - far) < 1e-3


@pytest.mark.parametrize("nowhere", [(1.5, 0.5, 0.9), (0.5, 0.1, -0.1), (-0.5, 0.2, 0.4)])
def test_a_target_out_of_reach_does_no_harm(simulation, nowhere) -> None:
    simulation.set_pose_target([*nowhere, *DOWN_WXYZ])
    for _ in range(200):
        simulation.advance(0.01)
        assert np.all(simulation.joint_position > np.array(LIMITS.joint_lower) - 0.02)
        assert np.all(simulation.joint_position < np.array(LIMITS.joint_upper) + 0.02)
    back = above((0.5, 0.0), 0.3)
    simulation.set_pose_target(back)
    simulation.advance(4.0)
    assert np.linalg.norm(simulation.ee_pose[:3] - back[:3]) < 1e-3


def test_joint_target_is_met_and_limited(simulation) -> None:
    simulation.set_joint_target(HOME_RAD)
    simulation.advance(2.0)
    np.testing.assert_allclose(simulation.joint_position, HOME_RAD, atol=1e-3)
    simulation.set_joint_target(np.array(HOME_RAD) + [0, 0, 0, 5.0, 0, 0, 0])
    simulation.advance(3.0)
    assert simulation.joint_position[3] == pytest.approx(LIMITS.joint_upper[3], abs=0.01)


def test_trajectory_is_followed_in_time(simulation) -> None:
    start = simulation.joint_position
    end = start + [0.3, 0.2, 0.0, 0.2, 0.0, 0.0, -0.5]
    times = np.array([1.0, 2.0])
    simulation.set_joint_trajectory(
        times, [(start + end) / 2, end], [(end - start) / 2, np.zeros(7)]
    )
    simulation.advance(1.0)
    np.testing.assert_allclose(simulation.joint_position, (start + end) / 2, atol=0.01)
    np.testing.assert_allclose(simulation.joint_velocity, (end - start) / 2, atol=0.05)
    simulation.advance(2.0)
    np.testing.assert_allclose(simulation.joint_position, end, atol=1e-3)


@pytest.mark.parametrize("closure", [0.0, 0.3, 1.0])
def test_gripper_closes_as_far_as_told(simulation, closure) -> None:
    simulation.set_grip_target(closure)
    simulation.advance(1.5)
    assert simulation.grip == pytest.approx(closure, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_grasped_cube_is_held_without_slipping(simulation, seed) -> None:
    simulation.reset(seed, PICK)
    cube = simulation.cube_position("red")
    for height, duration_s in ((0.15, 2.0), (CUBE_SIZE_M / 2, 1.0)):
        simulation.set_pose_target(above(cube, height))
        simulation.advance(duration_s)
    simulation.set_grip_target(1.0)
    simulation.advance(1.0)
    assert 0.45 < simulation.grip < 0.55
    assert not simulation.succeeded
    simulation.set_pose_target(above(cube, 0.2))
    simulation.advance(1.0)
    in_hand = simulation.cube_position("red") - simulation.ee_pose[:3]
    simulation.advance(5.0)
    slip = simulation.cube_position("red") - simulation.ee_pose[:3] - in_hand
    assert np.linalg.norm(slip) < 0.002
    assert simulation.succeeded
    simulation.set_grip_target(0.0)
    simulation.advance(1.0)
    assert simulation.cube_position("red")[2] == pytest.approx(CUBE_SIZE_M / 2, abs=0.002)


def test_same_seed_and_commands_give_the_same_motion(simulation) -> None:
    def run():
        simulation.reset(7, PICK, after_miss_start)
        simulation.set_grip_target(0.0)
        simulation.set_pose_target(above(simulation.cube_position("red"), 0.02))
        simulation.advance(1.0)
        return simulation.configuration

    first = run()
    simulation.reset(8, PICK)
    assert not np.array_equal(simulation.configuration, first)
    assert np.array_equal(run(), first)


def test_time_passes_as_told_whatever_the_steps(simulation) -> None:
    for _ in range(15):
        simulation.advance(1 / 15)
    assert simulation.time_s == pytest.approx(1.0, abs=0.006)


def test_impossible_targets_are_refused(simulation) -> None:
    with pytest.raises(UserError, match="finite"):
        simulation.set_pose_target([np.nan, 0, 0, 0, 1, 0, 0])
    with pytest.raises(UserError, match="quaternion"):
        simulation.set_pose_target([0.5, 0, 0.3, 0, 0, 0, 0])
    with pytest.raises(UserError, match="7 finite numbers"):
        simulation.set_joint_target([0.0] * 6)
    with pytest.raises(UserError, match="do not increase"):
        simulation.set_joint_trajectory([1.0, 0.5], [HOME_RAD, HOME_RAD])
    with pytest.raises(UserError, match="no blue cube"):
        simulation.set_task(Task("pick", "blue"))
