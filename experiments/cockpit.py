"""What a person teleoperates by: the leading device, the pedal, the keys and the e-stop, joined for one session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from assets.exoskeleton import load_exoskeleton
from envs.connections import AT_A_ROBOT, CONTROL, EXOSKELETON, GAMEPAD, PEDAL
from envs.errors import StoppedError
from envs.estop import EmergencyStop
from envs.humanoid import HumanoidEnv
from envs.pilots.correction import Asking
from envs.pilots.exoskeleton import REPLY_AMONG_PROCESSES_S, ExoskeletonPilot, open_exoskeleton
from envs.pilots.gamepad import GamepadPilot, Side
from experiments.calibrations import chosen_calibration
from experiments.command import UsageError
from experiments.port_options import cables_of
from experiments.terminal_panel import Mark, TerminalPanel
from experiments.workers import console
from hardware.gamepad import Gamepad
from hardware.pedal import Pedal, PedalMeaning, pedal_meanings

Device = Literal["exoskeleton", "gamepad"]
Leader = ExoskeletonPilot | GamepadPilot


@dataclass(frozen=True)
class Teleoperation:
    """How a person leads.

    `exoskeleton` is another device's own table, `calibration` a file of measured travels or a folder of them; where
    they are None, the table beside the robot's and the newest file are used. With `has_clutch` the robot makes the
    trainer's motion while the clutch is engaged, by pedal or by the key c.
    """

    device: Device = "exoskeleton"
    has_clutch: bool = False
    pedal_keys: tuple[str, ...] = ()
    hand: Side = "right"
    exoskeleton: Path | None = None
    calibration: Path | None = None


class Cockpit:
    """The devices of one session; `cockpit` makes it. Presses come from the devices' own threads."""

    def __init__(
        self,
        env: HumanoidEnv,
        robot: str,
        ports: Mapping[str, str],
        wanted: Teleoperation,
        panel: TerminalPanel | None,
        *,
        is_correcting: bool,
    ) -> None:
        self.asking = Asking()
        self._env = env
        self._robot = robot
        self._ports = ports
        self._wanted = wanted
        self._panel = panel
        self._is_correcting = is_correcting
        self._pedal: Pedal | None = None
        self._is_toggled = False
        self.estop = EmergencyStop(env, self.say)

    @property
    def is_on(self) -> bool:
        """The clutch: whether the pedal holds it, or the key c has switched it on."""
        return self._is_toggled or (self._pedal is not None and self._pedal.holds("clutch"))

    def say(self, text: str) -> None:
        """Tell the person, where there is one."""
        if self._panel is not None:
            self._panel.say(text)
        else:
            console.print(f"  {text}", soft_wrap=True, markup=False)

    def plug_in(self, stack: ExitStack) -> None:
        """Listen to keys and pedal.

        Raises:
            HardwareError: the pedal cannot be opened, or its keys are not said rightly.
        """
        stack.callback(self.estop.close)
        if self._panel is not None:
            self._panel.on_stop(self.estop.press, self.estop.refuse_if_pressed)
            if self._is_correcting:
                self._panel.bind("t", "pause, take over", lambda: self.asking.ask("take_over"))
                self._panel.bind("g", "give back to the policy", lambda: self.asking.ask("give_back"))
            elif self._wanted.has_clutch:
                self._panel.bind("c", "clutch on or off", self._toggle)
        if PEDAL in self._ports:
            self._pedal = Pedal(self._ports[PEDAL], self._hear, pedal_meanings(self._wanted.pedal_keys))
            stack.callback(self._pedal.close)
            self._pedal.start()
            if self._pedal.has_e_stop:
                stack.callback(self.estop.watch(self._pedal, "the pedal"))

    def leader(self, stack: ExitStack) -> Leader:
        """The pilot at the wanted device; released with `stack`.

        Raises:
            UsageError: the device has no port.
            AssetError, EnvError, HardwareError: the device cannot be had.
        """
        wanted, robot = self._wanted, self._env.robot
        require_device(wanted.device, self._ports)
        if wanted.device == "gamepad":
            gamepad = Gamepad(self._ports[GAMEPAD], lambda: self.estop.press("the gamepad"))
            stack.callback(gamepad.close)
            gamepad.start()
            stack.callback(self.estop.watch(gamepad, "the gamepad"))
            return GamepadPilot(robot, gamepad, wanted.hand)
        layout, calibration = None, None
        is_own = CONTROL not in self._ports  # a twin's trainer wears one of the robot's build, without an error
        if is_own:
            layout = load_exoskeleton(wanted.exoskeleton or self._robot, robot)
        if is_own or wanted.calibration is not None:
            calibration = chosen_calibration(wanted.calibration, robot, "exoskeleton")
        clutch = self if wanted.has_clutch and not self._is_correcting else None
        port = self._ports[EXOSKELETON]
        reply_s = reading_patience_s(self._ports)
        pilot = open_exoskeleton(robot, port, reply_s, layout=layout, calibration=calibration, clutch=clutch)
        stack.callback(pilot.close)
        return pilot

    def clear_stop(self, *, is_robot: bool) -> None:
        """After a stop, let a person say who has seen to it. Nothing, where there was none.

        A soft stop is asked about where `is_robot` only: the next thing is the way home, and a hand may be in it.

        Raises:
            StoppedError: nobody can be asked.
            OperatorQuitError: the person ends the session.
        """
        if self._panel is not None:
            self._panel.refuse_after_quit()
        while True:
            presses = self.estop.presses  # before the question, which then tells of no press that came later
            stopped = self._stopped(is_robot=is_robot)
            if stopped is None:
                return
            if self._panel is None:
                raise StoppedError(f"{stopped}; begin again once the robot is safe")
            name = self._panel.ask_name(
                f"{stopped}. See that people and robot are safe; then type your name and Enter to re-arm: the robot "
                "will move home. q and Enter ends the session"
            )
            try:
                self.estop.rearm(name, presses)
            except StoppedError as refusal:
                self.say(str(refusal))
            else:
                self.say(f"re-armed by {name}")

    def _stopped(self, *, is_robot: bool) -> str | None:
        """What a person has to see to before anything moves."""
        by, stop = self.estop.pressed_by, self._env.stopped
        if by is not None:
            return f"E-STOP by {by}" if stop is None or stop.is_body_safe else f"E-STOP by {by}: {stop.reason}"
        if stop is not None and (is_robot or stop.severity == "hard"):
            return f"STOPPED: {stop.reason}"
        return None

    def _hear(self, meaning: PedalMeaning) -> None:
        if meaning == "e_stop":
            self.estop.press("the pedal")
        elif meaning in ("take_over", "give_back"):
            self.asking.ask(meaning)
        elif meaning == "clutch":
            if self._is_correcting:
                self.asking.ask("take_over")
        elif self._panel is not None:
            self._panel.mark(cast(Mark, meaning))

    def _toggle(self) -> None:
        self._is_toggled = not self._is_toggled
        self.say(f"clutch {'on' if self._is_toggled else 'off'}")


