"""The strip that tells when a twin's image was drawn: through JPEG, at any size, and never out of an ordinary image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.errors import EnvError
from envs.twin.cameras import encode_jpeg
from envs.twin.frame_counter import WRAP_S, draw_time, read_time


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def through_jpeg(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(encode_jpeg(pixels), np.uint8), cv2.IMREAD_COLOR_RGB))


@given(
    moment_s=st.floats(0.0, 1e6),
    away_s=st.floats(-7000.0, 7000.0),
    size=st.sampled_from([(64, 64), (48, 64), (96, 96), (32, 32), (480, 640), (70, 75)]),
    seed=st.integers(0, 1000),
)
def test_a_moment_comes_back_to_the_millisecond_through_jpeg(
    moment_s: float, away_s: float, size: tuple[int, int], seed: int
) -> None:
    sent = through_jpeg(draw_time(picture(*size, seed), moment_s))
    read_s = read_time(sent, near_s=moment_s + away_s)
    assert read_s is not None
    assert read_s == pytest.approx(moment_s, abs=0.0006)


def test_only_the_strip_is_drawn_upon() -> None:
    clean = picture(64, 64, 0)
    marked = draw_time(clean, 12.0)
    np.testing.assert_array_equal(marked[8:], clean[8:])
    assert (marked[:8] != clean[:8]).any()


@pytest.mark.parametrize("level", [0, 255])
def test_an_image_of_one_colour_holds_no_moment(level: int) -> None:
    assert read_time(np.full((64, 64, 3), level, np.uint8), 0.0) is None


@given(seed=st.integers(0, 10_000))
def test_an_ordinary_image_holds_no_moment(seed: int) -> None:
    assert read_time(picture(64, 64, seed), 0.0) is None


@given(cell=st.integers(0, 31), moment_s=st.floats(0.0, WRAP_S / 2))
def test_a_cell_that_changed_its_colour_is_found_out(cell: int, moment_s: float) -> None:
    marked = draw_time(picture(64, 64, 1), moment_s)
    row, column = divmod(cell, 16)
    block = (slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
    marked[block] = 255 - marked[block]
    assert read_time(marked, moment_s) is None


def test_an_image_without_room_is_refused() -> None:
    with pytest.raises(EnvError, match="has no room for a frame counter; it needs 32x4"):
        draw_time(picture(6, 8, 0), 1.0)
    assert read_time(picture(6, 8, 0), 1.0) is None
