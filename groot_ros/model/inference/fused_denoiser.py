"""The action head for one observation in few kernels, where a GPU and Triton are at hand."""

from __future__ import annotations

import torch
from torch import Tensor

from groot_ros.model.fused.kernels import Kernels, Matrix
from groot_ros.model.fused.transformer import FusedTransformer, KeysValues
from groot_ros.model.inference.compilation import Compiled, CompileMode, Stage, compile_stage
from groot_ros.model.inference.cuda_graph import GraphedStage
from groot_ros.model.inference.denoiser import Denoiser
from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.dit import Context

HALVES = (torch.bfloat16, torch.float16)


def denoising_stage(plain: Denoiser, mode: CompileMode) -> Stage:
    """The action head as a stage: on a GPU and in half precision with kernels of its own."""
    parameter = next(plain.head.parameters())
    stage = compile_stage(plain, mode, "action head", parameter.device)
    if mode is CompileMode.OFF or not parameter.is_cuda or parameter.dtype not in HALVES:
        return stage
    if plain.head.config.max_delay_steps:
        # Its kernels know one time for all steps.
        return stage
    without = "without kernels of its own"
    try:
        # Only PyTorch for GPUs brings Triton.
        from groot_ros.model.fused.triton_kernels import TritonKernels

        fused = GraphedStage(FusedDenoiser(plain.head, TritonKernels.of(parameter.device)))
    except (ImportError, ValueError) as error:
        failed = Compiled(stage, stage, "action head", without)
        failed.give_up(error)
        return failed
    return Compiled(stage, fused, "action head", without)


class FusedDenoiser(Denoiser):
    """The same answers, up to rounding, by a transformer and encoders in few kernels."""

    def __init__(self, head: ActionHead, kernels: Kernels) -> None:
        super().__init__(head)
        self._kernels = kernels
        self._transformer = FusedTransformer(head.model, kernels)
        encoder, decoder = head.action_encoder, head.action_decoder
        mixed = transposed(encoder.W2.W[0, : encoder.W3.W.shape[-1]])
        # The time's share takes the place of the second layer's bias.
        self._mixed = [Matrix(mixed, step.time_share[0, 0]) for step in self.steps]
        self._encoded = Matrix(transposed(encoder.W3.W[0]), encoder.W3.b[0])
        self._decoded = Matrix(transposed(decoder.layer1.W[0]), decoder.layer1.b[0])

    def keys_values(self, context: Context) -> KeysValues:
        return self._transformer.keys_values(context)

    def velocity(
        self,
        number: int,
        actions: Tensor,
        state_token: Tensor,
        keys_values: KeysValues,
        given: Tensor | None = None,
    ) -> Tensor:
        head, linear = self.head, self._kernels.linear
        first, last = head.action_encoder.W1, head.action_decoder.layer2
        embedded = torch.addmm(first.b[0], actions[0], first.W[0])
        tokens = linear(linear(embedded, self._mixed[number], "silu"), self._encoded)
        hidden = torch.cat([state_token[0], head.add_positions(tokens[None])[0]])
        modulation = self.steps[number].modulation
        hidden = self._transformer.denoise(hidden, keys_values, modulation)
        decoded = linear(hidden[-actions.shape[1] :], self._decoded, "relu")
        return torch.addmm(last.b[0], decoded, last.W[0])[None]


def transposed(weight: Tensor) -> Tensor:
    """(K, N) -> (N, K), contiguous."""
    return weight.T.contiguous()
