"""Cameras: pictures show the scene, and the known geometry is that of the pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.sim.locator import color_mask, locate_in_picture
from groot_ros.sim.scene import CAMERAS, CUBE_COLORS, EXTERIOR_CAMERA
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import CUBE_DISTANCE_M
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig

SIZE = (320, 240)
PICK = Task("pick")
SCENES = range(12)


@pytest.fixture(scope="module")
def simulation():
    simulation = Simulation(SimConfig(WorldConfig(cubes=tuple(CUBE_COLORS))))
    yield simulation
    simulation.close()


def pictures(simulation):
    return {camera: simulation.render(camera) for camera in CAMERAS}


@given(st.floats(0.33, 0.67), st.floats(-0.22, 0.22), st.floats(0.0, 0.3))
def test_a_pixel_leads_back_to_its_point(x, y, z) -> None:
    point = np.array([x, y, z])
    pixel = EXTERIOR_CAMERA.project(point, *SIZE)
    assert np.all(pixel > 0) and np.all(pixel < SIZE)
    np.testing.assert_allclose(EXTERIOR_CAMERA.on_plane(pixel, *SIZE, z), point, atol=1e-9)


def test_points_behind_the_camera_have_no_pixel() -> None:
    assert np.all(np.isnan(EXTERIOR_CAMERA.project([3.0, -3.0, 1.5], *SIZE)))


@pytest.mark.parametrize("seed", SCENES)
def test_cubes_are_seen_by_both_cameras(simulation, seed) -> None:
    simulation.reset(seed, PICK)
    for camera, picture in pictures(simulation).items():
        assert picture.shape == (240, 320, 3) and picture.dtype == np.uint8
        assert picture.std() > 10
        for color in CUBE_COLORS:
            assert color_mask(picture, color).sum() > 20, f"{color} in {camera}"


@pytest.mark.parametrize("seed", SCENES)
def test_cubes_are_found_in_the_picture(simulation, seed) -> None:
    simulation.reset(seed, PICK)
    observation = Observation(0, pictures(simulation), PICK.instruction)
    for color in CUBE_COLORS:
        found = locate_in_picture(observation, color)
        assert found is not None
        assert np.linalg.norm(found - simulation.cube_position(color)) < 0.005


def test_nothing_is_found_where_nothing_is(simulation) -> None:
    simulation.reset(0, PICK)
    seen = pictures(simulation)
    red = color_mask(seen["exterior"], "red")
    half_hidden = seen["exterior"].copy()
    half_hidden[:, : int(np.nonzero(red)[1].mean())] = 128
    for picture in (np.full_like(half_hidden, 128), half_hidden):
        assert locate_in_picture(Observation(0, {"exterior": picture}, ""), "red") is None
    with pytest.raises(UserError, match="exterior"):
        locate_in_picture(Observation(0, {"wrist": seen["wrist"]}, ""), "red")


def test_scenes_differ_by_seed_alone(simulation) -> None:
    def scene(seed):
        simulation.reset(seed, PICK)
        return simulation.configuration, pictures(simulation)

    (first, seen), (other, _), (again, seen_again) = scene(3), scene(4), scene(3)
    assert np.array_equal(first, again) and not np.allclose(first, other)
    assert all(np.array_equal(seen[camera], seen_again[camera]) for camera in CAMERAS)


@pytest.mark.parametrize("seed", SCENES)
def test_cubes_lie_apart(simulation, seed) -> None:
    simulation.reset(seed, PICK)
    places = [simulation.cube_position(color)[:2] for color in CUBE_COLORS]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(places) for b in places[:i]]
    assert min(gaps) > CUBE_DISTANCE_M
