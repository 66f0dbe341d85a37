"""A codec by hand: what a model reads of an observation, and a robot's signals from its answer."""

from __future__ import annotations

import numpy as np

from groot_ros.codecs.catalog import find_codec
from groot_ros.observation.types import ModelInput, Observation
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import Signals, arm_signals


def main() -> tuple[ModelInput, Signals]:
    robot = load_robot("sim")
    codec = find_codec("ee_rot6d").codec(robot)
    pictures = {name: np.zeros((480, 640, 3), np.uint8) for name in robot.observations.cameras}
    pose = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
    model_input = codec.encode(Observation(0, pictures, "", arm_signals(ee_pose=pose, grip=0.0)))
    for key, values in {**model_input.video, **model_input.state}.items():
        print(f"model reads {key}: {values.shape}")
    # A model that answers in two steps where the hand is now, in the columns of this codec.
    answer = {feature.key: np.zeros((2, feature.size)) for feature in codec.features.action}
    for key, state in model_input.state.items():
        answer[key] = np.repeat(state, 2, axis=0)
    signals = codec.decode(answer)
    for name, steps in signals.items():
        print(f"robot gets {name}: {steps.shape}")
    return model_input, signals


if __name__ == "__main__":
    main()
