"""Light and surfaces of a scene, as the scenario wants them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.scenario import Scenario
from envs.simulation import Simulation

DAYLIGHT_K = 6500.0
_DISPLAY_GAMMA = 2.2
_SUN_FALL = 1.2  # how much the sun's light falls for every metre that it goes sideways


class Backdrop:
    """Light and surfaces of one simulation. Changes only how things look."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model, self._data = model, simulation.data
        light = model.vis.headlight
        self._pristine = model.light_diffuse.copy(), light.ambient.copy(), light.diffuse.copy()
        names = [model.mat(index).name for index in range(model.nmat)]
        self._material = {name: index for index, name in enumerate(names)}
        self._covered = {
            name: np.flatnonzero(model.geom_matid == self._material[name])
            for name in ("table", "wall")
            if name in self._material
        }

    def stage(self, scenario: Scenario) -> None:
        """Light the scene and cover its surfaces, whatever was staged before."""
        number = scenario.number
        model, (diffuse, ambient, headlight) = self._model, self._pristine
        tint = number("light_level") * black_body(number("light_temperature"))
        model.light_diffuse[:] = diffuse * tint
        model.vis.headlight.ambient[:] = ambient * tint
        model.vis.headlight.diffuse[:] = headlight * tint
        azimuth = np.deg2rad(number("light_azimuth"))
        direction = np.array([np.cos(azimuth), np.sin(azimuth), -_SUN_FALL])
        # Both, or staging that computes the model's constants would carry the direction of before into this scenario.
        model.light("sun").dir = model.light("sun").dir0 = direction / np.linalg.norm(direction)
        for surface, geoms in self._covered.items():
            model.geom_matid[geoms] = self._material[f"{surface}_{scenario.values[f'{surface}_texture']}"]
        # Images of this moment would else show the light from where it came before.
        mujoco.mj_camlight(model, self._data)


def black_body(temperature_k: float) -> NDArray[np.float64]:  # (3,)
    """Red, green and blue of a lamp of this colour temperature, white at `DAYLIGHT_K`, at equal luminance.

    The renderer multiplies numbers that are shown as they are, so the light's linear colour is encoded for a display.

    A cubic fit of the daylight and Planck loci in the CIE 1931 plane (Kim et al., US patent 7024034, 2006), put through
    the sRGB matrix of IEC 61966-2-1.
    """
    colour = _srgb_of(temperature_k) / _srgb_of(DAYLIGHT_K)
    luminance = colour @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray((colour / luminance) ** (1.0 / _DISPLAY_GAMMA))


def _srgb_of(temperature_k: float) -> NDArray[np.float64]:  # (3,) linear
    kilo = 1e3 / temperature_k
    if temperature_k <= 4000.0:
        x = -0.2661239 * kilo**3 - 0.2343589 * kilo**2 + 0.8776956 * kilo + 0.179910
    else:
        x = -3.0258469 * kilo**3 + 2.1070379 * kilo**2 + 0.2226347 * kilo + 0.240390
    if temperature_k <= 2222.0:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif temperature_k <= 4000.0:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1.0 - x - y) / y])
    to_srgb = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    return np.asarray(np.maximum(to_srgb @ xyz, 0.0))
