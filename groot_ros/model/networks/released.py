"""`config.json` of the network that GR00T N1.7 was released with, as far as it is read."""

from __future__ import annotations

from typing import Any

from groot_ros.model.networks.n17 import N17

N17_3B: dict[str, Any] = {
    "model_type": N17.model_type,
    "model_name": "nvidia/Cosmos-Reason2-2B",
    "select_layer": 16,
    "action_horizon": 40,
    "max_state_dim": 132,
    "max_action_dim": 132,
    "max_num_embodiments": 32,
    "max_seq_len": 1024,
    "hidden_size": 1024,
    "backbone_embedding_dim": 2048,
    "add_pos_embed": True,
    "use_vlln": True,
    "use_alternate_vl_dit": True,
    "diffusion_model_cfg": {
        "num_layers": 32,
        "num_attention_heads": 32,
        "attention_head_dim": 48,
        "output_dim": 1024,
        "dropout": 0.2,
        "final_dropout": True,
        "positional_embeddings": None,
        "norm_type": "ada_norm",
        "interleave_self_attention": True,
    },
    "vl_self_attention_cfg": {
        "num_layers": 4,
        "num_attention_heads": 32,
        "attention_head_dim": 64,
        "dropout": 0.2,
        "final_dropout": True,
        "positional_embeddings": None,
    },
    "state_dropout_prob": 0.2,
    "noise_beta_alpha": 1.5,
    "noise_beta_beta": 1.0,
    "noise_s": 0.999,
    "num_inference_timesteps": 4,
    "num_timestep_buckets": 1000,
    "rtc_ramp_rate": 6.0,
}
