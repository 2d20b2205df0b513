"""The pictures of the README show a scenario as the robot's cameras would."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

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
