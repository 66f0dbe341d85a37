"""What a GPU has to give: the CPU's numbers, whatever is recorded or compiled."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
import torch
from checkpoints import observation

from groot_ros.benchmarks.model import random_network
from groot_ros.benchmarks.model_configs import CONFIGS
from groot_ros.model.inference.compilation import Compiled, CompileMode
from groot_ros.model.inference.denoiser import Denoiser
from groot_ros.model.inference.fused_denoiser import denoising_stage
from groot_ros.model.inference.loaded import Array, Groot
from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Batch, Network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
INSTRUCTIONS = ("lift it", "put the red cube into the box on the left")


def load(checkpoint: Path, dtype: str = "float32", compile: str = "auto") -> Groot:
    return Groot.load(checkpoint, device="cuda", dtype=dtype, compile=compile)


def answers(groot: Groot) -> list[dict[str, Array]]:
    """For other pictures, other prompts, and the first again."""
    inputs = [
        replace(observation(groot.modality, seed=seed), language=text)
        for seed, text in ((0, INSTRUCTIONS[0]), (1, INSTRUCTIONS[0]), (1, INSTRUCTIONS[1]))
    ]
    return [groot.predict(given, seed=7) for given in [*inputs, inputs[0]]]


def assert_close(found: Groot, expected: Groot, tolerance: float) -> None:
    for one, other in zip(answers(found), answers(expected), strict=True):
        for key, values in other.items():
            np.testing.assert_allclose(one[key], values, rtol=0, atol=tolerance, err_msg=key)


@torch.no_grad()
@pytest.mark.parametrize("size", ["tiny", "mid", "tiny_n16", "mid_n16"])
def test_golden_actions(size: str) -> None:
    config = Gr00tConfig.from_dict(networks.CONFIGS[size]())
    network = Network(config).eval()
    networks.seed_weights(network)
    batch = networks.batch(config)
    moved: dict[str, Any] = {
        name: value.cuda() if isinstance(value, torch.Tensor) else value
        for name, value in vars(batch).items()
    }
    noise = networks.actions(config, "noise").cuda()
    found = network.cuda().actions(Batch(**moved), noise)
    golden = np.load(networks.DATA / f"golden_{size}.npz")["actions"]
    np.testing.assert_allclose(found.cpu().numpy(), golden, rtol=0, atol=1e-4)


def test_a_gpu_answers_as_a_cpu(checkpoint: Path) -> None:
    assert_close(load(checkpoint, compile="off"), Groot.load(checkpoint, device="cpu"), 1e-3)


def test_graphs_change_nothing(checkpoint: Path) -> None:
    assert_close(load(checkpoint), load(checkpoint, compile="off"), 0.0)


def test_graphs_are_replayed_by_other_threads(checkpoint: Path) -> None:
    groot = load(checkpoint)
    expected = answers(groot)
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(answers, groot).result()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one["ee_pose"], other["ee_pose"])


def test_compiled_kernels(checkpoint: Path) -> None:
    assert_close(load(checkpoint, compile="max"), load(checkpoint, compile="off"), 1e-3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(checkpoint: Path, dtype: str) -> None:
    assert_close(load(checkpoint, dtype=dtype), load(checkpoint, compile="off"), 0.1)


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", ["tiny", "mid", "mid_n16"])
def test_the_head_in_own_kernels(size: str, dtype: torch.dtype) -> None:
    """As near to float32 as the plain head, and the same bits whenever it is asked."""
    config = Gr00tConfig.from_dict(CONFIGS[size]).single_slot()
    head = random_network(config, dtype, torch.device("cuda")).action_head
    given = head_inputs(head)
    exact = Denoiser(copy.deepcopy(head).float())(
        *[tensor.float() if tensor.is_floating_point() else tensor for tensor in given]
    )
    plain = Denoiser(head)
    plain_error = (plain(*given).float() - exact).square().mean().sqrt()
    stage = denoising_stage(plain, CompileMode.DEFAULT)
    answers = [stage(*given) for _ in range(10)]
    assert isinstance(stage, Compiled) and not stage.failure
    assert (answers[0].float() - exact).square().mean().sqrt() <= 1.5 * plain_error
    assert all(torch.equal(answer, answers[0]) for answer in answers)


def head_inputs(head: ActionHead) -> list[torch.Tensor]:
    config, count = head.config, 90
    generator = torch.Generator().manual_seed(0)
    parameter = next(head.parameters())

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(parameter)

    is_image = torch.arange(count) >= 20
    return [
        normal(1, count, config.backbone_embedding_dim),
        (~is_image).nonzero()[:, 0].to(parameter.device),
        is_image.nonzero()[:, 0].to(parameter.device),
        normal(1, config.state_history_length, config.max_state_dim),
        normal(1, config.action_horizon, config.max_action_dim),
        torch.ones(config.action_horizon, 1).to(parameter),
    ]
