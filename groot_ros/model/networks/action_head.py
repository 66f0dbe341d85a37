"""The flow-matching action head: context, state and noisy actions -> velocity of the actions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.dit import AlternateVLDiT, Context, SelfAttentionTransformer, Tokens
from groot_ros.model.networks.embodiment import (
    ActionEncoder,
    CategorySpecificMLP,
    GivenSteps,
)
from groot_ros.model.networks.flow_matching import (
    NoisySample,
    NormalizedPrefix,
    buckets,
    masked_loss,
)


class ActionHead(nn.Module):
    """Action head of N1.6 and N1.7; every form of it computes from the same weights."""

    def __init__(self, config: Gr00tConfig) -> None:
        super().__init__()
        slots, context_dim = config.max_num_embodiments, config.backbone_embedding_dim
        self.model = AlternateVLDiT(
            config.dit, context_dim, config.hidden_size, config.attend_text_every_n_blocks
        )
        self.state_encoder = CategorySpecificMLP(
            slots,
            config.max_state_dim * config.state_history_length,
            config.hidden_size,
            config.input_embedding_dim,
        )
        self.action_encoder = ActionEncoder(
            slots, config.max_action_dim, config.input_embedding_dim
        )
        self.action_decoder = CategorySpecificMLP(
            slots, config.hidden_size, config.hidden_size, config.max_action_dim
        )
        self.vlln = nn.LayerNorm(context_dim) if config.use_vlln else nn.Identity()
        self.vl_self_attention = (
            SelfAttentionTransformer(config.vl_self_attention)
            if config.vl_self_attention
            else nn.Identity()
        )
        if config.add_pos_embed:
            self.position_embedding = nn.Embedding(config.max_seq_len, config.input_embedding_dim)
            nn.init.normal_(self.position_embedding.weight, std=0.02)
        self.mask_token: nn.Parameter | None
        self.register_parameter("mask_token", None)
        self.reconfigure(config)

    def reconfigure(self, config: Gr00tConfig) -> None:
        """Take over a configuration that differs at most in what is done to states in training."""
        self.config = config
        if not config.learns_dropped_state:
            self.mask_token = None
        elif self.mask_token is None:
            self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, config.input_embedding_dim))

    def encode_features(self, features: Tensor) -> Tensor:
        """Backbone features (B, S, D) -> the tokens that the DiT attends to."""
        out: Tensor = self.vl_self_attention(self.vlln(features))
        return out

    def masked_context(
        self, features: Tensor, image_mask: Tensor, attention_mask: Tensor | None
    ) -> Context:
        """Context of a batch; masks (B, S), padding is seen by no block."""
        tokens = self.encode_features(features)
        valid = torch.ones_like(image_mask) if attention_mask is None else attention_mask.bool()
        return Context(Tokens(tokens, ~image_mask & valid), Tokens(tokens, image_mask & valid))

    def encode_state(self, state: Tensor, slot: Tensor) -> Tensor:
        """States (B, T, D) -> one token (B, 1, dim) of the flattened history."""
        out: Tensor = self.state_encoder(state.flatten(1)[:, None], slot)
        return out

    def embed_actions(
        self, actions: Tensor, timestep: Tensor, slot: Tensor, given: Tensor | None = None
    ) -> Tensor:
        """Noisy actions (B, H, D) at time buckets (B,) -> tokens (B, H, dim).

        Steps (B, H) that are `given` have the time of actions without noise.
        """
        own = None if given is None else GivenSteps(given, self.config.num_timestep_buckets)
        return self.add_positions(self.action_encoder(actions, timestep, slot, own))

    def are_given(self, strength: Tensor) -> Tensor | None:
        """Steps (H,) that follow no velocity, of strength (H, D), where the network knows such."""
        return (strength == 0).any(dim=-1) if self.config.max_delay_steps else None

    def add_positions(self, tokens: Tensor) -> Tensor:
        """Action tokens (B, H, dim) with their place in the chunk."""
        if not self.config.add_pos_embed:
            return tokens
        return tokens + self.position_embedding.weight[: tokens.shape[1]]

    def velocity(
        self,
        actions: Tensor,
        timestep: Tensor,
        state_token: Tensor,
        context: Context,
        slot: Tensor,
        given: Tensor | None = None,
    ) -> Tensor:
        """Velocity (B, H, D) of noisy actions (B, H, D) at time buckets (B,)."""
        tokens = self.embed_actions(actions, timestep, slot, given)
        hidden = self.model(torch.cat([state_token, tokens], dim=1), context, timestep)
        out: Tensor = self.action_decoder(hidden, slot)[:, -actions.shape[1] :]
        return out

    def loss(
        self, sample: NoisySample, mask: Tensor, state: Tensor, context: Context, slot: Tensor
    ) -> Tensor:
        """Flow-matching loss; mask (B, H, D) marks valid steps and dimensions.

        In training mode a state token is dropped with the configured probability, and noise of
        the configured scale added.
        """
        state_token = self.encode_state(state, slot)
        if self.training:
            state_token = self._disturb(state_token)
        velocity = self.velocity(
            sample.noisy,
            sample.timestep,
            state_token=state_token,
            context=context,
            slot=slot,
            given=sample.given,
        )
        if sample.given is not None:
            mask = mask * ~sample.given[..., None]
        return masked_loss(velocity, sample.velocity, mask)

    def _disturb(self, state_token: Tensor) -> Tensor:
        config = self.config
        if config.state_dropout_prob > 0:
            chance = torch.rand(len(state_token), 1, 1, device=state_token.device)
            dropped = torch.zeros_like(state_token) if self.mask_token is None else self.mask_token
            state_token = torch.where(chance < config.state_dropout_prob, dropped, state_token)
        if config.state_additive_noise_scale > 0:
            noise = torch.randn_like(state_token)
            state_token = state_token + config.state_additive_noise_scale * noise
        return state_token

    def sample(
        self,
        noise: Tensor,
        state: Tensor,
        context: Context,
        slot: Tensor,
        prefix: NormalizedPrefix | None = None,
    ) -> Tensor:
        """Denoise (B, H, D) in Euler steps without any cache."""
        state_token = self.encode_state(state, slot)
        actions = noise if prefix is None else prefix.start(noise)
        horizon = noise.shape[1]
        strength = torch.ones(horizon, 1) if prefix is None else prefix.strength(horizon)
        strength = strength.to(noise)
        given = self.are_given(strength)
        given = None if given is None else given.expand(len(noise), -1)
        steps = self.config.num_inference_timesteps
        for bucket in buckets(steps, self.config.num_timestep_buckets):
            timestep = torch.full((len(noise),), bucket, device=noise.device)
            velocity = self.velocity(
                actions,
                timestep,
                state_token=state_token,
                context=context,
                slot=slot,
                given=given,
            )
            actions = actions + velocity * strength / steps
        return actions
