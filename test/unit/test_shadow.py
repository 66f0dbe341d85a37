"""How far a policy is from what somebody else does."""

import numpy as np
import pytest
from test_chunks import STEP, S, line

from groot_ros.chunks.shadow import Shadow
from groot_ros.signals.signals import EE_POSE, JOINT_POSITION


def test_the_mean_distance_over_the_whole_chunk_is_told_once_it_has_passed():
    shadow = Shadow(EE_POSE)
    shadow.add(3, line(0.02))
    shadow.add(4, line(0.05, stamp=4 * STEP))
    verdicts = []
    for time in range(0, 2 * S, S // 100):
        pose = line().sample(time)["ee_pose"]
        verdicts += shadow.measured(time, pose)
    assert [v.chunk_id for v in verdicts] == [3, 4]
    assert verdicts[0].position_m == pytest.approx(0.02, abs=1e-6)
    assert verdicts[0].rotation_rad == pytest.approx(0.0, abs=1e-6)


def test_chunks_that_nobody_measured_are_forgotten():
    shadow = Shadow(JOINT_POSITION)
    shadow.add(1, line())
    assert shadow.measured(9 * S, np.zeros(7)) == []
