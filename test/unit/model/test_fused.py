"""The action head in few kernels answers as the plain one."""

from __future__ import annotations

import copy
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import networks
import pytest
import torch
from torch import Tensor
from torch_kernels import TorchKernels

from groot_ros.model.inference.compilation import Compiled, CompileMode
from groot_ros.model.inference.denoiser import Denoiser
from groot_ros.model.inference.fused_denoiser import FusedDenoiser, denoising_stage
from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network

SEEN, SPLITS = 23, 3


@pytest.fixture(params=["tiny", "tiny_n16"])
def head(request: pytest.FixtureRequest) -> ActionHead:
    config = Gr00tConfig.from_dict(networks.CONFIGS[request.param]()).single_slot()
    network = Network(config).eval()
    networks.seed_weights(network)
    return network.action_head


def arguments(head: ActionHead, horizon: int) -> list[Tensor]:
    config, is_image = head.config, torch.arange(SEEN) % 3 == 0
    strength = torch.linspace(0, 1, horizon)[:, None]
    return [
        networks.normal(4, "features", (1, SEEN, config.backbone_embedding_dim)),
        (~is_image).nonzero()[:, 0],
        is_image.nonzero()[:, 0],
        networks.normal(4, "state", (1, config.state_history_length, config.max_state_dim)),
        networks.normal(4, "start", (1, horizon, config.max_action_dim)),
        strength,
    ]


def to(tensors: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    return [tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors]


@torch.no_grad()
@pytest.mark.parametrize("horizon", [1, 16, 32])
def test_it_answers_as_the_plain_head(head: ActionHead, horizon: int) -> None:
    given, plain = arguments(head, horizon), Denoiser(head)
    expected = plain(*given)
    found = FusedDenoiser(plain.head, TorchKernels(SPLITS))(*given)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_no_worse_than_the_plain_heads(
    head: ActionHead, dtype: torch.dtype
) -> None:
    half = copy.deepcopy(head).to(dtype)
    given = to(arguments(head, 16), dtype)
    exact = Denoiser(copy.deepcopy(half).float())(*to(given, torch.float32))
    plain = Denoiser(half)
    fused = FusedDenoiser(plain.head, TorchKernels(SPLITS))
    plain_error, fused_error = (
        (answer.float() - exact).square().mean().sqrt()
        for answer in (plain(*given), fused(*given))
    )
    assert fused_error <= 1.5 * plain_error


@torch.no_grad()
def test_packing_leaves_the_weights_as_they_are(head: ActionHead) -> None:
    before, given = copy.deepcopy(head.state_dict()), arguments(head, 16)
    plain = Denoiser(head)
    expected = plain(*given)
    FusedDenoiser(plain.head, TorchKernels())
    torch.testing.assert_close(plain(*given), expected, rtol=0, atol=0)
    after = head.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    attention = list(head.model.blocks)[1].attn1
    assert attention.to_q.weight.untyped_storage().data_ptr() == (
        attention.to_v.weight.untyped_storage().data_ptr()
    )


def test_it_is_for_gpus(head: ActionHead) -> None:
    plain = Denoiser(head)
    assert denoising_stage(plain, CompileMode.OFF) is plain
    stage = denoising_stage(plain, CompileMode.DEFAULT)
    assert isinstance(stage, Compiled) and not stage.failure


def test_every_step_down_says_why() -> None:
    def broken(name: str) -> int:
        raise RuntimeError(f"no {name} here")

    graphs = Compiled(lambda name: 1, broken, "head")
    stage = Compiled(graphs, broken, "head", "without own kernels")
    assert stage("luck") == 1
    assert stage.failure == (
        "the head runs without own kernels: no luck here; the head runs uncompiled: no luck here"
    )


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton here")
def test_the_kernels_in_tritons_interpreter() -> None:
    process = subprocess.run(
        [sys.executable, Path(__file__).with_name("interpreted_kernels.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "TRITON_INTERPRET": "1"},
    )
    assert process.returncode == 0, process.stderr
