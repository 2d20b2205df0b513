"""The pictures of the README show a scenario as the robot's cameras would."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from experiments import docs_pictures

SMALL = ("--step", "1", "--width", "96", "--height", "64", "--camera-px", "64")


def drawn(folder: Path, *options: str) -> dict[str, np.ndarray]:
    assert docs_pictures.main(["--out", str(folder), *SMALL, *options]) == 0
    return {file.name: cv2.imread(str(file)).astype(float) for file in folder.iterdir()}


def test_exposure_is_seen_in_both_pictures_and_grain_only_where_it_is_asked_for(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "plain")
    assert set(plain) == {"pick_fruit.png", "cameras.png"}
    darker = drawn(tmp_path / "darker", "--factors", "camera_exposure=-0.7")
    grainy = drawn(tmp_path / "grainy", "--factors", "camera_noise=6")
    for name, picture in plain.items():
        bright = picture > 100
        np.testing.assert_allclose(np.median(darker[name][bright] / picture[bright]), 2.0 ** (-0.7 / 2.2), rtol=0.03)
        assert 2.0 < np.std((grainy[name] - picture)[picture < 150]) < 10.0
    again = drawn(tmp_path / "again")
    assert all((again[name] == picture).all() for name, picture in plain.items())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--camera", "nope"), "there is no camera 'nope'; choose one of"),
        (("--width", "100000"), "100000x64 pixels is not drawn; give 16 to 4096 each"),
        (("--camera-px", "100000"), "100000x100000 pixels is not drawn; give 16 to 4096 each"),
    ],
)
def test_a_picture_that_cannot_be_had_is_refused_in_one_line(
    options: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert docs_pictures.main(["--out", str(tmp_path), *SMALL, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not list(tmp_path.iterdir())
