"""GR00T in this process: a checkpoint folder, a variant and a robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Prefix
from groot_ros.codecs.catalog import Variant
from groot_ros.codecs.codec import Timing
from groot_ros.codecs.types import Observation, Steps
from groot_ros.errors import UserError
from groot_ros.model.groot import ActionPrefix, Groot
from groot_ros.policies.base import Inputs
from groot_ros.policies.checkpoint_folder import find_checkpoint
from groot_ros.policies.handshake import check_fit
from groot_ros.robot import RobotConfig

# The first inferences allocate memory and choose kernels; none of them may meet the robot.
WARM_UP_INFERENCES = 2
WARM_UP_IMAGE = (480, 640, 3)
WARM_UP_POSE = (0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class LocalPolicyConfig:
    """Where the checkpoint is and what it runs on; `action_rate_hz` 0 takes the checkpoint's.

    With a `seed` the inferences of every episode draw the same noise, without one new noise.
    """

    checkpoints_dir: str
    checkpoint: str = ""
    device: str = "auto"
    dtype: str = "auto"
    action_rate_hz: float = 0.0
    seed: int | None = None


class LocalPolicy:
    """A GR00T checkpoint behind a variant's codec."""

    def __init__(self, config: LocalPolicyConfig, variant: Variant, robot: RobotConfig) -> None:
        self._config = config
        self._variant = variant
        self._robot = robot
        self._codec = variant.codec(robot)
        self._model: Groot | None = None
        self._inferences = 0

    @property
    def inputs(self) -> Inputs:
        return Inputs(
            fields=tuple(part.field for part in self._codec.state.parts),
            cameras=tuple(self._codec.video.cameras.values()),
        )

    def open(self) -> None:
        """Load, compare with variant and robot, warm up; UserError says what does not fit."""
        config = self._config
        if not config.checkpoints_dir:
            raise UserError(
                "checkpoints_dir is empty: give the folder of a GR00T checkpoint, for example "
                "one made by `groot-ros init-checkpoint`"
            )
        folder = find_checkpoint(config.checkpoints_dir, config.checkpoint)
        device = config.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = config.dtype
        if dtype == "auto":
            dtype = "float32" if device == "cpu" else "bfloat16"
        model = Groot.load(folder, device=device, dtype=dtype)
        check_fit(model.modality, model.metadata, self._variant, self._codec, self._robot)
        rate_hz = config.action_rate_hz or float(
            model.metadata.get("action_rate_hz", Timing().action_rate_hz)
        )
        timing = Timing(horizon=model.modality.horizon, step_ns=round(1e9 / rate_hz))
        self._codec = self._variant.codec(self._robot, timing)
        self._model = model
        for _ in range(WARM_UP_INFERENCES):
            self.predict(self._blank_observation())

    def _blank_observation(self) -> Observation:
        sizes = {part.field: len(part.names) for part in self._codec.state.parts}
        cameras = self._codec.video.cameras.values()
        return Observation(
            stamp_ns=0,
            images={camera: np.zeros(WARM_UP_IMAGE, np.uint8) for camera in cameras},
            instruction="warm up",
            ee_pose=np.array(WARM_UP_POSE),
            joint_position=np.zeros(sizes.get("joint_position", 0)),
            grip=0.0,
        )

    def reset(self, instruction: str) -> None:
        """Only the noise begins anew: GR00T reads one observation at a time."""
        self._inferences = 0

    def predict(self, observation: Observation, prefix: Prefix | None = None) -> Chunk:
        """Chunk of the checkpoint's horizon that continues `prefix`."""
        if self._model is None:
            raise RuntimeError("predict before open")
        seed = self._config.seed
        if seed is not None:
            seed += self._inferences
            self._inferences += 1
        output = self._model.predict(
            self._codec.encode(observation),
            seed=seed,
            prefix=None if prefix is None else self._action_prefix(prefix),
        )
        steps = self._codec.decode(output)
        return Chunk(
            stamp_ns=observation.stamp_ns,
            step_ns=self._codec.timing.step_ns,
            ee_pose=steps.ee_pose,
            joint_position=steps.joint_position,
            grip=steps.grip,
        )

    def _action_prefix(self, prefix: Prefix) -> ActionPrefix:
        """The steps as the model's columns; its processor makes them relative where it has to."""
        assert self._model
        horizon = self._model.modality.horizon
        chunk = prefix.chunk
        steps = Steps(
            *(
                None if values is None else values[:horizon]
                for values in (chunk.ee_pose, chunk.joint_position, chunk.grip)
            )
        )
        return ActionPrefix(
            self._codec.action.encode(steps), frozen_steps=min(prefix.frozen_steps, len(steps))
        )

    def close(self) -> None:
        self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
