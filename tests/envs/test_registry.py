"""Environments are made by name, and a wrong name is answered with the right ones."""

import gymnasium
import numpy as np
import pytest

from assets.calibration import Calibration
from assets.errors import CalibrationError
from envs.errors import EnvError
from envs.registry import make_env


def test_gymnasium_makes_the_simulated_environment_by_its_id() -> None:
    env = gymnasium.make("envs:Retake/PickFruit-v0", images=False)
    observation, info = env.reset(seed=3)
    assert observation in env.observation_space
    assert info["scenario"].task == "pick_fruit"
    assert not env.spec.nondeterministic
    env.close()


def test_the_real_environment_knows_its_spaces_without_a_cable() -> None:
    env = gymnasium.make("envs:Retake/PickFruitReal-v0")
    simulated = make_env()
    assert env.observation_space == simulated.observation_space
    assert env.action_space == simulated.action_space
    assert env.spec.nondeterministic
    env.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"task": "juggle"},
            "there is no task 'juggle'; choose one of pick_fruit, fold_towel, brew_coffee, wash_dishes",
        ),
        ({"body": "ros"}, "body is 'ros'; choose one of 'sim', 'fast-twin', 'serial'"),
        ({"pace": "slow"}, "pace is 'slow'; choose one of 'sim', 'wall'"),
        ({"body": "serial", "pace": "sim"}, "lives in real time"),
        ({"body": "serial", "camera_every": 2}, "real cameras set their own pace"),
        ({"ports": {"body": "/dev/ttyUSB0"}}, "the simulated body has none"),
        ({"camera_every": 0}, "give 1 for an image every step"),
    ],
)
def test_a_wrong_argument_is_answered_with_what_is_allowed(options: dict[str, object], words: str) -> None:
    with pytest.raises(EnvError, match=words):
        make_env(**options)


def test_images_are_fresh_where_a_policy_asks_for_them() -> None:
    env = make_env(camera_every=50)
    _, info = env.reset(seed=1)
    stamps = []
    for step in range(6):
        if step == 3:
            env.want_images()
        _, _, _, _, info = env.step(np.asarray(info["sent_rad"]))
        stamps.append(round(info["state"].images["head"].stamp_s / 0.04))
    env.close()
    assert stamps == [0, 0, 0, 4, 4, 4]


def test_a_calibration_belongs_to_a_serial_body_of_that_robot() -> None:
    measured = Calibration("robot", "rudi", "2026-01-01T00:00:00+00:00", ())
    with pytest.raises(EnvError, match="a calibration was given"):
        make_env(calibration=measured)
    with pytest.raises(CalibrationError, match="of robot 'rudi', not of robot 'tudi'"):
        make_env(body="serial", calibration=measured)
