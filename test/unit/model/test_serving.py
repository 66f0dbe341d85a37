"""Every rewrite for speed gives what the plain network gives."""

from __future__ import annotations

import copy

import networks
import numpy as np
import pytest
import torch
from pictures import picture

from groot_ros.model.checkpoint.weights import SLOT_WEIGHT
from groot_ros.model.inference.compilation import Compiled, CompileMode, compile_stage
from groot_ros.model.inference.cuda_graph import rebuilt, tensors
from groot_ros.model.inference.denoiser import Denoiser
from groot_ros.model.inference.prepared import PreparedNetwork
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.flow_matching import NormalizedPrefix, buckets
from groot_ros.model.networks.n17 import N17, QWEN3_VL_PROCESSOR
from groot_ros.model.networks.network import Batch, Network
from groot_ros.model.processing.images import ImagePipeline, PatchConfig
from groot_ros.model.processing.prompt import PromptProcessor
from groot_ros.model.tiny.tokenizer import tiny_tokenizer

TOLERANCE = 1e-5
SLOT = 1
CROP = {"use_albumentations": True, "shortest_image_edge": 64, "crop_fraction": 0.95}


def prompts(config: Gr00tConfig) -> PromptProcessor:
    form = config.version.prompt
    return PromptProcessor(tiny_tokenizer(form), form, formalize_language=True)


@pytest.fixture(scope="module", params=["tiny", "tiny_n16"])
def network(request: pytest.FixtureRequest) -> Network:
    """All slots: the plain network."""
    raw = networks.CONFIGS[request.param]()
    form = Gr00tConfig.from_dict(raw).version.prompt
    tokenizer, backbone = tiny_tokenizer(form), raw["backbone_config"]
    backbone["image_token_id"] = tokenizer.token_to_id(form.image_token)
    backbone["text_config"]["vocab_size"] = tokenizer.get_vocab_size()
    network = Network(Gr00tConfig.from_dict(raw)).eval()
    networks.seed_weights(network)
    return network


@pytest.fixture(scope="module")
def sliced(network: Network) -> Network:
    """The same with one slot's weights."""
    one = Network(network.config.single_slot()).eval()
    state = copy.deepcopy(network.state_dict())
    for name in state:
        if SLOT_WEIGHT.match(name):
            state[name] = state[name][SLOT : SLOT + 1]
    one.load_state_dict(state)
    return one


@pytest.fixture
def serving(sliced: Network) -> PreparedNetwork:
    config = sliced.config
    pipeline = config.version.images(CROP, config.backbone, ())
    if config.version is N17:
        qwen = {**QWEN3_VL_PROCESSOR, "size": {"shortest_edge": 4096, "longest_edge": 16777216}}
        pipeline = ImagePipeline(pipeline.crop, PatchConfig.from_dict(qwen))
    return PreparedNetwork(sliced, pipeline, prompts(config))


def plain_actions(
    network: Network,
    serving: PreparedNetwork,
    frames: list[np.ndarray],
    instruction: str,
    noise: torch.Tensor,
    prefix: NormalizedPrefix | None = None,
) -> torch.Tensor:
    patches, grids = serving.images([torch.from_numpy(frame) for frame in frames])
    counts = [serving.images.patches.tokens(grid) for grid in grids]
    ids = prompts(network.config)(instruction, counts)
    batch = Batch(
        input_ids=torch.tensor([ids]),
        patches=patches,
        grids=grids,
        state=state(network)[None],
        slot=torch.tensor([SLOT]),
    )
    return network.actions(batch, noise[None], prefix)[0]


def state(network: Network) -> torch.Tensor:
    return networks.normal(3, "state", (1, network.config.max_state_dim))


def noise(network: Network) -> torch.Tensor:
    return networks.actions(network.config, "noise")[0]


FRAMES = [picture(48, 64), picture(64, 64)]


@torch.no_grad()
@pytest.mark.parametrize(
    "frames", [FRAMES, FRAMES[1:] * 2, FRAMES * 2], ids=["two", "same", "four"]
)
@pytest.mark.parametrize("with_prefix", [False, True])
def test_answers_are_the_plain_networks(
    network: Network, serving: PreparedNetwork, frames: list[np.ndarray], with_prefix: bool
) -> None:
    prefix = None
    if with_prefix:
        prefix = NormalizedPrefix(
            networks.actions(network.config, "prefix")[:1, :5], 2, ramp_rate=6.0
        )
    expected = plain_actions(network, serving, frames, "Lift it!", noise(network), prefix)
    for _ in range(2):
        found = serving.actions(frames, "Lift it!", state(network).numpy(), noise(network), prefix)
        torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_one_slot_sliced_out(network: Network, sliced: Network) -> None:
    actions, timestep = noise(network)[None], torch.tensor([250])
    slot, only = torch.tensor([SLOT]), torch.tensor([0])
    torch.testing.assert_close(
        sliced.action_head.embed_actions(actions, timestep, only),
        network.action_head.embed_actions(actions, timestep, slot),
        rtol=0,
        atol=TOLERANCE,
    )
    torch.testing.assert_close(
        sliced.action_head.encode_state(state(network)[None], only),
        network.action_head.encode_state(state(network)[None], slot),
        rtol=0,
        atol=TOLERANCE,
    )


