"""Surfaces that tables and walls may have, painted by a formula: the same on every machine, nothing downloaded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.tasks.fold_towel import TOWEL_PATTERNS
from envs.tasks.surroundings import TABLE_TEXTURES, WALL_TEXTURES

Picture = NDArray[np.uint8]  # (EDGE, EDGE, 3)
EDGE = 128

_REPEATS = {
    "wood": 2.0,
    "speckled": 2.0,
    "panels": 3.0,
    "bricks": 4.0,
    "tiles": 4.0,
    "plain": 1.0,
}
_COLOURS = {
    ("table", "plain"): (214, 208, 198),
    ("table", "wood"): (172, 128, 84),
    ("table", "tiles"): (196, 210, 214),
    ("table", "speckled"): (120, 122, 126),
    **{("towel", pattern): (250, 250, 250) for pattern in TOWEL_PATTERNS},
    ("wall", "plain"): (222, 226, 226),
    ("wall", "panels"): (186, 160, 128),
    ("wall", "bricks"): (166, 92, 74),
    ("wall", "tiles"): (206, 220, 214),
}


def add_surfaces(world: mujoco.MjSpec) -> None:
    """Give a scene that has a material "table", "wall" or "towel" all that it may be covered with, as "table_wood"."""
    have = {material.name for material in world.materials}
    for surface, names in (("table", TABLE_TEXTURES), ("wall", WALL_TEXTURES), ("towel", TOWEL_PATTERNS)):
        if surface not in have:
            continue
        for name in names:
            _add(world, f"{surface}_{name}", paint(surface, name), _REPEATS.get(name, 1.0))


def paint(surface: str, name: str) -> Picture:
    """One surface as a picture that continues at its edges."""
    rng = np.random.default_rng(sum(map(ord, surface + name)))
    grain = _PAINTERS[name](rng)  # (EDGE, EDGE), about 1
    colour = np.array(_COLOURS[surface, name], dtype=np.float64)
    return np.asarray(np.clip(colour * grain[..., None], 0.0, 255.0), dtype=np.uint8)


def _plain(rng: np.random.Generator) -> NDArray[np.float64]:
    return 1.0 + 0.01 * rng.standard_normal((EDGE, EDGE))


def _wood(rng: np.random.Generator) -> NDArray[np.float64]:
    across = np.linspace(0.0, 2.0 * np.pi, EDGE, endpoint=False)
    along = across[:, None]
    wave = 0.35 * np.sin(along + 1.0) + 0.2 * np.sin(3.0 * along)
    rings = np.sin(9.0 * across[None, :] + 2.5 * wave) + 0.5 * np.sin(23.0 * across[None, :] + 4.0 * wave)
    return 1.0 + 0.09 * rings + 0.02 * rng.standard_normal((EDGE, EDGE))


def _tiles(rng: np.random.Generator) -> NDArray[np.float64]:
    return _joints(rng, rows=2, columns=2, shift=0.0, joint=0.78)


def _bricks(rng: np.random.Generator) -> NDArray[np.float64]:
    return _joints(rng, rows=4, columns=2, shift=0.5, joint=1.35)


def _panels(rng: np.random.Generator) -> NDArray[np.float64]:
    return _joints(rng, rows=1, columns=4, shift=0.0, joint=0.7)


def _speckled(rng: np.random.Generator) -> NDArray[np.float64]:
    coarse = rng.standard_normal((EDGE // 4, EDGE // 4)).repeat(4, axis=0).repeat(4, axis=1)
    return 1.0 + 0.12 * coarse + 0.1 * rng.standard_normal((EDGE, EDGE))


def _striped(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.broadcast_to(_bands(), (EDGE, EDGE)) + 0.02 * rng.standard_normal((EDGE, EDGE))


def _checked(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.sqrt(_bands()[:, None] * _bands()[None, :]) + 0.02 * rng.standard_normal((EDGE, EDGE))


def _bands() -> NDArray[np.float64]:  # (EDGE,)
    """A broad and a narrow dark band towards each edge of a cloth."""
    place = np.abs(np.linspace(-1.0, 1.0, EDGE))
    is_dark = ((place > 0.45) & (place < 0.65)) | ((place > 0.75) & (place < 0.82))
    return np.where(is_dark, 0.35, 1.0)


def _joints(rng: np.random.Generator, rows: int, columns: int, shift: float, joint: float) -> NDArray[np.float64]:
    """Tiles or bricks, each a little different, with joints of another brightness between them."""
    place = np.arange(EDGE) / EDGE
    row = (place * rows).astype(int)  # (EDGE,)
    column_place = (place[None, :] + shift * (row[:, None] % 2) / columns) % 1.0
    column = (column_place * columns).astype(int)  # (EDGE, EDGE)
    shade = 1.0 + 0.06 * rng.standard_normal((rows, columns))
    grain = shade[row[:, None], column]
    width = 3.0 / EDGE
    is_joint = ((place * rows) % 1.0 < width * rows)[:, None] | ((column_place * columns) % 1.0 < width * columns)
    return np.asarray(np.where(is_joint, joint, grain) + 0.015 * rng.standard_normal((EDGE, EDGE)))


_PAINTERS = {
    "plain": _plain,
    "wood": _wood,
    "tiles": _tiles,
    "bricks": _bricks,
    "panels": _panels,
    "speckled": _speckled,
    "striped": _striped,
    "checked": _checked,
}


def _add(world: mujoco.MjSpec, name: str, picture: Picture, repeats: float) -> None:
    texture = world.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=EDGE, height=EDGE, nchannel=3)
    texture.data = picture.tobytes()
    material = world.add_material(name=name, texrepeat=[repeats, repeats], specular=0.05)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture.name
