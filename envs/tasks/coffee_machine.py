"""The coffee machine: what follows in time once its button was pressed, and what is heard of it."""

from __future__ import annotations

from collections.abc import Mapping

POUR_S = 3.0  # shorter than any brewing: neither the pump nor the cup tells when the machine is ready
BEEP_S = 1.0
PATIENCE_S = 4.0  # from the beep on
PUMP_AMPLITUDE = 0.02  # of full scale: 60 dB where 94 dB is a full-scale sine


class CoffeeMachine:
    """Pours for `POUR_S` after the button, lets drip until the brewing time is over, beeps, and rinses `PATIENCE_S` on.

    `running_s` is the time since the button, None before; it is all that the machine remembers.
    """

    def __init__(self, timestep_s: float) -> None:
        self._dt_s = timestep_s
        self.set_up(0.0, 0.0)

    def set_up(self, brewing_s: float, beep_amplitude: float) -> None:
        """Switched on, waiting for its button.

        Args:
            brewing_s: from the button to the beep.
            beep_amplitude: as a share of full scale.
        """
        self._brewing_s, self._beep_amplitude = brewing_s, beep_amplitude
        self.running_s: float | None = None

    def advance(self, is_pressed: bool) -> None:
        if self.running_s is not None:
            self.running_s += self._dt_s
        elif is_pressed:
            self.running_s = 0.0

    @property
    def is_started(self) -> bool:
        return self.running_s is not None

    @property
    def poured(self) -> float:
        """Share of the coffee that has left the spout."""
        return min((self.running_s or 0.0) / POUR_S, 1.0)

    @property
    def until_beep_s(self) -> float:
        """From now to the beep; below zero afterwards."""
        return self._brewing_s - (self.running_s or 0.0)

    @property
    def is_ready(self) -> bool:
        return self.is_started and self.until_beep_s <= 0.0

    @property
    def is_rinsing(self) -> bool:
        return self.is_started and self.until_beep_s < -PATIENCE_S

    @property
    def voices(self) -> Mapping[str, float]:
        if not self.is_started:
            return {}
        if self.is_ready:
            return {"beep": self._beep_amplitude} if self.until_beep_s > -BEEP_S else {}
        return {"pump": PUMP_AMPLITUDE} if self.poured < 1.0 else {}
