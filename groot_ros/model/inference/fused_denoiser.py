"""The action head for one observation in few kernels, where a GPU and Triton are at hand."""

from __future__ import annotations

import torch
from torch import Tensor

from groot_ros.model.fused.kernels import Kernels, Matrix
from groot_ros.model.fused.transformer import FusedTransformer
from groot_ros.model.inference.compilation import Compiled, CompileMode, Stage, compile_stage
from groot_ros.model.inference.cuda_graph import GraphedStage
from groot_ros.model.inference.denoiser import Denoiser

HALVES = (torch.bfloat16, torch.float16)


def denoising_stage(plain: Denoiser, mode: CompileMode) -> Stage:
    """The action head as a stage: on a GPU and in half precision with kernels of its own."""
    parameter = next(plain.head.parameters())
    stage = compile_stage(plain, mode, "action head", parameter.device)
    if mode is CompileMode.OFF or not parameter.is_cuda or parameter.dtype not in HALVES:
        return stage
    without = "without kernels of its own"
    try:
        # Only PyTorch for GPUs brings Triton.
        from groot_ros.model.fused.triton_kernels import TritonKernels

        fused = GraphedStage(FusedDenoiser(plain, TritonKernels.of(parameter.device)))
    except (ImportError, ValueError) as error:
        failed = Compiled(stage, stage, "action head", without)
        failed.give_up(error)
        return failed
    return Compiled(stage, fused, "action head", without)


class FusedDenoiser:
    """A `Denoiser` with the same arguments and answers, up to rounding."""

    def __init__(self, plain: Denoiser, kernels: Kernels) -> None:
        self._plain = plain
        self._kernels = kernels
        head = plain.head
        self._transformer = FusedTransformer(head.model, kernels)
        encoder, decoder = head.action_encoder, head.action_decoder
        dim = encoder.W3.W.shape[-1]
        nothing = torch.zeros_like(encoder.W2.b[0])
        self._mixed = Matrix(transposed(encoder.W2.W[0, :dim]), nothing)
        self._encoded = Matrix(transposed(encoder.W3.W[0]), encoder.W3.b[0])
        self._decoded = Matrix(transposed(decoder.layer1.W[0]), decoder.layer1.b[0])
        # The time's share takes the place of the second layer's bias.
        self._steps = [
            (step.modulation, Matrix(self._mixed.weight, step.time_share[0, 0]))
            for step in plain.steps
        ]

    def __call__(
        self,
        features: Tensor,
        text_index: Tensor,
        image_index: Tensor,
        state: Tensor,
        start: Tensor,
        strength: Tensor,
    ) -> Tensor:
        """As `Denoiser.__call__`."""
        plain, head, kernels = self._plain, self._plain.head, self._kernels
        horizon = start.shape[1]
        context = plain.visible(features, text_index, image_index)
        keys_values = self._transformer.keys_values(context)
        state_token = head.encode_state(state, plain.slot)[0]
        first, last = head.action_encoder.W1, head.action_decoder.layer2
        actions = start[0]
        for modulation, mixed in self._steps:
            embedded = torch.addmm(first.b[0], actions, first.W[0])
            tokens = kernels.linear(kernels.linear(embedded, mixed, "silu"), self._encoded)
            hidden = torch.cat([state_token, head.add_positions(tokens[None])[0]])
            hidden = self._transformer.denoise(hidden, keys_values, modulation)
            decoded = kernels.linear(hidden[-horizon:], self._decoded, "relu")
            velocity = torch.addmm(last.b[0], decoded, last.W[0])
            actions = actions + velocity * strength / len(self._steps)
        return actions[None]


def transposed(weight: Tensor) -> Tensor:
    """(K, N) -> (N, K), contiguous."""
    return weight.T.contiguous()