@contextmanager
def cockpit(
    env: HumanoidEnv,
    robot: str,
    ports: Mapping[str, str],
    wanted: Teleoperation,
    panel: TerminalPanel | None,
    *,
    is_correcting: bool = False,
) -> Iterator[Cockpit]:
    """Keys, pedal and e-stop of a session, listened to until it ends."""
    with ExitStack() as stack:
        made = Cockpit(env, robot, ports, wanted, panel, is_correcting=is_correcting)
        made.plug_in(stack)
        yield made


def reading_patience_s(ports: Mapping[str, str]) -> float:
    """How long the control loop may wait for a sensing servo's answer beyond its time on the wire.

    While it waits, a robot's servos hear nothing, and their watchdogs are as short as `[safety]` says.
    """
    is_at_a_robot = bool(cables_of(ports)) and CONTROL not in ports
    return AT_A_ROBOT.reply_s if is_at_a_robot else REPLY_AMONG_PROCESSES_S


def require_device(device: Device, ports: Mapping[str, str]) -> None:
    """Refuse a leading device that is not plugged in.

    Raises:
        UsageError: it has no port.
    """
    if device not in ports:
        example = "/dev/input/event3" if device == GAMEPAD else "/dev/..."
        raise UsageError(f"no {device}; add --ports {device}={example}")
