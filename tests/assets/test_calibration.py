"""A calibration is read back as it was written, and belongs to one robot or exoskeleton."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assets.calibration import Calibration, ChannelCalibration, calibrated
from assets.errors import CalibrationError
from assets.table import load_robot

TUDI = load_robot("tudi")
MEASURED = Calibration(
    "robot",
    "tudi",
    "2026-01-01T00:00:00+00:00",
    tuple(ChannelCalibration(own.joint, 1000, 3000, 2000 + place, place) for place, own in enumerate(TUDI.servos)),
)


def test_it_survives_its_file_and_keeps_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "robot.json"
    path.write_text(json.dumps(MEASURED.to_dict()))
    again = Calibration.read(path)
    assert again == MEASURED
    assert again.digest == MEASURED.digest
    assert len(again.digest) == 16
    assert replace(MEASURED, made="2026-01-02T00:00:00+00:00").digest != MEASURED.digest


def test_a_calibrated_robot_has_the_measured_centres_and_offsets_and_the_tables_digest() -> None:
    own = calibrated(TUDI, MEASURED)
    assert [servo.center_ticks for servo in own.servos][:3] == [2000, 2001, 2002]
    assert [servo.homing_offset for servo in own.servos][:3] == [0, 1, 2]
    assert replace(own, servos=TUDI.servos) == TUDI
    moved = replace(TUDI, servos=tuple(replace(servo, homing_offset=5) for servo in TUDI.servos))
    assert moved.digest == TUDI.digest  # an offset is one exemplar's; the data stay comparable


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (replace(MEASURED, robot="rudi"), "of robot 'rudi', not of robot 'tudi'"),
        (replace(MEASURED, subject="exoskeleton"), "of exoskeleton 'tudi', not of robot 'tudi'"),
        (replace(MEASURED, channels=MEASURED.channels[1:]), "lacks waist_yaw"),
    ],
)
def test_a_calibration_of_something_else_is_refused(other: Calibration, complaint: str) -> None:
    with pytest.raises(CalibrationError, match=complaint):
        calibrated(TUDI, other)


@pytest.mark.parametrize("text", ["{", "[]", '{"subject": "cat"}', '{"subject": "robot", "robot": "tudi"}'])
def test_a_file_that_holds_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "robot.json"
    path.write_text(text)
    with pytest.raises(CalibrationError):
        Calibration.read(path)
    with pytest.raises(CalibrationError, match="cannot read"):
        Calibration.read(tmp_path / "absent.json")
