"""Our control table against the one that the manufacturer's own package ships."""

from __future__ import annotations

from pathlib import Path

import dynamixel_easy_sdk
import pytest

from hardware import control_table as table
from hardware.control_table import MODELS, Register
from hardware.errors import ServoError

TABLES = Path(dynamixel_easy_sdk.__file__).parent / "control_table"
OTHER_NAMES = {
    "shadow id": "secondary(shadow) id",
    "realtime tick": "realtime tick",
    "present voltage": "present input voltage",
}
REGISTERS = [value for value in vars(table).values() if isinstance(value, Register)]


def manufacturers_table(model: str) -> dict[str, tuple[int, int]]:
    rows = (TABLES / f"{model.lower().replace('-', '_')}.model").read_text().split("[control table]")[1].splitlines()
    cells = [row.split("\t") for row in rows if row[:1].isdigit()]
    return {name.strip().lower(): (int(address), int(size)) for address, size, name in cells}


@pytest.mark.parametrize("model", MODELS)
def test_every_register_lies_where_the_manufacturer_puts_it(model: str) -> None:
    known = manufacturers_table(model)
    compared = 0
    for register in REGISTERS:
        name = OTHER_NAMES.get(register.name, register.name)
        name = name.replace("present current", "present load") if MODELS[model].current_unit_a is None else name
        if name in known:
            assert known[name] == (register.address, register.size), register.name
            compared += 1
    assert compared >= 35


def test_a_negative_value_is_stored_in_twos_complement() -> None:
    assert table.GOAL_CURRENT.encode(-2) == b"\xfe\xff"
    assert table.PRESENT_POSITION.decode(b"\xff\xff\xff\xff") == -1


def test_a_value_that_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(ServoError, match="bus watchdog"):
        table.BUS_WATCHDOG.encode(256)


def test_stall_current_means_stall_torque() -> None:
    model = MODELS["XM540-W270"]
    assert model.current_unit_a is not None
    ticks = model.stall_current_a / model.current_unit_a
    assert ticks * model.torque_per_tick_nm == pytest.approx(10.6)
    assert 1000 * MODELS["XL430-W250"].torque_per_tick_nm == pytest.approx(1.5)
