"""Our control table against the one that the manufacturer's own package ships."""

from __future__ import annotations

from pathlib import Path

import dynamixel_easy_sdk
import pytest

from hardware import control_table as table
from hardware.control_table import MODELS, X_SERIES, Register, ServoModel
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


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_every_model_answers_with_the_manufacturers_number(model: ServoModel) -> None:
    rows = [row.split("\t") for row in (TABLES / "dynamixel.model").read_text().splitlines()[1:]]
    assert dict(rows)[str(model.number)] == f"{model.name.lower().replace('-', '_')}.model"


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_indirect_areas_lie_where_the_manufacturer_puts_them(model: ServoModel) -> None:
    # The small servos' areas moved together with their firmware 52 files, which say what the manual says.
    is_small = "330" in model.name
    known = manufacturers_table(f"{model.name}_fw52" if is_small else model.name)
    first = model.indirect[0]
    assert known["indirect address 1"] == (first.address, 2)
    assert known["indirect data 1"] == (first.data, 1)
    assert first.address + 2 * first.count <= first.data
    if not is_small:
        assert known["indirect address read"] == (model.indirect[1].address, 2)
        assert known["indirect data read"] == (model.indirect[1].data, 1)


def test_current_is_known_exactly_where_the_manufacturer_has_a_current_register() -> None:
    for model in MODELS.values():
        assert (model.current_unit_a is not None) == ("present current" in manufacturers_table(model.name)), model.name
        assert (model.current_limit_ticks is not None) == ("current limit" in manufacturers_table(model.name))


def test_the_recommended_voltage_lies_within_the_limits() -> None:
    for model in MODELS.values():
        assert model.lowest_voltage_v < model.voltage_v < model.highest_voltage_v, model.name


def test_the_series_is_a_value_that_knows_its_registers_and_baud_rates() -> None:
    assert X_SERIES.by_name["goal position"] is table.GOAL_POSITION
    assert set(X_SERIES.registers) == set(REGISTERS)
    assert [X_SERIES.baud_code(baud) for baud in (57_600, 1_000_000, 4_000_000)] == [1, 3, 6]
    with pytest.raises(ServoError, match="do not know 12345 baud"):
        X_SERIES.baud_code(12_345)


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