@torch.no_grad()
def test_only_visible_tokens(sliced: Network) -> None:
    head, denoiser = sliced.action_head, Denoiser(sliced.action_head)
    config = sliced.config
    features = networks.normal(4, "features", (1, 23, config.backbone_embedding_dim))
    is_image = torch.arange(23)[None] % 3 == 0
    masked = head.masked_context(features, is_image, None)
    visible = denoiser.visible(
        features, (~is_image[0]).nonzero()[:, 0], is_image[0].nonzero()[:, 0]
    )
    hidden = networks.normal(4, "hidden", (1, 13, config.input_embedding_dim))
    timestep = torch.tensor([500])
    torch.testing.assert_close(
        head.model(hidden, visible, timestep),
        head.model(hidden, masked, timestep),
        rtol=0,
        atol=TOLERANCE,
    )


@torch.no_grad()
def test_constants_of_the_time_buckets(sliced: Network) -> None:
    denoiser, head = Denoiser(sliced.action_head), sliced.action_head
    actions = noise(sliced)[None]
    for bucket, step in zip(buckets(4, 1000), denoiser.steps, strict=True):
        timestep = torch.tensor([bucket])
        torch.testing.assert_close(
            step.modulation, head.model.modulation(timestep), rtol=0, atol=0
        )
        torch.testing.assert_close(
            head.action_encoder.embed(actions, step.time_share),
            head.action_encoder(actions, timestep, torch.tensor([0])),
            rtol=0,
            atol=TOLERANCE,
        )


def test_buckets() -> None:
    assert buckets(4, 1000) == [0, 250, 500, 750]


def test_the_denoiser_wants_one_slot(network: Network) -> None:
    with pytest.raises(ValueError, match="one embodiment"):
        Denoiser(network.action_head)


def test_a_prompt_is_laid_out_once(serving: PreparedNetwork) -> None:
    grids = ((4, 4), (4, 4))
    first = serving.prompt("lift it", grids)
    assert serving.prompt("lift it", grids) is first
    assert serving.prompt("lift it", grids[:1]) is not first
    anew = serving.network.backbone.layout(first.layout.input_ids, grids)
    torch.testing.assert_close(anew.cosine, first.layout.cosine, rtol=0, atol=0)
    for number in range(40):
        serving.prompt(f"task {number}", grids)
    assert len(serving._prompts) <= 16
    assert serving.prompt("lift it", grids) is not first


class Counter:
    """Counts the images that a stage encodes."""

    def __init__(self, serving: PreparedNetwork) -> None:
        self._encode = serving._encode_images
        self.images = 0
        serving._encode_images = self

    def __call__(self, patches: torch.Tensor, tables: object) -> list[torch.Tensor]:
        self.images += len(patches)
        return self._encode(patches, tables)


@torch.no_grad()
def test_only_new_pictures_are_encoded(serving: PreparedNetwork) -> None:
    counter = Counter(serving)
    first, second, other = picture(64, 64), picture(64, 65)[:, :64], picture(65, 64)[:64]
    before = serving.encode([first, second])
    assert serving.encode([first.copy(), second.copy()]) == before
    assert counter.images == 2
    after = serving.encode([first, other])
    assert counter.images == 3 and after[0] is before[0]
    changed = other.copy()
    changed[0, 0, 0] ^= 1
    serving.encode([first, changed])
    assert counter.images == 4
    assert len(serving.encode([first])) == 1
    assert counter.images == 4
    serving.encode([first, second])
    assert counter.images == 6


@torch.no_grad()
def test_a_picture_that_its_owner_changes_is_new(serving: PreparedNetwork) -> None:
    counter, frame = Counter(serving), picture(64, 64)
    serving.encode([frame])
    frame[:] = 0
    serving.encode([frame])
    assert counter.images == 2


@torch.no_grad()
def test_stages_are_one_graph_each(sliced: Network, serving: PreparedNetwork) -> None:
    """What CUDA graphs and torch.compile need: no way through Python between the kernels."""
    expected = serving.actions(FRAMES, "lift", state(sliced).numpy(), noise(sliced))
    for name in ("_encode_images", "_text", "_denoise"):
        plain = getattr(serving, name)
        torch._dynamo.reset()
        compiled = torch.compile(plain, backend="eager", fullgraph=True)
        setattr(serving, name, compiled)
    serving._last = []
    found = serving.actions(FRAMES, "lift", state(sliced).numpy(), noise(sliced))
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)
    torch._dynamo.reset()


def test_a_stage_that_cannot_be_compiled_runs_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(
        "groot_ros.model.inference.compilation.logger.warning",
        lambda text, *values: warnings.append(text % values),
    )

    def broken(x: int) -> int:
        raise RuntimeError("no compiler here\nand more")

    stage = Compiled(lambda x: torch.tensor(x + 1), broken, "vision")
    assert stage(1).item() == 2 and stage(2).item() == 3
    assert warnings == ["the vision runs uncompiled: no compiler here"]


def test_off_is_the_stage_itself() -> None:
    assert compile_stage(len, CompileMode.OFF, "x", torch.device("cpu")) is len


def test_a_recorded_stage_finds_every_tensor_of_its_arguments(serving: PreparedNetwork) -> None:
    layout = serving.prompt("lift it", ((4, 4), (4, 4))).layout
    arguments = layout, [torch.zeros(2), torch.ones(3)]
    found = list(tensors(arguments))
    assert [id(tensor) for tensor in found] == [
        id(layout.input_ids),
        id(layout.cosine),
        id(layout.sine),
        id(layout.image_index),
        *(id(tensor) for tensor in arguments[1]),
    ]
    copy_layout, levels = rebuilt(arguments, iter([tensor + 1 for tensor in found]))
    assert copy_layout.attention_mask is None
    assert torch.equal(copy_layout.cosine, layout.cosine + 1)
    assert levels[1].tolist() == [2, 2, 2]
