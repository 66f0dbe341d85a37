"""Networks that learn to go on from steps that they are given, and those that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import networks
import numpy as np
import pytest
import torch
from checkpoints import observation
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.model.inference.denoiser import Denoiser
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.flow_matching import GivenPrefix, given_steps, noisy_sample
from groot_ros.model.networks.network import Network
from groot_ros.observation.types import Prefix
from groot_ros.training.module import learn_given_steps

GIVEN = 3


def made(raw: Callable[[], dict[str, object]]) -> Network:
    network = Network(Gr00tConfig.from_dict(raw())).eval()
    networks.seed_weights(network)
    return network


@pytest.fixture(scope="module", params=["tiny", "tiny_n16"])
def network(request: pytest.FixtureRequest) -> Network:
    network = made(networks.CONFIGS[request.param])
    learn_given_steps(network, GIVEN + 1)
    return network


def test_a_checkpoint_says_what_it_has_learned_and_others_stay_as_they_are(
    network: Network,
) -> None:
    again = Gr00tConfig.from_dict(network.config.raw)
    assert again.max_delay_steps == GIVEN + 1
    before = Gr00tConfig.from_dict(networks.tiny())
    assert before.max_delay_steps == 0 and "max_delay_steps" not in before.raw


@given(st.lists(st.integers(0, 11), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_given_steps_are_the_actions_and_the_others_noisy(delays: list[int]) -> None:
    shape = (len(delays), 12, 5)
    actions, noise = torch.full(shape, 2.0), torch.full(shape, -1.0)
    sample = noisy_sample(actions, noise, torch.full(shape[:1], 0.25), 1000)
    changed = given_steps(sample, actions, torch.tensor(delays))
    assert changed.given is not None and changed.given.sum(1).tolist() == delays
    assert torch.all(changed.noisy[changed.given] == 2.0)
    torch.testing.assert_close(changed.noisy[~changed.given], sample.noisy[~changed.given])


def loss(network: Network, delay: int, noise: torch.Tensor) -> float:
    actions = networks.actions(network.config, "actions")
    sample = noisy_sample(actions, noise, networks.TIMES, network.config.num_timestep_buckets)
    if delay:
        sample = given_steps(sample, actions, torch.full((len(actions),), delay))
    mask = networks.action_mask(network.config)
    return float(network.loss(networks.batch(network.config), sample, mask))


@torch.no_grad()
def test_nothing_is_learned_of_the_steps_that_are_given(network: Network) -> None:
    noise = networks.actions(network.config, "noise")
    other = noise.clone()
    other[:, :GIVEN] += 5.0
    assert loss(network, GIVEN, noise) == pytest.approx(loss(network, GIVEN, other), rel=1e-5)
    assert loss(network, 0, noise) != pytest.approx(loss(network, 0, other), rel=1e-2)
    # They have a time of their own, of which the other steps know.
    assert loss(network, GIVEN, noise) != pytest.approx(loss(network, 1, noise), rel=1e-4)


@torch.no_grad()
def test_given_steps_stay_and_all_others_are_made_anew(network: Network) -> None:
    batch = networks.batch(network.config)
    noise = networks.actions(network.config, "noise")
    running = networks.actions(network.config, "prefix")[:, : GIVEN + 4]
    prefix = GivenPrefix(steps=running, frozen_steps=GIVEN, ramp_rate=6.0)
    continued = network.actions(batch, noise, prefix)
    torch.testing.assert_close(continued[:, :GIVEN], running[:, :GIVEN])
    # What lies behind the given steps of the running chunk has no say.
    shorter = replace(prefix, steps=running[:, :GIVEN])
    torch.testing.assert_close(network.actions(batch, noise, shorter), continued)
    # They have their own time: with that of the noise around them the answer is another one.
    plain = replace(network.config, max_delay_steps=0)
    network.action_head.reconfigure(plain)
    without = network.actions(batch, noise, prefix)
    network.action_head.reconfigure(network.config)
    assert (without - continued)[:, GIVEN:].abs().max() > 1e-4


@torch.no_grad()
def test_the_prepared_action_head_answers_as_the_plain_one() -> None:
    network = made(lambda: {**networks.tiny(), "max_num_embodiments": 1})
    learn_given_steps(network, GIVEN)
    head, config = network.action_head, network.config
    random = torch.Generator().manual_seed(1)
    features = torch.randn(1, 6, config.backbone_embedding_dim, generator=random)
    state, noise = networks.batch(config).state[:1], networks.actions(config, "noise")[:1]
    prefix = GivenPrefix(networks.actions(config, "prefix")[:1, :5], GIVEN, ramp_rate=6.0)
    denoiser, text, image = Denoiser(head), torch.tensor([0, 1, 5]), torch.tensor([2, 3, 4])
    strength = prefix.strength(noise.shape[1]).expand(noise.shape[1:])
    prepared = denoiser(
        features, text, image, state=state, start=prefix.start(noise), strength=strength
    )
    context = denoiser.visible(features, text, image)
    plain = head.sample(noise, state, context=context, slot=denoiser.slot, prefix=prefix)
    torch.testing.assert_close(prepared, plain)


def test_the_served_network_goes_on_as_the_trained_one_does(groot: Groot) -> None:
    inputs = observation(groot.modality)
    running = {key: value[4:10] for key, value in groot.predict(inputs, seed=1).items()}
    prefix = Prefix(running, frozen_steps=GIVEN)
    painted = groot.predict(inputs, seed=2, prefix=prefix)
    network = groot.network
    learn_given_steps(network, GIVEN)
    try:
        served = groot.predict(inputs, seed=2, prefix=prefix)
        only = {key: value[:GIVEN] for key, value in running.items()}
        alone = groot.predict(inputs, seed=2, prefix=Prefix(only, frozen_steps=GIVEN))
    finally:
        learn_given_steps(network, 0)
    for key, value in running.items():
        np.testing.assert_allclose(served[key][:GIVEN], value[:GIVEN], atol=1e-6)
        np.testing.assert_allclose(served[key], alone[key], atol=1e-6)
    assert not np.allclose(served["ee_pose"], painted["ee_pose"], atol=1e-6)
    again = groot.predict(inputs, seed=2, prefix=prefix)
    np.testing.assert_array_equal(again["ee_pose"], painted["ee_pose"])
