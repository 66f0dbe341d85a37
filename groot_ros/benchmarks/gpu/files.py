"""What later steps read: a checkpoint of the released size with random weights, a dataset."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from groot_ros.benchmarks.convert import CODEC, FPS
from groot_ros.benchmarks.gpu.memory_use import GB
from groot_ros.benchmarks.gpu.record import Result, Skip
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.benchmarks.model import CROP, EDGE, random_network
from groot_ros.benchmarks.model_configs import CONFIGS
from groot_ros.benchmarks.moving_arm import ROBOT, write_bag
from groot_ros.codecs.catalog import find_codec
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.model.checkpoint.load import save_checkpoint
from groot_ros.model.inference.device import find_device
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.version import Version
from groot_ros.model.tiny.backbones import BACKBONES
from groot_ros.model.tiny.for_robot import checkpoint_spec
from groot_ros.model.tiny.init import EMBODIMENT, CheckpointSpec, processor_config
from groot_ros.model.tiny.tabletop import tabletop_statistics
from groot_ros.model.tiny.tokenizer import tiny_tokenizer
from groot_ros.robot.config import load_robot

VARIANT = "ee_rot6d_joints_rel"
EPISODES, EPISODE_S, SMALL_EPISODE_S = 4, 6.0, 2.0
# Bytes that stay free on the disk.
MARGIN = 2e9


def checkpoint(setting: Setting, version: str) -> Iterator[Result]:
    """A folder as NVIDIA's in bfloat16, for the simulated arm, with the tiny tokenizer."""
    spec = replace(checkpoint_spec(find_codec(VARIANT), load_robot(ROBOT)), version=version)
    raw = with_tiny_tokens(CONFIGS[setting.config(version)], version)
    config = Gr00tConfig.from_dict(raw)
    numbers = sum(parameter.numel() for parameter in Network.on_meta(config).parameters())
    check_disk(setting.folder, torch.bfloat16.itemsize * numbers)
    started_s = time.perf_counter()
    network = random_network(config, torch.bfloat16, find_device(setting.device))
    folder = setting.checkpoint(version)
    save_checkpoint(
        folder,
        network,
        processor_config=_processor_config(spec, config.version, config),
        statistics={
            EMBODIMENT: tabletop_statistics(spec.state, spec.actions, spec.horizon, spec.workspace)
        },
        slots={EMBODIMENT: 0},
        extra_files=_extra_files(spec, config.version),
    )
    size = sum(file.stat().st_size for file in folder.iterdir())
    yield Result(
        case={"model": version},
        values={
            "size": (round(size / GB, 3), "GB"),
            "written in": (round(time.perf_counter() - started_s, 2), "s"),
        },
    )


def check_disk(folder: Path, needed: float) -> None:
    """Skip where less than `needed` bytes are free on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed + MARGIN:
        raise Skip(
            f"{folder} has {free / GB:.1f} GB free and {(needed + MARGIN) / GB:.1f} GB are "
            "needed: name a folder on another disk with --folder"
        )


def with_tiny_tokens(raw: dict[str, Any], version: str) -> dict[str, Any]:
    """config.json with the ids that the tiny tokenizer gives; no shape changes at full size."""
    config = Gr00tConfig.from_dict(raw)
    tokenizer = tiny_tokenizer(config.version.prompt)
    size = tokenizer.get_vocab_size()
    tiny = BACKBONES[version].config(1, size, tokenizer.token_to_id)
    ids = {name: value for name, value in tiny.items() if name.endswith("_token_id")}
    text = config.backbone["text_config"]
    text = {**text, "vocab_size": max(size, text["vocab_size"])}
    return {**raw, "backbone_config": {**config.backbone, **ids, "text_config": text}}


def _processor_config(
    spec: CheckpointSpec, version: Version, config: Gr00tConfig
) -> dict[str, Any]:
    """That of the tiny network with pictures and sizes of the released ones."""
    content = processor_config(spec, version, BACKBONES[spec.version])
    sizes = {
        **CROP,
        "image_crop_size": [round(CROP["crop_fraction"] * EDGE)] * 2,
        "image_target_size": [EDGE, EDGE],
        "max_state_dim": config.max_state_dim,
        "max_action_dim": config.max_action_dim,
        "max_action_horizon": config.action_horizon,
    }
    return {**content, "processor_kwargs": {**content["processor_kwargs"], **sizes}}


def _extra_files(spec: CheckpointSpec, version: Version) -> dict[str, str]:
    return {
        "tokenizer.json": tiny_tokenizer(version.prompt).to_str(),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}),
        "groot_ros.json": json.dumps(spec.metadata),
    }


def dataset(setting: Setting) -> Iterator[Result]:
    """Episodes of two 640x480 cameras, written as bags and converted."""
    seconds = SMALL_EPISODE_S if setting.small else EPISODE_S
    started_s = time.perf_counter()
    bags = setting.folder / "bags"
    for index in range(1 if setting.small else EPISODES):
        write_bag(bags / str(index), seconds)
    choice = EpisodeChoice(instruction="move")
    report = convert(Conversion([bags], ROBOT, CODEC, setting.dataset, fps=FPS, choice=choice))
    shutil.rmtree(bags)
    elapsed_s = round(time.perf_counter() - started_s, 2)
    values = {"frames": (float(report.frames), ""), "written in": (elapsed_s, "s")}
    yield Result(case={"codec": CODEC}, values=values)
