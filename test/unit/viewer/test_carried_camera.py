"""Chunks in the wrist camera's picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from groot_ros.chunks.chunk import Chunk
from groot_ros.demo.trace import PublishedChunk, Sample, Trace
from groot_ros.demo.trial_record import write_trial
from groot_ros.signals.signals import EE_POSE, JOINT_POSITION, Signals
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.tasks import Task
from groot_ros.viewer.run_trial import read_trial


def test_a_chunk_that_leads_to_the_cube_ends_on_the_cube_in_the_picture(tmp_path: Path) -> None:
    simulation = Simulation(SimConfig())
    trace = Trace("scripted")
    pictures = []
    try:
        # Two scenes, in which hand and cube are elsewhere, as two moments of one trial.
        for moment, scene in enumerate((3, 4)):
            simulation.reset(scene, Task("pick", "red"))
            pictures.append(simulation.render("wrist").astype(int))
            pose = simulation.ee_pose
            trace.measured.append(Sample(moment * 10**9, pose))
            poses = np.stack([pose, pose])
            poses[1, :3] = simulation.cube_position("red")
            chunk = Chunk(moment * 10**9, 10**9 // 15, signals=Signals((EE_POSE,), (poses,)))
            trace.chunks.append(PublishedChunk(chunk, moment * 10**9, 0.0, 0.0))
    finally:
        simulation.close()
    write_trial(trace, tmp_path / "trial.json")
    views = read_trial(tmp_path / "trial.json", 1.0).overlay["views"]
    [frames] = [view["frames"] for view in views if view["camera"] == "wrist"]
    assert len(frames) == 2
    for picture, pixels in zip(pictures, frames, strict=True):
        height, width = picture.shape[:2]
        column, row = np.array(pixels[1]) * (width, height)
        red, green, blue = picture[int(row), int(column)]
        assert red > green + 60 and red > blue + 60


def test_chunks_of_joints_are_not_drawn_over_the_film(tmp_path: Path) -> None:
    trace = Trace("scripted")
    trace.measured_joints.append(Sample(0, np.zeros(7)))
    joints = Signals((JOINT_POSITION,), (np.zeros((4, 7)),))
    trace.chunks.append(PublishedChunk(Chunk(0, 10**8, signals=joints), 0, 0.0, 0.0))
    write_trial(trace, tmp_path / "trial.json")
    assert "joint_position" in json.loads((tmp_path / "trial.json").read_text())["measured"]
    assert not read_trial(tmp_path / "trial.json", 15.0).is_drawn
