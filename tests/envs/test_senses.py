"""Touch, sound and sight of the simulated body, against what MuJoCo and acoustics say."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hidden_egl import environment_without_egl
from pick_fruit_flights import PICK, Info, blind_env, body_of, fly, fly_until, scenario

from assets.table import load_robot
from envs.errors import RenderingError
from envs.senses.sight import SightSense
from envs.senses.touch import PAD_LENGTH_M, PAD_WIDTH_M, TouchSense
from envs.simulation import Simulation
from envs.tasks.grip import HOLDING_N


def test_each_pad_feels_the_normal_forces_of_its_contacts() -> None:
    with blind_env() as env:
        info = fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        simulation = body_of(env).simulation
        model, data = simulation.model, simulation.data
        expected = []
        for pad in env.robot.pads:
            total, force = 0.0, np.zeros(6)
            for index in range(data.ncon):
                if model.geom(pad.name).id in data.contact[index].geom:
                    mujoco.mj_contactForce(model, data, index, force)
                    total += force[0]
            expected.append(total)
        felt = TouchSense(simulation).forces_n()
        np.testing.assert_allclose(felt.sum(axis=(1, 2)), expected, atol=1e-9)
        assert sorted(expected)[-2] > HOLDING_N  # thumb and a finger hold the fruit
        # What is reported is noisy: 16 taxels, each with a standard deviation of 0.02 N, none below zero.
        np.testing.assert_allclose(info["state"].touch_n.sum(axis=(1, 2)), expected, atol=0.5)


def test_a_force_between_taxels_is_shared_by_its_neighbours_only() -> None:
    with blind_env() as env:
        fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        felt = TouchSense(body_of(env).simulation).forces_n()
        contacts = body_of(env).simulation.data.ncon
        assert (felt >= 0.0).all()
        assert 0 < np.count_nonzero(felt) <= 4 * contacts


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (4, 1)])
def test_pads_of_a_single_row_or_column_feel_as_much(rows: int, columns: int) -> None:
    with blind_env() as env:
        fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        simulation = body_of(env).simulation
        whole_n = TouchSense(simulation).forces_n().sum(axis=(1, 2))
        narrow = copy.copy(simulation)
        narrow.robot = replace(
            env.robot, pads=tuple(replace(pad, rows=rows, columns=columns) for pad in env.robot.pads)
        )
        felt = TouchSense(narrow).forces_n()
        assert felt.shape == (len(env.robot.pads), rows, columns)
        np.testing.assert_allclose(felt.sum(axis=(1, 2)), whole_n, atol=1e-9)
        assert whole_n.max() > HOLDING_N


def test_taxels_feel_a_force_where_it_presses() -> None:
    with blind_env() as env:
        fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        simulation = body_of(env).simulation
        model, data = simulation.model, simulation.data
        felt = TouchSense(simulation).forces_n()
        force, pressed = np.zeros(6), 0
        for pad, taxels in zip(env.robot.pads, felt, strict=True):
            site, moment, total = data.site(pad.name), np.zeros(2), 0.0
            for index in range(data.ncon):
                contact = data.contact[index]
                if model.geom(pad.name).id in contact.geom:
                    mujoco.mj_contactForce(model, data, index, force)
                    in_pad = site.xmat.reshape(3, 3).T @ (contact.pos - site.xpos)
                    # x across, y along; the outermost taxels lie at the edges, and feel what presses beyond them.
                    edge = 0.5 * np.array([PAD_WIDTH_M, PAD_LENGTH_M])
                    moment += force[0] * np.clip(in_pad[:2], -edge, edge)
                    total += force[0]
            if total > 0.0:
                across = np.linspace(-0.5, 0.5, pad.columns) * PAD_WIDTH_M
                along = np.linspace(-0.5, 0.5, pad.rows) * PAD_LENGTH_M
                found = (taxels * across).sum(), (taxels.T * along).sum()
                np.testing.assert_allclose(found, moment, atol=1e-9 * (1.0 + total))
                pressed += 1
        assert pressed >= 2


def test_a_pad_that_is_pressed_harder_than_it_can_tell_says_its_most() -> None:
    with blind_env() as env:
        fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        simulation = body_of(env).simulation
        true_n = TouchSense(simulation).forces_n()
        most_n = 0.4 * true_n.max()
        weak = copy.copy(simulation)
        weak.robot = replace(env.robot, pads=tuple(replace(pad, max_force_n=most_n) for pad in env.robot.pads))
        told_n = TouchSense(weak).read(np.random.default_rng(0))
        is_over, is_under = true_n > most_n + 0.1, true_n < most_n - 0.1
        assert is_over.any()
        np.testing.assert_array_equal(told_n[is_over], most_n)
        assert (told_n[is_under] < most_n).all()


def test_each_pad_has_a_most_of_its_own() -> None:
    with blind_env() as env:
        fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        simulation = body_of(env).simulation
        true_n = TouchSense(simulation).forces_n().max(axis=(1, 2))
        pressed = int(true_n.argmax())
        weak = copy.copy(simulation)
        pads = list(env.robot.pads)
        pads[pressed] = replace(pads[pressed], max_force_n=0.5 * true_n[pressed])
        weak.robot = replace(env.robot, pads=tuple(pads))
        told_n = TouchSense(weak).read(np.random.default_rng(0)).max(axis=(1, 2))
        others = np.delete(np.arange(len(pads)), pressed)
        assert told_n[pressed] == 0.5 * true_n[pressed]
        np.testing.assert_allclose(told_n[others], true_n[others], atol=0.1)


def test_the_noise_of_a_taxel_has_the_spread_that_is_stated() -> None:
    with blind_env() as env:
        fly_until(env, scenario(), lambda info: info["judgement"].current > PICK)
        touch, rng = TouchSense(body_of(env).simulation), np.random.default_rng(0)
        true_n = touch.forces_n()
        told_n = np.array([touch.read(rng) for _ in range(2000)])
        pressed = told_n[:, true_n > 0.2]
        assert pressed.size
        np.testing.assert_allclose(pressed.mean(axis=0), true_n[true_n > 0.2], atol=0.003)
        np.testing.assert_allclose(pressed.std(axis=0), 0.02, rtol=0.08)
        # Where nothing presses, half of the noise is below zero, which no taxel reports.
        idle = told_n[:, true_n == 0.0]
        assert (idle >= 0.0).all()
        assert np.mean(idle > 0.0) == pytest.approx(0.5, abs=0.01)
        assert np.sqrt(np.mean(idle[idle > 0.0] ** 2)) == pytest.approx(0.02, rel=0.02)


def test_the_noise_factor_is_heard_in_the_scene() -> None:
    with blind_env() as env:
        quiet, loud = (list(fly(env, scenario(noise_level=level), steps=20))[-1]["state"].sound for level in (30, 70))
        assert np.std(loud.astype(float)) > 3 * np.std(quiet.astype(float))


def test_the_same_seed_sounds_the_same_and_another_does_not() -> None:
    with blind_env() as env:

        def heard(seed: int) -> bytes:
            infos: list[Info] = list(fly(env, scenario(noise_level=60), seed=seed, steps=15))
            return bytes(infos[-1]["state"].sound.tobytes())

        assert heard(5) == heard(5)
        assert heard(5) != heard(6)


@pytest.mark.parametrize("backend", ["glfw", "disabled"])
def test_without_opengl_the_error_names_the_packages_to_install(backend: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    code = "from envs.registry import make_env; make_env().reset(seed=0)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "MUJOCO_GL": backend},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode != 0
    assert "RenderingError" in found.stderr
    assert "apt-get install libegl1 libgl1-mesa-dri" in found.stderr
    assert "MUJOCO_GL=egl" in found.stderr


def test_an_image_too_large_is_refused_by_its_size_and_nobody_is_sent_for_packages() -> None:
    sight = SightSense(Simulation(load_robot("tudi"), "pick_fruit"))
    for width, height in ((100_000, 64), (64, 4097), (0, 64)):
        with pytest.raises(RenderingError, match=rf"{width}x{height} pixels .* 1 to 4096 on either side$"):
            sight.render("overview", width, height)


def _python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


def test_without_the_egl_library_the_error_names_the_packages_to_install(tmp_path: Path) -> None:
    code = "from envs.registry import make_env; make_env(images=False).reset(seed=0)"
    found = _python(code, environment_without_egl(tmp_path))
    assert found.returncode != 0
    told = found.stderr.splitlines()[-1]
    assert "RenderingError" in told
    assert "apt-get install libegl1 libgl1-mesa-dri" in told
    # What the error advises works.
    assert _python(code, environment_without_egl(tmp_path) | {"MUJOCO_GL": "disable"}).returncode == 0
