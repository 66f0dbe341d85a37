"""Time and memory of GR00T with random weights, beside its plain form.

Imports torch, transformers, numpy and safetensors only, so it runs where there is no ROS.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groot_ros.benchmarks.model_configs import CONFIGS
from groot_ros.model.checkpoint import memory, weights
from groot_ros.model.inference.compilation import CompileMode, find_compile_mode
from groot_ros.model.inference.device import find_device, find_dtype
from groot_ros.model.inference.prepared import PreparedNetwork
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.flow_matching import buckets
from groot_ros.model.networks.network import Batch, Network

VIEWS, EDGE, TEXT_TOKENS = 2, 256, 20
SLOT = 0
BLOCK, BIAS = 2**20 - 3, 0.02
TIMED = (
    "preprocess",
    "vision",
    "language",
    "backbone",
    "head",
    "total",
    "plain_head",
    "plain_total",
)
CROP = {"use_albumentations": True, "shortest_image_edge": EDGE, "crop_fraction": 0.95}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What is measured, how often, and on what."""

    config: str = "full"
    device: str = "auto"
    dtype: str = "bfloat16"
    compile: str = "auto"
    repeats: int = 10


class FixedPrompt:
    """A prompt of a fixed length in the place of a tokenizer."""

    def __init__(self, config: Gr00tConfig) -> None:
        self._backbone = config.backbone

    def __call__(self, instruction: str, image_tokens: Sequence[int]) -> list[int]:
        start, end = (self._backbone[f"vision_{edge}_token_id"] for edge in ("start", "end"))
        image = self._backbone["image_token_id"]
        images = [id_ for count in image_tokens for id_ in (start, *[image] * count, end)]
        return images + list(range(10, 10 + TEXT_TOKENS))


