"""The full-size network, on the meta device, against the names and shapes of NVIDIA's files."""

from __future__ import annotations

import gzip

import pytest
from networks import DATA, droid_config

from groot_ros.errors import UserError
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network

PARTS = {
    "backbone": 1_523_500_032,
    "backbone.model.model.visual": 406_957_056,
    "backbone.model.model.language_model": 1_116_542_976,
    "action_head": 1_620_515_968,
    "action_head.model": 1_091_722_240,
    "action_head.vl_self_attention": 201_433_088,
    "action_head.action_encoder": 233_127_936,
    "action_head.state_encoder": 54_738_944,
    "action_head.action_decoder": 37_916_800,
    "action_head.position_embedding": 1_572_864,
    "action_head.vlln": 4_096,
}


@pytest.fixture(scope="module")
def network() -> Network:
    return Network.on_meta(Gr00tConfig.from_dict(droid_config()))


def test_parameter_counts(network: Network) -> None:
    assert sum(p.numel() for p in network.parameters()) == 3_144_016_000
    counts = {
        name: sum(p.numel() for p in network.get_submodule(name).parameters()) for name in PARTS
    }
    assert counts == PARTS


def test_tensor_names_and_shapes(network: Network) -> None:
    lines = gzip.decompress((DATA / "gr00t_n17_tensors.tsv.gz").read_bytes()).decode()
    expected = dict(line.split("\t") for line in lines.splitlines())
    found = {name: str(tuple(tensor.shape)) for name, tensor in network.state_dict().items()}
    assert len(expected) == 1031
    assert found == expected


def test_one_slot_drops_the_other_embodiments_weights() -> None:
    network = Network.on_meta(Gr00tConfig.from_dict(droid_config()).single_slot())
    slots = 233_127_936 + 54_738_944 + 37_916_800
    assert sum(p.numel() for p in network.parameters()) == 3_144_016_000 - slots // 32 * 31


def test_the_config_is_kept_whole() -> None:
    assert Gr00tConfig.from_dict(droid_config()).raw == droid_config()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gr00t_n1_5"}, "GR00T N1.5"),
        ({"model_type": "llama"}, "not a GR00T checkpoint"),
        ({"use_alternate_vl_dit": False}, "use_alternate_vl_dit"),
        ({"model_name": "someone/else"}, "names the backbone 'someone/else'"),
        ({"select_layer": 29}, "select_layer is 29"),
        ({"backbone_embedding_dim": 1024}, "backbone hidden size is 2048, expected 1024"),
        ({"input_embedding_dim": 1024}, "heads x dim is 1536, expected 1024"),
    ],
)
def test_another_network_is_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Gr00tConfig.from_dict(droid_config() | change)


def test_a_missing_key_is_named() -> None:
    raw = droid_config()
    del raw["select_layer"]
    with pytest.raises(UserError, match="config.json: select_layer is missing"):
        Gr00tConfig.from_dict(raw)


def test_a_dit_without_self_attention_is_refused() -> None:
    raw = droid_config()
    raw["diffusion_model_cfg"]["interleave_self_attention"] = False
    with pytest.raises(UserError, match="interleave_self_attention False, expected true"):
        Gr00tConfig.from_dict(raw)


def test_positional_embeddings_are_refused() -> None:
    raw = droid_config()
    raw["diffusion_model_cfg"]["positional_embeddings"] = "sinusoidal"
    with pytest.raises(UserError, match="diffusion_model_cfg.positional_embeddings"):
        Gr00tConfig.from_dict(raw)
