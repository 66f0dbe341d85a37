"""Grades of observations and chunks by what the training data was like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.envelope import Envelope, EnvelopeMonitor, measure_envelope
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.datasets.reader import Dataset
from groot_ros.observation.types import Observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.local import LocalPolicy
from groot_ros.robot.config import load_robot
from groot_ros.share import share_file
from groot_ros.signals.signals import Signals
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.perturbed import PerturbedPolicy
from groot_ros.sim.rollout import RolloutConfig, run_episode
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.tasks import Task
from groot_ros.training.config import TrainConfig
from groot_ros.training.data.table import Table, load_table
from groot_ros.training.preparation import prepare_training

CODEC = "ee_rot6d_joints"
TRAINED, HELD_OUT = 12, 3
HORIZON, STEP_NS = 16, round(1e9 / 15)


@dataclass(frozen=True)
class Demonstrations:
    """The training episodes with their envelope, and the table of others."""

    dataset: Dataset
    envelope: Envelope
    codec: Codec
    held_out: Table

    def monitor(self) -> EnvelopeMonitor:
        return EnvelopeMonitor(self.envelope, self.codec)

    def moments(self) -> Iterator[tuple[int, Observation, Chunk]]:
        """Episode, observation and chunk of every other row."""
        table = self.held_out
        for row in range(0, len(table), 2):
            if table.end[row] - row >= HORIZON:
                yield int(table.episode[row]), self.observation(row), self.chunk(row)

    def observation(self, row: int) -> Observation:
        columns = {key: values[row] for key, values in self.held_out.state.items()}
        signals = {p.signal: p.values(columns[p.key]) for p in self.codec.state.parts}
        stamp_ns = int(self.held_out.frame[row]) * STEP_NS
        return Observation(
            stamp_ns=stamp_ns, images={}, instruction="", signals=Signals.of(signals)
        )

    def chunk(self, row: int) -> Chunk:
        steps = self.codec.decode(self.held_out.chunk(row, HORIZON)[0])
        stamp_ns = int(self.held_out.frame[row]) * STEP_NS
        return Chunk(
            stamp_ns,
            STEP_NS,
            0,
            signals=steps,
        )


def joints_of(observation: Observation) -> np.ndarray:
    return observation.signals["joint_position"]


def with_joints(observation: Observation, joints: np.ndarray) -> Observation:
    return observation.replaced({"joint_position": joints})


class Blind(Simulation):
    """Its pictures show the time alone: the expert here does not look at them."""

    def render(self, camera: str) -> np.ndarray:
        return np.full((24, 32, 3), 20 + round(self.time_s * 1000) % 200, np.uint8)


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Demonstrations:
    """Picks of the disturbed expert, recorded and converted."""
    folder = tmp_path_factory.mktemp("envelope")
    simulation = Blind(SimConfig(image_width=32, image_height=24))
    expert = ScriptedPolicy(lambda _, color: simulation.cube_position(color))
    options = BagOptions(image_rate_hz=15.0, executed_steps=1)
    for seed in range(TRAINED + HELD_OUT):
        simulation.reset(seed, Task("pick"))
        bags = folder / ("trained" if seed < TRAINED else "held_out")
        record_episode(bags / str(seed), PerturbedPolicy(expert, seed), simulation, options)
    for name in ("trained", "held_out"):
        convert(Conversion([folder / name], "sim", CODEC, folder / f"{name}_dataset"))
    dataset = Dataset(folder / "trained_dataset")
    codec = find_codec(CODEC).codec(load_robot("sim"))
    held_out = load_table(Dataset(folder / "held_out_dataset"))
    return Demonstrations(dataset, Envelope.of(dataset.own["envelope"]), codec, held_out)


def test_clean_chunks_give_no_alarm(demonstrations: Demonstrations) -> None:
    monitor, last, verdicts = demonstrations.monitor(), -1, []
    for episode, observation, chunk in demonstrations.moments():
        if episode != last:
            monitor.reset()
        last = episode
        verdicts.append(monitor.check(observation, chunk))
    assert len(verdicts) >= 100
    assert [verdict for verdict in verdicts if verdict.grade is not Grade.OK] == []


def test_checkpoints_of_a_training_carry_the_envelope(demonstrations: Demonstrations) -> None:
    dataset = demonstrations.dataset
    config = TrainConfig(str(dataset.path), "runs", "picks", "ee_rot6d_q", base_model="tiny")
    assert prepare_training(config).metadata["envelope"] == dataset.own["envelope"]


def test_a_trained_policy_works_without_an_alarm() -> None:
    """The checkpoint that ships with the package, where it has not seen the cube."""
    config = LocalPolicyConfig(str(share_file("pretrained/sim_pick")), seed=0)
    policy = LocalPolicy(config, find_codec("ee_rot6d_joints_rel"), load_robot("sim"))
    policy.open()
    simulation, verdicts, successes = Simulation(), [], 0
    for seed in range(60_000, 60_004):
        simulation.reset(seed, Task("pick"))
        episode = run_episode(
            policy, simulation, RolloutConfig(executed_steps=4, time_limit_s=12.0)
        )
        verdicts += [moment.chunk.verdict for moment in episode.moments]
        successes += episode.succeeded
    simulation.close()
    assert successes >= 3 and len(verdicts) >= 60
    assert [verdict for verdict in verdicts if verdict.grade is not Grade.OK] == []


def shifted(chunk: Chunk, way: list[float]) -> Chunk:
    return chunk.replaced(
        {"ee_pose": chunk.signals["ee_pose"] + np.array([*way, 0.0, 0.0, 0.0, 0.0])}
    )


def hastened(chunk: Chunk, factor: float) -> Chunk:
    """The same motion from its middle, so many times as fast."""
    poses = chunk.signals["ee_pose"].copy()
    poses[:, :3] += (factor - 1) * (np.arange(HORIZON)[:, None] - 4) * 0.02
    return chunk.replaced({"ee_pose": poses})


def trembling(chunk: Chunk) -> Chunk:
    poses = chunk.signals["ee_pose"].copy()
    poses[:, 2] += 0.03 * (-1.0) ** np.arange(HORIZON)
    return chunk.replaced({"ee_pose": poses})


SHIFTS: list[tuple[Callable[[Observation, Chunk], tuple[Observation, Chunk]], Grade, str]] = [
    (lambda o, c: (o, shifted(c, [0.0, 0.0, 0.6])), Grade.WARN, "wanted ee_pose z is "),
    (lambda o, c: (o, shifted(c, [0.6, 0.0, 0.0])), Grade.SLOW, "wanted ee_pose x is "),
    (lambda o, c: (o, shifted(c, [0.0, -2.0, 0.0])), Grade.HOLD, "wanted ee_pose y is -"),
    (lambda o, c: (o, hastened(c, 8.0)), Grade.HOLD, " times as much as there"),
    (lambda o, c: (o, trembling(c)), Grade.SLOW, "wanted ee_pose z trembles "),
    (
        lambda o, c: (with_joints(o, np.degrees(joints_of(o))), c),
        Grade.HOLD,
        "observed joint_position fr3_joint",
    ),
    (
        lambda o, c: (with_joints(o, joints_of(o)[::-1]), c),
        Grade.SLOW,
        "observed joint_position fr3_joint",
    ),
]


@pytest.mark.parametrize(("shift", "grade", "words"), SHIFTS)
def test_shifted_chunks_give_an_alarm(
    demonstrations: Demonstrations,
    shift: Callable[[Observation, Chunk], tuple[Observation, Chunk]],
    grade: Grade,
    words: str,
) -> None:
    for _, observation, chunk in demonstrations.moments():
        verdict = demonstrations.monitor().check(*shift(observation, chunk))
        assert verdict.grade >= grade, verdict
        assert verdict.reason.startswith("unlike the training data: "), verdict
        assert words in verdict.reason, verdict


def test_trembling_alone_never_stops_the_arm(demonstrations: Demonstrations) -> None:
    _, observation, chunk = next(demonstrations.moments())
    assert demonstrations.monitor().check(observation, trembling(chunk)).grade is Grade.SLOW


def test_a_state_that_jumps_is_told_by_its_step(demonstrations: Demonstrations) -> None:
    """Both values have been seen, the way between them has not."""
    moments = [moment[1:] for moment in demonstrations.moments()]
    (seen, chunk), monitor = moments[0], demonstrations.monitor()
    far = max(moments, key=lambda m: abs(joints_of(m[0])[0] - joints_of(seen)[0]))[0]
    assert monitor.check(seen, chunk) == Verdict()
    jump = replace(with_joints(seen, joints_of(far)), stamp_ns=seen.stamp_ns + STEP_NS)
    verdict = monitor.check(jump, chunk)
    assert verdict.grade is Grade.HOLD and "observed joint_position" in verdict.reason
    monitor.reset()
    assert monitor.check(jump, chunk) == Verdict()


def test_other_step_rates_are_compared_in_time(demonstrations: Demonstrations) -> None:
    """Steps of half the duration are half as long, and the same motion."""
    for _, observation, chunk in demonstrations.moments():
        times_ns = chunk.stamp_ns + np.arange(2 * HORIZON - 1) * (STEP_NS // 2)
        samples = chunk.sample_many(times_ns)
        finer = replace(chunk, step_ns=STEP_NS // 2, signals=samples)
        assert demonstrations.monitor().check(observation, finer).grade is Grade.OK


def test_a_glitch_of_the_recording_does_not_widen_the_envelope() -> None:
    slices = {"state": {"joint_position": {"start": 0, "end": 1}}, "action": {}}
    values = np.sin(np.linspace(0.0, 30.0, 3000))[:, None]
    broken = values.copy()
    broken[1500] = 40.0
    clean, dirty = (
        Envelope.of(json.loads(json.dumps(measure_envelope(slices, [(v, v)], 15.0))))
        for v in (values, broken)
    )
    kept, widened = clean.state["joint_position"], dirty.state["joint_position"]
    assert widened.high < 5 * kept.high and widened.step < 5 * kept.step


def test_episodes_too_short_for_a_third_difference_are_measured() -> None:
    slices = {"state": {"joint_position": {"start": 0, "end": 1}}, "action": {}}
    measured = measure_envelope(slices, [(np.zeros((2, 1)), np.zeros((2, 1)))], 15.0)
    assert Envelope.of(measured).state["joint_position"].jerk > 0