class RandomWeights:
    """Weights of a network by name, cut from one block of random numbers; the same every time.

    Matrices have the spread that keeps signals about as large as they are, norms are 1.
    """

    def __init__(self, network: Network, dtype: torch.dtype, device: torch.device | str) -> None:
        self.shapes = {name: p.shape for name, p in network.named_parameters()}
        self.dtype = dtype
        # No size of a layer divides it, so that rows of a matrix differ.
        block = torch.randn(BLOCK, generator=torch.Generator().manual_seed(0))
        self._block = block.to(device)

    def __call__(self, name: str) -> Tensor:
        shape, device = self.shapes[name], self._block.device
        if len(shape) == 1 and "norm" in name and name.endswith("weight"):
            return torch.ones(shape, dtype=self.dtype, device=device)
        numbers = self._block.repeat(shape.numel() // BLOCK + 1)[: shape.numel()].view(shape)
        inputs = shape[1] if weights.SLOT_WEIGHT.match(name) else shape[1:].numel()
        return (numbers * (3 * inputs) ** -0.5 if len(shape) > 1 else BIAS * numbers).to(
            self.dtype
        )


def random_checkpoint(config: Gr00tConfig, dtype: torch.dtype, folder: Path) -> None:
    """Write random weights in the layout of a checkpoint."""
    tensor = RandomWeights(Network.on_meta(config), dtype, "cpu")
    sizes = {name: shape.numel() * dtype.itemsize for name, shape in tensor.shapes.items()}
    weights.write(folder, sizes, tensor)


def random_network(config: Gr00tConfig, dtype: torch.dtype, device: torch.device) -> Network:
    """A network with random weights, made on the device itself."""
    network = Network.on_meta(config)
    tensor = RandomWeights(network, dtype, device)
    weights.assign(network, {name: tensor(name) for name in tensor.shapes})
    return network.eval().requires_grad_(False)


def plain_network(network: Network, config: Gr00tConfig) -> Network:
    """The network with all slots, sharing the memory of one with a single slot."""
    plain = Network.on_meta(config)
    shared = {
        name: tensor.expand(config.max_num_embodiments, *tensor.shape[1:])
        if weights.SLOT_WEIGHT.match(name)
        else tensor
        for name, tensor in network.state_dict().items()
    }
    plain.load_state_dict(shared, assign=True)
    plain.backbone.tie()
    return plain.eval()


class Stages:
    """One observation after another through `PreparedNetwork`, timed stage by stage."""

    def __init__(self, network: Network, mode: CompileMode) -> None:
        self.config = network.config
        self.images = self.config.version.images(CROP, self.config.backbone, ())
        self.prompt = FixedPrompt(self.config)
        self.prepared = PreparedNetwork(network, self.images, self.prompt, mode)
        self.device = self.prepared.device
        self._generator = np.random.default_rng(0)
        shape = self.config.action_horizon, self.config.max_action_dim
        self.noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        self.state = np.zeros(
            (self.config.state_history_length, self.config.max_state_dim), np.float32
        )

    def frames(self) -> list[np.ndarray]:
        """New random pictures."""
        shape = VIEWS, EDGE, EDGE, 3
        return list(self._generator.integers(0, 256, shape, dtype=np.uint8))

    def time_ms(self, function: Callable[[], Any]) -> float:
        """Wall time of a call, the device's work included."""
        self._synchronize()
        start = time.perf_counter()
        function()
        self._synchronize()
        return (time.perf_counter() - start) * 1e3

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def serve(self) -> dict[str, float]:
        """One observation through the prepared network: times in ms of the stages and the whole.

        `backbone` is vision and language model together.
        """
        frames, serving = self.frames(), self.prepared
        found: dict[str, Any] = {}

        def preprocess() -> None:
            found["patches"], found["grids"] = serving.patches(frames)

        def vision() -> None:
            found["images"] = serving.encode_patches(found["patches"], found["grids"])

        def language() -> None:
            found["prompt"] = serving.prompt("", found["grids"])
            found["features"] = serving.features(found["prompt"], found["images"])

        def head() -> None:
            serving.denoise(
                found["features"], found["prompt"], state=self.state, noise=self.noise, prefix=None
            )

        stages = (preprocess, vision, language, head)
        times = {stage.__name__: self.time_ms(stage) for stage in stages}
        times["backbone"] = times["vision"] + times["language"]
        frames = self.frames()
        times["total"] = self.time_ms(lambda: self.actions(frames).cpu())
        return times

    def actions(self, frames: list[np.ndarray]) -> Tensor:
        """Normalised actions (H, D)."""
        return self.prepared.actions(frames, "", self.state, self.noise)

    def start(self) -> Tensor:
        """The noise as the network takes it (1, H, D)."""
        return self.noise[None].to(self.device, self.prepared.dtype)

    def batch(self, frames: list[np.ndarray]) -> Batch:
        """The observation for the plain network."""
        patches, grids = self.prepared.patches(frames)
        ids = self.prompt("", [self.images.patches.tokens(grid) for grid in grids])
        return Batch(
            input_ids=torch.tensor([ids], device=self.device),
            patches=patches,
            grids=grids,
            state=torch.from_numpy(self.state)[None].to(self.device, self.prepared.dtype),
            slot=torch.tensor([SLOT], device=self.device),
        )


class Benchmark:
    """A network with random weights, loaded as a checkpoint is, and inputs for it."""

    def __init__(self, options: Measured) -> None:
        self.options = options
        self.device = find_device(options.device)
        dtype = find_dtype(options.dtype, self.device)
        self.config = Gr00tConfig.from_dict(CONFIGS[options.config])
        self.network = Network.on_meta(self.config.single_slot())
        with tempfile.TemporaryDirectory() as folder:
            random_checkpoint(self.config, dtype, Path(folder))
            memory.reset_peak()
            before = memory.resident_bytes()
            weights.load(self.network, Path(folder), device=self.device, dtype=dtype, slot=SLOT)
            self.load_peak_bytes = memory.peak_bytes() - before
        self.network.eval().requires_grad_(False)
        self.plain = plain_network(self.network, self.config)
        self.stages = Stages(self.network, find_compile_mode(options.compile, self.device))

    def serve_plainly(self) -> dict[str, float]:
        """Times without any rewrite: nothing cached, all slots, masked attention."""
        frames = self.stages.frames()

        def whole() -> None:
            batch = self.stages.batch(frames)
            self.plain.actions(batch, self.stages.start()).cpu()

        batch = self.stages.batch(frames)
        context = self.plain.context(batch)

        def head() -> None:
            features = self.plain.action_head.encode_features(context.text.features)
            masked = context._replace(
                text=context.text._replace(features=features),
                image=context.image._replace(features=features),
            )
            self.plain.action_head.sample(self.stages.start(), batch.state, masked, batch.slot)

        return {"plain_head": self.stages.time_ms(head), "plain_total": self.stages.time_ms(whole)}

    def rewrites_ms(self) -> dict[str, float]:
        """What each rewrite saves per observation, measured on the piece of work it avoids."""
        head, plain, serving = (
            self.network.action_head,
            self.plain.action_head,
            self.stages.prepared,
        )
        steps = self.config.num_inference_timesteps
        batch = self.stages.batch(self.stages.frames())
        prompt = serving.prompt("", tuple(batch.grids))
        features = serving.features(prompt, serving.encode_patches(batch.patches, batch.grids))
        is_image = batch.input_ids == self.network.backbone.config.image_token_id
        masked = head.masked_context(features, is_image, None)
        visible = serving.denoiser.visible(features, prompt.text_index, prompt.image_index)
        actions, slot = self.stages.start(), serving.denoiser.slot
        bucket = torch.full_like(slot, buckets(steps, 1000)[1])
        constants = serving.denoiser.steps[1]

        def slot_work(action_head: Any) -> None:
            action_head.action_encoder(actions, bucket, slot)
            action_head.action_decoder(hidden, slot)

        hidden = torch.zeros(
            1, self.config.action_horizon, self.config.hidden_size, device=self.device
        ).to(self.stages.prepared.dtype)
        everything = self._median(lambda: head.model.keys_values(masked))
        pieces = {
            "keys_values_once": (steps - 1) * everything,
            "visible_tokens_only": everything
            - self._median(lambda: head.model.keys_values(visible)),
            "modulation_once": steps * self._median(lambda: head.model.modulation(bucket)),
            "one_slot": steps
            * (self._median(lambda: slot_work(plain)) - self._median(lambda: slot_work(head))),
            "time_share_once": steps
            * (
                self._median(lambda: head.action_encoder(actions, bucket, slot))
                - self._median(lambda: head.action_encoder.embed(actions, constants.time_share))
            ),
            "layout_once": self._median(
                lambda: self.network.backbone.layout(batch.input_ids, batch.grids)
            ),
        }
        return {name: round(value, 3) for name, value in pieces.items()}

    def _median(self, function: Callable[[], Any]) -> float:
        function()
        return float(
            np.median([self.stages.time_ms(function) for _ in range(self.options.repeats)])
        )

    @torch.inference_mode()
    def run(self) -> dict[str, Any]:
        """All measurements; plain and prepared runs alternate, so that both see the same load."""
        self.stages.serve()
        self.serve_plainly()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self.stages.serve()
        peak = self._peak_bytes()
        runs = [self.stages.serve() | self.serve_plainly() for _ in range(self.options.repeats)]
        result: dict[str, Any] = {}
        for name in runs[0]:
            values = [run[name] for run in runs]
            result[f"{name}_ms"] = round(float(np.median(values)), 3)
            result[f"{name}_p95_ms"] = round(float(np.percentile(values, 95)), 3)
        return {
            **vars(self.options),
            "version": self.config.version.name,
            "weights": "random",
            "threads": torch.get_num_threads(),
            **result,
            "rewrites_ms": self.rewrites_ms(),
            "peak_memory_bytes": peak,
            "load_peak_bytes": self.load_peak_bytes,
            "weights_bytes": sum(p.nbytes for p in self.network.parameters()),
            "parameters": sum(p.numel() for p in self.plain.parameters()),
        }

    def _peak_bytes(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return memory.peak_bytes()
