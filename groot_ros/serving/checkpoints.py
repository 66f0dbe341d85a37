"""The checkpoints of a folder under the names by which clients ask for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from groot_ros.files.hub import local_folder
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import checkpoint_steps, find_checkpoint
from groot_ros.policies.checkpoint.local import LoadedModel, load_model
from groot_ros.policies.factory import PolicyChoice, chosen_codec
from groot_ros.robot.config import RobotConfig, load_robot, robot_names
from groot_ros.share import user_path

# Positronic's checkpoints are of this arm.
DEFAULT_ROBOT = "franka"


class LocalCheckpoints:
    """The checkpoints of an experiment folder, named by their steps, or a single one."""

    def __init__(self, config: LocalPolicyConfig, variant: str, robot: str = "") -> None:
        self._config = config
        self._root = user_path(local_folder(config.checkpoints_dir, "model"))
        self._default = find_checkpoint(config.checkpoints_dir, config.checkpoint)
        choice = PolicyChoice("local", variant, LocalPolicyConfig(str(self._default)))
        self._variant = chosen_codec(choice)
        self._robot = _robot(robot, self._default, self._variant.embodiment_tag)

    @property
    def names(self) -> list[str]:
        """The steps, and what is served by default where that is something else."""
        steps = [str(step) for step in sorted(checkpoint_steps(self._root))]
        return steps if self.default in steps else [*steps, self.default]

    @property
    def default(self) -> str:
        for step, path in checkpoint_steps(self._root).items():
            if path == self._default:
                return str(step)
        step_of_task = self._default.name.removeprefix("checkpoint-")
        return str(int(step_of_task)) if step_of_task.isdigit() else self._default.name

    def load(self, name: str) -> LoadedModel:
        """Load and warm up; UserError when it is not there or does not fit."""
        folder = self._default if name == self.default else find_checkpoint(self._root, name)
        config = replace(self._config, checkpoints_dir=str(folder), checkpoint="")
        model = load_model(config, self._variant, self._robot)
        model.warm_up()
        return model


def _robot(name: str, folder: Path, embodiment: str) -> RobotConfig:
    trained_on = CheckpointFolder(folder).metadata_of(embodiment).get("robot", "")
    return load_robot(name or (trained_on if trained_on in robot_names() else DEFAULT_ROBOT))
