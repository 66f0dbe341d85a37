from __future__ import annotations

import numpy as np
import pytest

from groot_ros.training.open_loop import OpenLoopComparison

RECORDED = np.zeros((2, 3, 4))
# Two chunks of three steps, the first chunk 10 cm on along x, the second as far back.
RECORDED[0, :, 0], RECORDED[1, :, 0] = 0.1, -0.1
NAMES = {"ee_pose": ["x", "y", "z", "r00"]}


def test_errors_are_told_per_channel_and_step() -> None:
    predicted = RECORDED.copy()
    predicted[:, 2, 1] += 0.03
    result = OpenLoopComparison({"ee_pose": predicted}, {"ee_pose": RECORDED}, NAMES).to_dict()
    y = result["channels"]["y"]
    assert y["mae_per_step"] == pytest.approx([0, 0, 0.03]) and y["mae"] == pytest.approx(0.01)
    assert y["mse_per_step"] == pytest.approx([0, 0, 9e-4]) and y["mse"] == pytest.approx(3e-4)
    assert result["position_error_per_step_m"] == pytest.approx([0, 0, 0.03])
    assert result["position_error_m"] == pytest.approx(0.03)
    assert result["mean_position_error_m"] == pytest.approx(0.1)


def test_actions_without_a_pose_have_no_position() -> None:
    joints = {"joint_position": np.zeros((1, 2, 7))}
    result = OpenLoopComparison(
        joints, joints, {"joint_position": [f"j{i}" for i in range(7)]}
    ).to_dict()
    assert result["position_error_m"] is None
