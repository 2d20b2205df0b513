"""A towel that is cut to another size is the towel that would have been compiled at that size."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from assets.table import load_robot
from envs import simulation as simulations
from envs.simulation import Simulation
from envs.tasks.towel import Fabric, Towel, corner

SMALL_M = 0.24
MASS_KG = 0.03  # as the scene compiles
ARRAYS = (
    "body_pos",
    "body_mass",
    "body_inertia",
    "body_subtreemass",
    "body_invweight0",
    "dof_M0",
    "flex_size",
    "flexedge_length0",
    "flexedge_invweight0",
    "flex_stiffness",
    "flex_bending",
    "efm0_L",
)


@pytest.fixture
def compiled_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    text = (simulations.SCENES / "fold_towel.xml").read_text()
    assert 'spacing="0.04 0.04 1"' in text
    (tmp_path / "small.xml").write_text(text.replace('spacing="0.04 0.04 1"', 'spacing="0.03 0.03 1"'))
    monkeypatch.setattr(simulations, "SCENES", tmp_path)
    return Simulation(load_robot("tudi"), "small")


@pytest.fixture
def cut_small() -> Simulation:
    simulation = Simulation(load_robot("tudi"), "fold_towel")
    Towel(simulation).cut(SMALL_M, Fabric(areal_kg_m2=MASS_KG / SMALL_M**2, stretch=1.0, bend=1.0, friction=0.5))
    anchors = simulation.model.eq_data.copy()
    mujoco.mj_setConst(simulation.model, simulation.data)
    simulation.model.eq_data[:] = anchors
    return simulation


def test_every_number_of_the_model_is_the_same(cut_small: Simulation, compiled_small: Simulation) -> None:
    for name in ARRAYS:
        cut, compiled = getattr(cut_small.model, name), getattr(compiled_small.model, name)
        np.testing.assert_allclose(cut, compiled, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_corner_that_is_lifted_lifts_as_much_of_it(cut_small: Simulation, compiled_small: Simulation) -> None:
    shapes = []
    for simulation in (cut_small, compiled_small):
        simulation.place_home()
        lifted = simulation.model.body(f"towel_{corner('far_left')}").id
        for _ in range(30):
            simulation.data.xfrc_applied[lifted] = [-0.01, -0.01, 0.05, 0.0, 0.0, 0.0]
            mujoco.mj_step(simulation.model, simulation.data)
        shapes.append(simulation.data.flexvert_xpos.copy())
    assert np.ptp(shapes[0][:, 2]) > 0.01
    np.testing.assert_allclose(shapes[0], shapes[1], atol=1e-4)


def test_what_a_crumpled_towel_covers_is_the_area_of_its_hull(cut_small: Simulation) -> None:
    towel, rng = Towel(cut_small), np.random.default_rng(0)
    cut_small.place_home()
    cut_small.data.qpos[towel.qpos] += rng.normal(0.0, 0.05, towel.qpos.shape)
    mujoco.mj_kinematics(cut_small.model, cut_small.data)
    mujoco.mj_flex(cut_small.model, cut_small.data)
    hull = ConvexHull(towel.vertices(cut_small.data)[:, :2])
    assert towel.covered(cut_small.data) == pytest.approx(hull.volume / towel.size_m**2, rel=1e-5)


def test_a_flat_towel_covers_all_of_its_area_however_it_lies(cut_small: Simulation) -> None:
    towel = Towel(cut_small)
    towel.size_m = SMALL_M
    cut_small.place_home()
    towel.lay(cut_small.data, np.array([0.3, 0.02]), 0.1)
    mujoco.mj_kinematics(cut_small.model, cut_small.data)
    mujoco.mj_flex(cut_small.model, cut_small.data)
    assert towel.covered(cut_small.data) == pytest.approx(1.0)
    np.testing.assert_allclose(towel.vertices(cut_small.data).mean(axis=0)[:2], [0.3, 0.02])
