"""Checkpoint folders: the small files, the tokenizer and the header of the weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from mutation import damaged, hostile_json
from numpy.random import Generator

from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.inspection import inspect_checkpoint
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import checkpoint_variant, shipped_checkpoint
from groot_ros.policies.checkpoint.local import LocalPolicy
from groot_ros.robot.config import load_robot

WEIGHTS = "model.safetensors"
# Beside the shipped ones, which have none.
INDEX = "model.safetensors.index.json"
# Of the cases: a network takes its time to load.
LOADED = 0.15


class Surface:
    refusals = (UserError,)

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        self._folder = folder / "checkpoint"
        shutil.copytree(shipped_checkpoint(), self._folder)
        (self._folder / INDEX).write_text(json.dumps({"weight_map": {"a": WEIGHTS}}))
        self._files = {
            file.name: file.read_bytes()
            for file in sorted(self._folder.iterdir())
            if file.suffix in (".json", ".safetensors")
        }
        self._changed = ""
        variant = checkpoint_variant(self._folder)
        self._variant, self._robot = find_codec(variant), load_robot("sim")
        self._load()

    def attack(self, rng: Generator) -> None:
        if self._changed:
            (self._folder / self._changed).write_bytes(self._files[self._changed])
        names = list(self._files)
        name = self._changed = names[rng.integers(len(names))]
        content = self._files[name]
        if name == WEIGHTS:
            size = 8 + int.from_bytes(content[:8], "little")
            changed = damaged(content[:size], rng) + content[size:]
        else:
            changed = hostile_json(content, rng)
        (self._folder / name).write_bytes(changed)
        if rng.random() < LOADED:
            self._load()
            return
        checkpoint_variant(self._folder)
        inspect_checkpoint(self._folder)
        folder = CheckpointFolder(self._folder)
        folder.processor(folder.choose(None))

    def _load(self) -> None:
        config = LocalPolicyConfig(str(self._folder), device="cpu")
        policy = LocalPolicy(config, self._variant, self._robot)
        policy.open()
        policy.close()
