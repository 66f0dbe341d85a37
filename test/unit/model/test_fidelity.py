"""Our numbers against those of independent implementations with the same weights and noise.

The golden files hold their outputs (see docs/model.md); weights and inputs come from seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import networks
import numpy as np
import pytest
import torch

from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.flow_matching import NormalizedPrefix, noisy_sample
from groot_ros.model.networks.network import Batch, Network

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    size: str
    network: Network
    batch: Batch
    golden: dict[str, np.ndarray]

    @property
    def config(self) -> Gr00tConfig:
        return self.network.config


@pytest.fixture(scope="module", params=list(networks.CONFIGS))
def case(request: pytest.FixtureRequest) -> Case:
    config = Gr00tConfig.from_dict(networks.CONFIGS[request.param]())
    network = Network(config).eval()
    networks.seed_weights(network)
    golden = dict(np.load(networks.DATA / f"golden_{request.param}.npz"))
    return Case(request.param, network, networks.batch(config), golden)


def assert_agrees(found: torch.Tensor, golden: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().numpy(), golden, rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_backbone_features(case: Case) -> None:
    backbone, batch = case.network.backbone, case.batch
    layout = backbone.layout(batch.input_ids, batch.grids, batch.attention_mask)
    features = backbone(layout, batch.patches, batch.grids)
    golden = case.golden["features"]
    # NaN where padding may have any features, since nothing looks at it.
    compared = ~np.isnan(golden)
    assert_agrees(features[:, :: networks.EVERY[case.size]][compared], golden[compared])


@torch.no_grad()
def test_velocity(case: Case) -> None:
    head, batch = case.network.action_head, case.batch
    velocity = head.velocity(
        networks.actions(case.config, "noisy"),
        torch.full((2,), networks.TIMESTEP),
        head.encode_state(batch.state, batch.slot),
        case.network.context(batch),
        batch.slot,
    )
    assert_agrees(velocity, case.golden["velocity"])


@torch.no_grad()
def test_actions(case: Case) -> None:
    noise = networks.actions(case.config, "noise")
    assert_agrees(case.network.actions(case.batch, noise), case.golden["actions"])


@torch.no_grad()
def test_continued_actions(case: Case) -> None:
    prefix = NormalizedPrefix(
        steps=networks.actions(case.config, "prefix")[:, : networks.RTC["overlap"]],
        frozen_steps=networks.RTC["frozen"],
        ramp_rate=networks.RTC["rate"],
    )
    noise = networks.actions(case.config, "noise")
    continued = case.network.actions(case.batch, noise, prefix)
    # NVIDIA's N1.6 does not continue chunks.
    if "continued" in case.golden:
        assert_agrees(continued, case.golden["continued"])
    frozen = prefix.frozen_steps
    torch.testing.assert_close(continued[:, :frozen], prefix.steps[:, :frozen])


def seeded_loss(case: Case) -> torch.Tensor:
    sample = noisy_sample(
        networks.actions(case.config, "actions"),
        networks.actions(case.config, "noise"),
        networks.TIMES,
        case.config.num_timestep_buckets,
    )
    return case.network.loss(case.batch, sample, networks.action_mask(case.config))


@pytest.mark.parametrize("case", ["tiny_n16"], indirect=True)
def test_a_dropped_state_becomes_the_learnt_token(case: Case) -> None:
    """In training this network drops every state, and nothing else is random in it."""
    case.network.train()
    loss = seeded_loss(case)
    case.network.eval()
    np.testing.assert_allclose(
        loss.item(), case.golden["loss_without_state"], rtol=0, atol=TOLERANCE
    )
    assert abs(loss.item() - case.golden["loss"]) > 10 * TOLERANCE


def test_loss_and_gradients(case: Case) -> None:
    case.network.zero_grad()
    loss = seeded_loss(case)
    loss.backward()
    np.testing.assert_allclose(loss.item(), case.golden["loss"], rtol=0, atol=TOLERANCE)
    found = networks.gradient_summary(case.network)
    assert sorted(found) == case.golden["gradient_names"].tolist()
    summary = np.stack([found[name] for name in sorted(found)])
    np.testing.assert_allclose(summary, case.golden["gradients"], rtol=0, atol=TOLERANCE)
    scale = np.abs(case.golden["gradients"]).max(axis=1)
    relative = np.abs(summary - case.golden["gradients"]).max(axis=1)[scale > 1e-3]
    assert np.all(relative < TOLERANCE * scale[scale > 1e-3])
