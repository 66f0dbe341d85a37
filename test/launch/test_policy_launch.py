"""policy.launch.py with the simulated arm, from configure to the end of all processes."""

from __future__ import annotations

import contextlib
import tempfile
import unittest
from pathlib import Path
from typing import Any

import launch_testing
import launch_testing.asserts
import pytest
from geometry_msgs.msg import PoseStamped
from graph import Graph
from launch import LaunchDescription
from launching import enter_domain, policy_launch

from groot_ros.cli.main import main
from groot_ros.observation.fields import to_ns
from groot_ros_msgs.msg import ActionChunk, ChunkReport

RESOURCES = contextlib.ExitStack()


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    enter_domain(RESOURCES)
    checkpoint = str(Path(RESOURCES.enter_context(tempfile.TemporaryDirectory())) / "tiny")
    main(["init-checkpoint", "--size=tiny", "--variant=ee_rot6d_joints", f"--output={checkpoint}"])
    return policy_launch(sim="true", checkpoints_dir=checkpoint)


class TestPolicyLaunch(unittest.TestCase):
    """One life of the nodes; the order of the steps matters, so it is one test."""

    def test_from_configure_to_cleanup(self) -> None:
        graph = Graph()
        self.addCleanup(graph.close)
        chunks = graph.collect(ActionChunk, "/policy/action_chunk")
        commands = graph.collect(PoseStamped, "/target_pose")
        poses = graph.collect(PoseStamped, "/ee_pose")
        reports = graph.collect(ChunkReport, "/executor/chunk_report")
        graph.wait_for(lambda: graph.state("/policy") == "inactive", "the policy configured")
        graph.wait_for(lambda: graph.state("/executor") == "active", "the executor active")
        graph.wait_for(lambda: poses, "the simulated arm")
        self.assertFalse(commands)

        self.assertTrue(graph.transition("/policy", "activate"))
        graph.wait_for(lambda: len([c for c in chunks if c.horizon]) > 5, "chunks")
        graph.wait_for(lambda: len(commands) > 100, "commands")
        graph.wait_for(lambda: any(r.executed_steps > 0 for r in reports), "executed steps")
        graph.wait_for(lambda: moved_m(poses) > 0.02, "the arm to move")

        self.assertTrue(graph.transition("/policy", "deactivate"))
        graph.wait_for(lambda: chunks[-1].horizon == 0, "the end of the motion")
        self.assertTrue(graph.transition("/executor", "deactivate"))
        # At most ten are still on their way.
        stopped = len(poses) + 10
        graph.wait_for(lambda: len(poses) > stopped + 50, "the arm to go on living")
        last_ns, stopped_ns = (to_ns(pose.header.stamp) for pose in (commands[-1], poses[stopped]))
        self.assertLessEqual(last_ns, stopped_ns)

        for node in ("/policy", "/executor"):
            self.assertTrue(graph.transition(node, "cleanup"))
            self.assertEqual(graph.state(node), "unconfigured")


def moved_m(poses: list[PoseStamped]) -> float:
    """How far the hand is from where it began."""
    start, now = poses[0].pose.position, poses[-1].pose.position
    return float(((start.x - now.x) ** 2 + (start.y - now.y) ** 2 + (start.z - now.z) ** 2) ** 0.5)


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    """After SIGINT to all."""

    def test_exit_codes(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        RESOURCES.close()
