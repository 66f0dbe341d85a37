"""GR00T N1.6: SigLIP2 and Qwen3-1.7B, of which the first 16 layers are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groot_ros.model.networks.eagle import MERGE, EagleBackbone
from groot_ros.model.networks.version import Tokenizer, Values, Version
from groot_ros.model.processing.eagle_images import EaglePatches
from groot_ros.model.processing.images import CropConfig, ImagePipeline
from groot_ros.model.processing.prompt import EaglePrompt

EAGLE_2B: dict[str, Any] = {
    "image_token_id": 151669,
    "vision_start_token_id": 151670,
    "vision_end_token_id": 151671,
    "tie_word_embeddings": True,
    "text_config": {
        "vocab_size": 151680,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 40960,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000},
    },
    "vision_config": {
        "num_hidden_layers": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_attention_heads": 16,
        "patch_size": 14,
        "num_patches": 256,
    },
}
# Of NVIDIA's processor where processor_config.json has no shortest_image_edge.
DEFAULT_EDGE = 512


def images(kwargs: Values, backbone: Values, _: Sequence[Path]) -> ImagePipeline:
    """Pictures as NVIDIA's processor makes them; for the edge null means the target's height."""
    edge, target = kwargs.get("shortest_image_edge", DEFAULT_EDGE), kwargs.get("image_target_size")
    if edge is None and isinstance(target, list) and target:
        edge = target[0]
    kwargs = {**kwargs, "shortest_image_edge": edge}
    patches = EaglePatches(backbone["vision_config"]["patch_size"], MERGE)
    return ImagePipeline(CropConfig.from_dict(kwargs), patches)


N16 = Version(
    name="N1.6",
    model_type="Gr00tN1d6",
    backbone=EagleBackbone,
    sizes={"nvidia/Eagle-Block2A-2B-v2": EAGLE_2B},
    # N1.6 itself has no in-painting of a running chunk; the rate is N1.7's.
    defaults={
        "attend_text_every_n_blocks": 2,
        "state_history_length": 1,
        "state_additive_noise_scale": 0.0,
        "rtc_ramp_rate": 6.0,
    },
    learns_dropped_state=True,
    prompt=EaglePrompt(),
    tokenizer=Tokenizer(
        ("Qwen/Qwen3-1.7B", "Qwen/Qwen3-VL-2B-Instruct"),
        "NVIDIA's own files lie in gr00t/model/modules/nvidia/Eagle-Block2A-2B-v2 of the "
        "n1.6-release of github.com/NVIDIA/Isaac-GR00T",
    ),
    slots={
        "oxe_google": 0,
        "oxe_widowx": 1,
        "libero_panda": 2,
        "unitree_g1": 8,
        "new_embodiment": 10,
        "robocasa_panda_omron": 13,
        "oxe_droid": 16,
        "gr1": 20,
        "behavior_r1_pro": 24,
    },
    images=images,
)
