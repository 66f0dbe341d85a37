"""Flow matching: times, loss, in-painting; the state token in training."""

from __future__ import annotations

import networks
import numpy as np
import pytest
import torch

from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.flow_matching import (
    NormalizedPrefix,
    masked_loss,
    noisy_sample,
    sample_times,
)
from groot_ros.model.networks.network import Network


def head(**changes: object) -> ActionHead:
    raw = networks.tiny() | changes
    for name in ("diffusion_model_cfg", "vl_self_attention_cfg"):
        raw[name]["dropout"] = 0.0
    network = Network(Gr00tConfig.from_dict(raw))
    networks.seed_weights(network)
    return network.action_head


def test_times_are_early_more_often() -> None:
    rng = np.random.default_rng(0)
    times = sample_times(rng, 20_000, alpha=1.5, beta=1.0, scale=0.999)
    assert times.min() >= 0 and times.max() <= 0.999
    # Beta(1.5, 1) has mean 0.6 and P(s < x) = x^1.5.
    assert times.mean() == pytest.approx(0.4 * 0.999, abs=0.01)
    early = np.mean(times < 0.999 * 0.5)
    assert early == pytest.approx(1 - 0.5**1.5, abs=0.01)


def test_a_noisy_sample_lies_between_noise_and_actions() -> None:
    actions, noise = torch.ones(2, 3, 1), torch.zeros(2, 3, 1)
    sample = noisy_sample(actions, noise, torch.tensor([0.0, 0.7559]), 1000)
    assert sample.timestep.tolist() == [0, 755]
    assert torch.equal(sample.noisy[0], noise[0])
    torch.testing.assert_close(sample.noisy[1], torch.full((3, 1), 0.7559))
    assert torch.equal(sample.velocity, actions - noise)


def test_only_valid_numbers_count() -> None:
    mask = torch.tensor([[[1.0, 0.0]]])
    loss = masked_loss(torch.tensor([[[3.0, 99.0]]]), torch.tensor([[[1.0, 0.0]]]), mask)
    assert loss.item() == pytest.approx(4.0, rel=1e-5)


@pytest.mark.parametrize(("overlap", "frozen"), [(6, 2), (4, 4), (3, 0), (0, 0)])
def test_strength_rises_from_frozen_to_free(overlap: int, frozen: int) -> None:
    prefix = NormalizedPrefix(torch.zeros(1, overlap, 1), frozen, ramp_rate=6.0)
    strength = prefix.strength(10)[:, 0]
    assert strength.shape == (10,)
    assert torch.all(strength[:frozen] == 0) and torch.all(strength[overlap:] == 1)
    ramp = strength[frozen:overlap]
    assert torch.all((ramp > 0) & (ramp < 1)) and torch.all(ramp.diff() > 0)


def test_numbers_that_are_free_begin_as_noise_and_follow_the_velocity() -> None:
    free, noise = torch.tensor([False, True]), torch.full((1, 6, 2), 5.0)
    prefix = NormalizedPrefix(torch.zeros(1, 4, 2), 2, ramp_rate=6.0, free=free)
    assert torch.equal(prefix.start(noise)[0, :, 1], noise[0, :, 1])
    assert prefix.start(noise)[0, :, 0].tolist() == [0.0] * 4 + [5.0] * 2
    alike = NormalizedPrefix(torch.zeros(1, 4, 1), 2, ramp_rate=6.0).strength(6)[:, 0]
    assert torch.equal(prefix.strength(6), torch.stack([alike, torch.ones(6)], dim=1))


def test_the_ramps_numbers() -> None:
    strength = NormalizedPrefix(torch.zeros(1, 2, 1), 1, ramp_rate=6.0).strength(3)
    expected = (1 - torch.exp(torch.tensor(-3.0))) / (1 - torch.exp(torch.tensor(-6.0)))
    torch.testing.assert_close(strength[1, 0], expected)


def test_a_dropped_state_does_not_matter() -> None:
    def loss(action_head: ActionHead, state: torch.Tensor) -> float:
        features = networks.normal(5, "features", (2, 9, 96))
        image_mask = torch.arange(9)[None].expand(2, 9) < 4
        context = action_head.masked_context(features, image_mask, None)
        config = action_head.config
        sample = noisy_sample(
            networks.actions(config, "actions"),
            networks.actions(config, "noise"),
            networks.TIMES,
            1000,
        )
        mask = networks.action_mask(config)
        return action_head.loss(sample, mask, state, context, torch.tensor([1, 3])).item()

    states = [networks.normal(n, "state", (2, 1, 20)) for n in range(2)]
    always, never = head(state_dropout_prob=1.0), head(state_dropout_prob=0.0)
    assert loss(always.train(), states[0]) == loss(always.train(), states[1])
    assert loss(always.eval(), states[0]) != loss(always.eval(), states[1])
    assert loss(never.train(), states[0]) == loss(never.eval(), states[0])


def test_a_state_history_is_one_token() -> None:
    action_head = head(state_history_length=3)
    assert action_head.state_encoder.layer1.W.shape[1] == 3 * 20
    states = networks.normal(0, "states", (2, 3, 20))
    token = action_head.encode_state(states, torch.tensor([0, 1]))
    assert token.shape == (2, 1, 96)
    flat = action_head.state_encoder(states.reshape(2, 1, 60), torch.tensor([0, 1]))
    assert torch.equal(token, flat)


def test_text_and_image_blocks_see_their_own_tokens() -> None:
    action_head = head()
    features = networks.normal(5, "features", (2, 9, 96))
    image_mask = torch.arange(9)[None].expand(2, 9) < 4
    padding = torch.ones(2, 9, dtype=torch.long)
    padding[:, 8] = 0
    context = action_head.masked_context(features, image_mask, padding)
    visible = [kv.mask for kv in action_head.model.keys_values(context) if kv is not None]
    # Blocks 0, 4: text without padding; block 2: image; odd blocks: themselves.
    assert len(action_head.model.transformer_blocks) == 6
    assert [mask[0, 0, 0].nonzero()[:, 0].tolist() for mask in visible] == [
        [4, 5, 6, 7],
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
