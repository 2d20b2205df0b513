"""Forces by kinds of contact, against what MuJoCo says of each contact."""

from __future__ import annotations

from contextlib import closing

import mujoco
import numpy as np
import pytest

from envs.contact_rows import ContactRows, ForceSums, kinds_by_body
from envs.registry import make_env
from envs.sim_body import SimBody
from envs.simulation import Simulation

PLATE, ELSE, NOTHING = 2, 1, 0


@pytest.fixture(scope="module")
def kitchen() -> Simulation:
    """A plate in its stand, a sponge in its tray."""
    with closing(make_env("wash_dishes", images=False, senses=())) as env:
        env.reset(seed=0)
        assert isinstance(env.body, SimBody)
        return env.body.simulation


def kind(body: str) -> int:
    return PLATE if body == "plate" else NOTHING if body in ("sponge", "foot") else ELSE


def force_n(simulation: Simulation, contact: int) -> float:
    force = np.zeros(6)
    mujoco.mj_contactForce(simulation.model, simulation.data, contact, force)
    return float(force[0])


@pytest.mark.parametrize("cone", [mujoco.mjtCone.mjCONE_ELLIPTIC, mujoco.mjtCone.mjCONE_PYRAMIDAL])
def test_a_sum_holds_the_contacts_of_its_kinds_and_no_other(kitchen: Simulation, cone: mujoco.mjtCone) -> None:
    model, data = kitchen.model, kitchen.data
    model.opt.cone = cone
    kinds = kinds_by_body(kitchen, kind)
    sums = ForceSums(kitchen, kinds, {(PLATE, ELSE): 1, (PLATE, PLATE): 0})
    for _ in range(20):
        mujoco.mj_step(model, data)
        expected = [0.0, 0.0]
        for contact, pair in enumerate(data.contact.geom.tolist()):
            met = sorted(kinds[geom] for geom in pair)
            if met in ([ELSE, PLATE], [PLATE, PLATE]):
                expected[met == [ELSE, PLATE]] += force_n(kitchen, contact)
        assert sums.read_n() == pytest.approx(expected)
    assert expected[1] > 0.5  # the plate lies on something
    rows, indices = ContactRows(kitchen), list(range(data.ncon))[::-1]
    assert rows.some_normal_forces_n(data.contact, indices) == pytest.approx([force_n(kitchen, i) for i in indices])
    data.ncon, touching = 0, data.ncon
    assert sums.read_n() == [0.0, 0.0]
    data.ncon = touching
