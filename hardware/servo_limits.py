"""The limits that the servos themselves keep, as their EEPROM holds them: a person may have set them narrower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import BusError
from hardware.sync_read import block_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK = block_of((table.TEMPERATURE_LIMIT, table.MAX_VOLTAGE_LIMIT, table.MIN_VOLTAGE_LIMIT, table.PWM_LIMIT))
_ATTEMPTS = 3


@dataclass(frozen=True)
class ServoLimits:
    """Of each joint's servo, (joints,)."""

    temperature_c: FloatArray
    lowest_v: FloatArray
    highest_v: FloatArray
    pwm: IntArray  # the largest goal PWM that it takes


def read_limits(joints_on: Mapping[str, Mapping[int, int]], buses: Mapping[str, DynamixelBus]) -> ServoLimits:
    """What all servos hold.

    Args:
        joints_on: for each bus, the index of the joint by servo id.
        buses: by name.

    Raises:
        BusError: a servo does not answer.
        PortError: a cable is gone.
    """
    found = np.zeros(sum(len(ids) for ids in joints_on.values()), dtype=_BLOCK)
    for name, index_of in joints_on.items():
        missing = list(index_of)
        for _ in range(_ATTEMPTS):
            reply = buses[name].sync_read(missing, table.TEMPERATURE_LIMIT.address, _BLOCK.itemsize)
            for servo_id, block in reply.blocks.items():
                found[index_of[servo_id]] = np.frombuffer(block.data, _BLOCK)[0]
            missing = list(reply.problems)
            if not missing:
                break
        else:
            raise BusError(f"bus {name}: servos {missing} do not tell their limits; check power, cable and ids")
    return ServoLimits(
        temperature_c=found[table.TEMPERATURE_LIMIT.name].astype(np.float64),
        lowest_v=found[table.MIN_VOLTAGE_LIMIT.name] * table.VOLTAGE_UNIT_V,
        highest_v=found[table.MAX_VOLTAGE_LIMIT.name] * table.VOLTAGE_UNIT_V,
        pwm=found[table.PWM_LIMIT.name].astype(np.int64),
    )
