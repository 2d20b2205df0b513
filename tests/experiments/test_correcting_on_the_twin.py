"""A policy flies the twin, a trainer in the exoskeleton takes over by pedal and gives back; every step says who led."""

from __future__ import annotations

import threading
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from input_pipe import InputPipe
from recorded import recorded_bytes
from still_policy import policy_that_stays_at_home

from assets.table import load_robot
from envs.episodes.archive import Archive
from experiments import evaluate
from experiments.rollout_files import load_rollouts
from hardware.input_events import EV_KEY
from hardware.pedal import KEY_A, KEY_B, KEY_C
from policies.checkpoint import save_policy

WAIT_S = 120.0
MEANINGS = [f"{KEY_A}=take-over", f"{KEY_B}=give-back", f"{KEY_C}=e-stop"]


@pytest.mark.slow
def test_a_trainer_in_the_exoskeleton_takes_over_from_a_policy_on_the_twin_and_gives_back(tmp_path: Path) -> None:
    robot = load_robot("tudi")
    save_policy(policy_that_stays_at_home(robot), tmp_path / "policy")
    archive, out, is_over = tmp_path / "archive", tmp_path / "rollouts.json", threading.Event()
    pedal = InputPipe(tmp_path / "pedal")

    def correct() -> None:
        deadline_s = time.monotonic() + WAIT_S
        while not recorded_bytes(archive) and not is_over.is_set():
            if time.monotonic() > deadline_s:
                return
            time.sleep(0.01)
        # The twin's trainer moves on whether or not somebody follows, so the take-over must not take long.
        for pause_s, code in ((0.2, KEY_A), (0.2, KEY_A), (2.0, KEY_B), (0.6, KEY_C)):
            is_over.wait(pause_s)
            pedal.send(EV_KEY, code, 1)
            pedal.send(EV_KEY, code, 0)

    trainer = threading.Thread(target=correct)
    trainer.start()
    words = ["--policy", str(tmp_path / "policy"), "--archive", str(archive), "--out", str(out), "--episodes", "1"]
    words += ["--body", "serial", "--correct-with", "exoskeleton", "--ports", f"pedal={pedal.path}"]
    try:
        assert evaluate.main([*words, "--pedal-keys", *MEANINGS]) == 0
    finally:
        is_over.set()
        trainer.join()
        pedal.unplug()
    (rollout,) = load_rollouts(out).rollouts
    assert not rollout.success
    episode = Archive(archive).open(rollout.episode_id)
    assert (episode.sheet.header.station, episode.sheet.header.body) == ("twin", "serial")
    led = [who for who, _ in groupby(episode.in_command.tolist())]
    assert led[:3] == ["policy", "nobody", "pilot"]
    assert led[-2:] == ["nobody", "policy"]
    said = " ".join(fault.message for _, fault in episode.faults)
    assert "the trainer leads" in said
    assert "e-stop by the pedal" in str(episode.sheet.outcome)
    # The trainer's motion arrived at the arm, and no hand-over made it jump.
    arm = robot.group("right_arm")
    period_s = 1.0 / robot.control_hz
    assert np.ptp(episode.sent_rad[:, arm], axis=0).max() > 0.1
    assert (np.abs(np.diff(episode.sent_rad, axis=0)) <= robot.max_rate * period_s + 1e-6).all()
