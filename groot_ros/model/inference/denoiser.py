"""The action head prepared for answering one observation after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.dit import Context, Modulation, Tokens
from groot_ros.model.networks.flow_matching import buckets


@dataclass(frozen=True)
class StepConstants:
    """What a denoising step takes from its time bucket: all modulations, the encoder's share."""

    modulation: Modulation
    time_share: Tensor


class Denoiser:
    """`ActionHead.sample` for one observation and one embodiment, without repeated work.

    What depends on the time bucket alone is computed here, once; keys and values of the
    vision-language tokens once per observation and only of the tokens that a block may see.
    """

    def __init__(self, head: ActionHead) -> None:
        if head.config.max_num_embodiments != 1:
            raise ValueError("the network must hold the weights of one embodiment only")
        self.head = head
        self.slot = torch.zeros(1, dtype=torch.long, device=next(head.parameters()).device)
        config = head.config
        self.steps = [
            self.constants(bucket)
            for bucket in buckets(config.num_inference_timesteps, config.num_timestep_buckets)
        ]
        self._given_share = self.constants(config.num_timestep_buckets).time_share

    @torch.no_grad()
    def constants(self, bucket: int) -> StepConstants:
        """Constants of a time bucket."""
        timestep = torch.full_like(self.slot, bucket)
        return StepConstants(
            self.head.model.modulation(timestep), self.head.action_encoder.time_share(timestep)
        )

    def visible(self, features: Tensor, text_index: Tensor, image_index: Tensor) -> Context:
        """The context of features (1, S, D) as each kind of block sees it, without a mask."""
        tokens = self.head.encode_features(features)
        return Context(
            Tokens(tokens.index_select(1, text_index)),
            Tokens(tokens.index_select(1, image_index)),
        )

    def __call__(
        self,
        features: Tensor,
        text_index: Tensor,
        image_index: Tensor,
        state: Tensor,
        start: Tensor,
        strength: Tensor,
    ) -> Tensor:
        """Denoise `start` (1, H, D) for features (1, S, D) and a state (1, T, D).

        text_index and image_index tell the kinds of the S tokens; strength (H, D) is how far each
        number follows the velocity.
        """
        keys_values = self.keys_values(self.visible(features, text_index, image_index))
        state_token = self.head.encode_state(state, self.slot)
        actions = start
        given = self.head.are_given(strength)
        for number in range(len(self.steps)):
            velocity = self.velocity(number, actions, state_token, keys_values, given=given)
            actions = actions + velocity * strength / len(self.steps)
        return actions

    def keys_values(self, context: Context) -> Any:
        """What the blocks take of a context, as `velocity` has it."""
        return self.head.model.keys_values(context)

    def velocity(
        self,
        number: int,
        actions: Tensor,
        state_token: Tensor,
        keys_values: Any,
        given: Tensor | None = None,
    ) -> Tensor:
        """Velocity (1, H, D) of actions in the step of a number, behind a token (1, 1, dim);
        steps (H,) that are `given` have a time of their own."""
        head, step = self.head, self.steps[number]
        share = step.time_share
        if given is not None:
            share = torch.where(given[:, None], self._given_share, share)
        tokens = head.add_positions(head.action_encoder.embed(actions, share))
        hidden = torch.cat([state_token, tokens], dim=1)
        hidden = head.model.denoise(hidden, keys_values, step.modulation)
        found: Tensor = head.action_decoder(hidden[:, -actions.shape[1] :], self.slot)
        return found
