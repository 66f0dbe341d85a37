"""GR00T N1.7: Qwen3-VL-2B, of which the first 16 text layers are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.json_file import read_json
from groot_ros.model.networks.qwen3_vl import Qwen3VLBackbone
from groot_ros.model.networks.version import Tokenizer, Values, Version
from groot_ros.model.processing.images import CropConfig, ImagePipeline, PatchConfig
from groot_ros.model.processing.prompt import QwenPrompt

# The released checkpoints name their backbone; its architecture is that of Qwen3-VL-2B.
QWEN3_VL_2B_NAMES = ("Qwen/Qwen3-VL-2B-Instruct", "nvidia/Cosmos-Reason2-2B")
QWEN3_VL_2B: dict[str, Any] = {
    "image_token_id": 151655,
    "video_token_id": 151656,
    "vision_start_token_id": 151652,
    "vision_end_token_id": 151653,
    "tie_word_embeddings": True,
    "text_config": {
        "vocab_size": 151936,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 262144,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5_000_000,
            "mrope_section": [24, 20, 20],
            "mrope_interleaved": True,
        },
    },
    "vision_config": {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_heads": 16,
        "patch_size": 16,
        "temporal_patch_size": 2,
        "spatial_merge_size": 2,
        "num_position_embeddings": 2304,
        "out_hidden_size": 2048,
        "deepstack_visual_indexes": [5, 11, 17],
    },
}
# preprocessor_config.json of Qwen3-VL-2B and Cosmos-Reason2-2B.
QWEN3_VL_PROCESSOR: dict[str, Any] = {
    "size": {"shortest_edge": 65536, "longest_edge": 16777216},
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def images(kwargs: Values, backbone: Values, folders: Sequence[Path]) -> ImagePipeline:
    """The image pipeline of the checkpoint's `preprocessor_config.json`, else that of Qwen3-VL-2B.

    UserError where its patches are not those of the network.
    """
    values = QWEN3_VL_PROCESSOR
    for folder in folders:
        if (folder / "preprocessor_config.json").exists():
            values = read_json(folder / "preprocessor_config.json", "an image processor's file")
            break
    patches = PatchConfig.from_dict(values)
    vision = backbone["vision_config"]
    for found, key, theirs in (
        (patches.patch_size, "patch_size", "patch_size"),
        (patches.temporal_patch_size, "temporal_patch_size", "temporal_patch_size"),
        (patches.merge_size, "merge_size", "spatial_merge_size"),
    ):
        if found != vision.get(theirs, found):
            raise UserError(
                f"preprocessor_config.json has {key} {found}, but the network of config.json has "
                f"{vision[theirs]}: get both files of one checkpoint"
            )
    return ImagePipeline(CropConfig.from_dict(kwargs), patches)


N17 = Version(
    name="N1.7",
    model_type="Gr00tN1d7",
    backbone=Qwen3VLBackbone,
    sizes=dict.fromkeys(QWEN3_VL_2B_NAMES, QWEN3_VL_2B),
    defaults={
        "attend_text_every_n_blocks": 2,
        "state_history_length": 1,
        "state_additive_noise_scale": 0.0,
    },
    learns_dropped_state=False,
    prompt=QwenPrompt(),
    tokenizer=Tokenizer(
        QWEN3_VL_2B_NAMES,
        "the same files of nvidia/Cosmos-Reason2-2B need its licence accepted on its Hugging "
        "Face page first",
    ),
    slots={
        "simpler_env_google": 0,
        "simpler_env_widowx": 1,
        "libero_sim": 2,
        "new_embodiment": 10,
        "oxe_droid_relative_eef_relative_joint": 24,
        "real_g1_relative_eef_relative_joints": 25,
        "unitree_g1_full_body_with_waist_height_nav_cmd": 25,
        "real_r1_pro_sharpa_relative_eef": 26,
        "real_r1_pro_sharpa_relative_eef_human": 26,
        "real_r1_pro_sharpa_relative_eef_maxinsights": 26,
        "real_r1_pro_sharpa_relative_eef_mecka": 26,
        "xdof_relative_eef_relative_joint": 27,
        "xdof_relative_eef_relative_joint_subtask": 27,
    },
    images=images,
)
