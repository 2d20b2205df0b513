"""Normal forces between things of a scene, added up by MuJoCo as the physics goes."""

from __future__ import annotations

from collections.abc import Sequence

from envs.engine import mujoco
from envs.simulation import Simulation

_FORCE_ALONE = 1 << int(mujoco.mjtConDataField.mjCONDATA_FORCE)
_PER_CONTACT = 3  # the normal and two tangents, in newton


class ForceSums:
    """What contact sensors of the scene feel: the sum of the normal forces of all contacts that each one matches.

    Rules ask after every physics step. The sensors are read where MuJoCo wrote them: where there are many contacts, as
    under a towel, to look through all of them from Python takes longer.

    Args:
        simulation: whose scene has the sensors.
        names: of them, one a sum, and at least one; each `<contact data="force" reduce="maxforce" num="...">`. Of more
            contacts than `num` the weakest are left out.

    Raises:
        KeyError: the scene has no sensor of that name.
        ValueError: it has, but of another kind.
    """

    def __init__(self, simulation: Simulation, names: Sequence[str]) -> None:
        model = simulation.model
        self._felt = simulation.data.sensordata  # a view
        found = [model.sensor(name) for name in names]
        for name, sensor in zip(names, found, strict=True):
            is_contact = model.sensor_type[sensor.id] == mujoco.mjtSensor.mjSENS_CONTACT
            if not is_contact or model.sensor_intprm[sensor.id, 0] != _FORCE_ALONE:
                raise ValueError(f'sensor {name!r} feels no contact forces; a sum takes <contact data="force">')
        self._first = min(int(sensor.adr[0]) for sensor in found)
        self._end = max(int(sensor.adr[0] + sensor.dim[0]) for sensor in found)
        self._normals = [
            slice(int(sensor.adr[0]) - self._first, int(sensor.adr[0] + sensor.dim[0]) - self._first, _PER_CONTACT)
            for sensor in found
        ]

    def read_n(self) -> list[float]:
        """All sums, as of the last physics step."""
        felt = self._felt[self._first : self._end].tolist()
        return [sum(felt[normals]) for normals in self._normals]
