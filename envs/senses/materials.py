"""What things are made of, as far as it can be heard, and which body of a scene is made of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.engine import mujoco
from envs.errors import BodyError
from envs.simulation import Simulation

DEFAULT, OF_ROBOT, OF_CLOTH = "wood", "rubber", "cloth"
_TEXT = "sound_materials"

# Modes of simple bodies over their lowest one. Fletcher and Rossing, The Physics of Musical Instruments (1998): a disc
# and a bar with free edges, a plate with supported edges; Lamb, Proc. London Math. Soc. (1882): an elastic sphere.
_DISC = (1.0, 1.73, 2.33, 3.91, 4.11, 6.30)
_BAR = (1.0, 2.756, 5.404, 8.933)
_BOARD = (1.0, 2.11, 2.89, 3.96, 5.85)
_SPHERE = (1.0, 1.485, 1.90)
_HELD_PER_S = 12.0  # what stands or is held loses sound to what holds it


@dataclass(frozen=True)
class Material:
    """One typical object of a material.

    Attributes:
        modes_hz: its modes, all below 8 kHz.
        decays_per_s: how fast each falls: amplitude e^(-decay t).
        contact_s: how long it touches a hard thing that it strikes.
        loudness: peak amplitude, as a share of full scale, a newton second of a short blow.
        rub_hz: middle of the noise when something slides over it.
        rub_loudness: root mean square of that noise, as a share of full scale, a root watt of force times speed.
    """

    modes_hz: tuple[float, ...]
    decays_per_s: tuple[float, ...]
    contact_s: float
    loudness: float
    rub_hz: float
    rub_loudness: float


def _rayleigh(modes_hz: Sequence[float], alpha_per_s: float, beta_s: float) -> tuple[float, ...]:
    """Decays (alpha + beta w^2) / 2 of modes with angular frequency w (Rayleigh damping), held by something."""
    return tuple(_HELD_PER_S + 0.5 * (alpha_per_s + beta_s * (2 * np.pi * hz) ** 2) for hz in modes_hz)


def _lossy(modes_hz: Sequence[float], loss_factor: float) -> tuple[float, ...]:
    """Decays pi f tan(phi) of modes (van den Doel and Pai, The Sounds of Physical Shapes, Presence 1998)."""
    return tuple(_HELD_PER_S + np.pi * hz * loss_factor for hz in modes_hz)


def _times(lowest_hz: float, ratios: Sequence[float]) -> tuple[float, ...]:
    return tuple(lowest_hz * ratio for ratio in ratios)


_PLATE, _WIRE, _TABLE = _times(1180.0, _DISC), _times(780.0, _BAR), _times(190.0, _BOARD)
_BOX, _RODS, _FLESH = _times(420.0, _DISC), _times(310.0, _BAR), _times(640.0, _SPHERE)

# Rayleigh damping of ceramic, steel, wood and plastic: Wang and James, KleinPAT, ACM Trans. Graphics 2019, table 4.
# Loss factors of the rest are within the ranges of Cremer and Heckl, Structure-Borne Sound (1988), for rubber, cork and
# fibre; fruit, wicker, cloth, foam and paper, and all lowest modes, contact times and loudnesses, are assumed.
MATERIALS = {
    "ceramic": Material(_PLATE, _rayleigh(_PLATE, 6.0, 1e-7), 0.15e-3, 3.0, 3500.0, 0.020),
    "steel": Material(_WIRE, _rayleigh(_WIRE, 5.0, 3e-8), 0.15e-3, 2.5, 4200.0, 0.020),
    "wood": Material(_TABLE, _rayleigh(_TABLE, 60.0, 2e-6), 0.5e-3, 1.5, 1400.0, 0.012),
    "plastic": Material(_BOX, _rayleigh(_BOX, 30.0, 1e-6), 0.6e-3, 1.5, 2200.0, 0.012),
    "wicker": Material(_RODS, _lossy(_RODS, 0.10), 0.8e-3, 1.0, 2500.0, 0.015),
    "paper": Material((350.0, 900.0, 2100.0), _lossy((350.0, 900.0, 2100.0), 0.3), 2e-3, 0.5, 3000.0, 0.012),
    "fruit": Material(_FLESH, _lossy(_FLESH, 0.10), 2e-3, 0.6, 900.0, 0.004),
    "rubber": Material((110.0, 240.0), _lossy((110.0, 240.0), 0.4), 2e-3, 0.4, 700.0, 0.005),
    "foam": Material((90.0, 190.0), _lossy((90.0, 190.0), 0.8), 8e-3, 0.2, 900.0, 0.006),
    "cloth": Material((120.0, 260.0), _lossy((120.0, 260.0), 1.0), 6e-3, 0.2, 1200.0, 0.006),
}
NAMES = tuple(MATERIALS)


def materials_of(simulation: Simulation) -> list[str]:  # (geoms + flexes,)
    """The material of every geom, and then of every flex.

    A scene names them in `<custom><text name="sound_materials" data="plate=ceramic towel=cloth"/></custom>`, by body or
    flex. What is not named is made of what its parent is made of; the robot is rubber, a flex cloth, all else wood.

    Raises:
        BodyError: the text names a body that there is not, or a material that is not known.
    """
    model = simulation.model
    named = _named_in(model)
    bodies: list[str] = []
    robot = model.body_rootid[model.joint(simulation.robot.joint_names[0]).bodyid[0]]
    for index, parent in enumerate(model.body_parentid):
        inherited = bodies[parent] if index else DEFAULT
        bodies.append(named.pop(model.body(index).name, OF_ROBOT if index == robot else inherited))
    flexes = [
        named.pop(mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_FLEX, index) or "", OF_CLOTH)
        for index in range(model.nflex)
    ]
    if named:
        raise BodyError(
            f"the scene's text {_TEXT!r} names {', '.join(named)}, which is neither a body nor a flex; correct it"
        )
    return [bodies[body] for body in model.geom_bodyid] + flexes


def _named_in(model: mujoco.MjModel) -> dict[str, str]:
    text = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_TEXT, _TEXT)
    if text < 0:
        return {}
    start = model.text_adr[text]
    words = model.text_data[start : start + model.text_size[text]].rstrip(b"\0").decode().split()
    named = dict(word.partition("=")[::2] for word in words)
    for body, material in named.items():
        if material not in MATERIALS:
            raise BodyError(f"the scene's text {_TEXT!r} says {body}={material}; use one of {', '.join(NAMES)}")
    return named
