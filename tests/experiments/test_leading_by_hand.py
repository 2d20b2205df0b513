"""A person leads the simulated body at wall pace, by exoskeleton or gamepad; a pedal stops it; all is recorded."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from input_pipe import InputPipe
from recorded import recorded_bytes
from serial_cable import SerialCable

from assets.calibration import Calibration, ChannelCalibration
from assets.exoskeleton import isomorphic_joints
from assets.table import load_robot
from envs.episodes.archive import Archive
from experiments import collect
from hardware.gamepad import ABS_Y, BTN_LEFT_SHOULDER
from hardware.input_events import EV_ABS, EV_KEY
from hardware.pedal import KEY_C
from hardware.virtual_robot import VirtualExoskeleton

TUDI = load_robot("tudi")
WAIT_S = 120.0
LED_S = 1.5


@pytest.fixture
def pedal(tmp_path: Path) -> Iterator[InputPipe]:
    device = InputPipe(tmp_path / "pedal")
    yield device
    device.unplug()


def when_recording(archive: Path, act: threading.Event) -> None:
    """Return once an episode has run for a while."""
    deadline_s = time.monotonic() + WAIT_S
    while not recorded_bytes(archive) and time.monotonic() < deadline_s and not act.is_set():
        time.sleep(0.01)
    act.wait(LED_S)


def calibration_of_all(path: Path) -> Calibration:
    channels = tuple(ChannelCalibration(joint.name, 0, 4095, 2048) for joint in TUDI.joints)
    made = Calibration("exoskeleton", "tudi", "2025-01-01T00:00:00+00:00", channels)
    path.write_text(json.dumps(made.to_dict()))
    return made


def test_a_person_in_an_exoskeleton_leads_the_simulated_body_until_the_pedal_stops_it(
    tmp_path: Path, pedal: InputPipe
) -> None:
    archive, calibrated = tmp_path / "archive", tmp_path / "calibration.json"
    own = calibration_of_all(calibrated)
    worn = VirtualExoskeleton(isomorphic_joints(TUDI))
    worn.hold(TUDI.home)
    is_over = threading.Event()
    elbow = TUDI.joint_index["left_elbow"]

    def lead() -> None:
        when_recording(archive, is_over)
        shown_rad = TUDI.home.copy()
        for _ in range(40):
            shown_rad[elbow] -= 0.01
            worn.hold(shown_rad)
            time.sleep(0.02)
        is_over.wait(LED_S)  # the robot catches up
        pedal.send(EV_KEY, KEY_C, 1)

    trainer = threading.Thread(target=lead)
    with SerialCable(tmp_path, worn.bus.feed) as cable:
        trainer.start()
        arguments = ["--episodes", "1", "--archive", str(archive), "--pilot", "exoskeleton"]
        arguments += ["--exoskeleton-calibration", str(calibrated)]
        code = collect.main([*arguments, "--ports", f"exoskeleton={cable.path}", f"pedal={pedal.path}"])
        is_over.set()
        trainer.join()
    assert code == 0
    (sheet,) = Archive(archive).episodes()
    episode = Archive(archive).open(sheet.id)
    header = episode.sheet.header
    assert (header.operator, header.station, header.body) == ("trainer", "simulation", "sim")
    assert header.extra["calibration"] == {"exoskeleton": own.digest}
    assert episode.sheet.outcome is not None
    assert episode.sheet.outcome.reason == "stopped: e-stop by the pedal"
    assert "pilot" in episode.in_command
    assert episode.sent_rad[-1][elbow] == pytest.approx(TUDI.home[elbow] - 0.4, abs=0.05)


def test_a_person_at_a_gamepad_moves_the_simulated_hand(tmp_path: Path, pedal: InputPipe) -> None:
    archive, pad = tmp_path / "archive", InputPipe(tmp_path / "pad")
    is_over = threading.Event()

    def lead() -> None:
        when_recording(archive, is_over)
        pad.send(EV_KEY, BTN_LEFT_SHOULDER, 1)
        pad.send(EV_ABS, ABS_Y, -32_767)
        is_over.wait(LED_S)
        pad.send(EV_KEY, BTN_LEFT_SHOULDER, 0)
        is_over.wait(LED_S)
        pedal.send(EV_KEY, KEY_C, 1)

    person = threading.Thread(target=lead)
    person.start()
    ports = [f"gamepad={pad.path}", f"pedal={pedal.path}"]
    code = collect.main(["--episodes", "1", "--archive", str(archive), "--pilot", "gamepad", "--ports", *ports])
    is_over.set()
    person.join()
    pad.unplug()
    assert code == 0
    (sheet,) = Archive(archive).episodes()
    episode = Archive(archive).open(sheet.id)
    led = episode.in_command.tolist()
    assert led[0] == led[-1] == "nobody"
    assert "pilot" in led
    moved = np.abs(episode.sent_rad[-1] - episode.sent_rad[0]) > 1e-3
    arm = TUDI.group("right_arm")
    assert moved[arm].any()
    assert not np.delete(moved, arm).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pilot", "exoskeleton"], "exoskeleton=/dev/"),
        (["--pilot", "gamepad"], "gamepad=/dev/input/"),
        (["--ports", "gamepad=/dev/x"], "--pilot exoskeleton or gamepad"),
        (["--pilot", "gamepad", "--ports", "gamepad=/dev/x", "right=/dev/y"], "--body serial"),
        (["--pilot", "gamepad", "--clutch", "--ports", "gamepad=/dev/x"], "--clutch"),
        (["--pilot", "gamepad", "--ports", "gamepad=/dev/x", "--pedal-keys", "30=jump"], "code=meaning"),
        (["--pilot", "gamepad", "--ports", "gamepad=/dev/none"], "by-id"),
    ],
)
def test_devices_that_cannot_lead_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert collect.main(["--archive", str(tmp_path / "a"), "--episodes", "1", *arguments]) == 2
    assert words in capsys.readouterr().err
