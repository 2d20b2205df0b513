"""The body on cables: servos, pads, inertial unit, microphone and cameras behind the seam."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assets.calibration import Calibration, calibrated
from assets.robot import RobotSpec
from envs.body import BodyState, JointTarget
from envs.clock import Clock, WallClock
from envs.connections import AT_A_ROBOT, Patience, require_connections
from envs.errors import BodyError
from envs.homing import is_home, refuse_elsewhere, way_home
from envs.real_senses import RealSenses
from envs.scenario import Scenario
from envs.servo_watch import ServoWatch
from envs.step_down import step_down
from hardware.errors import BusError, HardwareError, PortError
from hardware.servos import ServoChain

_LOG = logging.getLogger(__name__)

SETTLE_S = 2.0  # what the last joint may take to arrive at home
CONNECT_PAUSES_S = (0.2, 0.5, 1.0)  # between attempts: an adapter that was replugged takes its time


class RealBody:
    """A humanoid on cables. Opens them at the first reset, and again at the next reset after one has failed.

    `stop` may be called from any thread; everything else from one.

    Args:
        spec: the robot.
        clock: lets each control period pass; must be a wall clock.
        ports: what each connection is plugged into, by the names of `envs.connections.connection_names`.
        patience: how long to wait for the far ends.
        calibration: where this one robot's joints have their zeros; None trusts the table's.

    Raises:
        BodyError: a connection is missing or unknown.
        CalibrationError: the calibration is of something else.
    """

    def __init__(
        self,
        spec: RobotSpec,
        clock: Clock,
        ports: Mapping[str, str],
        patience: Patience = AT_A_ROBOT,
        calibration: Calibration | None = None,
    ) -> None:
        require_connections(spec, ports)
        self._spec = spec
        self._exemplar = spec if calibration is None else calibrated(spec, calibration)
        self._calibration = calibration
        self._clock = clock
        self._ports = dict(ports)
        self._patience = patience
        self._lock = threading.RLock()
        self._chain: ServoChain | None = None
        self._senses: RealSenses | None = None
        self._stopped: str | None = "it was never reset"
        self._is_limp = True
        self._watch = ServoWatch(spec)
        self._watchdog_s = spec.safety.watchdog_s if patience.watchdog_s is None else patience.watchdog_s
        self._spoke_s = 0.0  # when the servos last heard from here
        self._is_resting = False  # at home, before the first goal of an episode

    @property
    def spec(self) -> RobotSpec:
        return self._spec

    @property
    def calibration_digests(self) -> Mapping[str, str]:
        return {} if self._calibration is None else {self._calibration.subject: self._calibration.digest}

    def forget_stop(self) -> None:
        with self._lock:
            self._stopped = None

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> BodyState:
        """Come home, and read the first state; see `Body.reset`. Raises what `come_home` raises."""
        senses = self._brought_home()
        senses.begin_episode()
        with self._cables() as chain:
            state = self._state(chain, senses)
        self._is_resting = True
        return state

    def come_home(self) -> None:
        """Take hold of every joint where it stands, and move home.

        Raises:
            BodyError: the body was stopped since `forget_stop`, a joint did not arrive, or something worse than a note
                happened on the way.
            HardwareError: a cable, a servo or a sensor fails.
        """
        self._brought_home()

    def exchange(self, target: JointTarget) -> BodyState:
        if self._senses is None:
            raise BodyError("this body has no episode; reset it first")
        with self._cables() as chain:
            self._be_heard(chain)
            sent_rad = chain.write_goals(target.position_rad)
            chain.ask_ahead()  # now, because the end of the period belongs to what the next action depends on
        self._clock.wait()
        with self._cables() as chain:
            return replace(self._state(chain, self._senses), sent_rad=sent_rad)

    def stop(self, reason: str) -> None:
        self._stopped = reason  # before the lock, so that whoever has it gives up at its next step
        with self._lock:
            if self._chain is None or self._is_limp:
                return
            self._is_limp = True
            if failures := self._step_down(self._chain):
                raise BodyError(_cut_the_power(failures))

    def close(self) -> None:
        try:
            self.stop("closed")
        finally:
            with self._lock:
                failures = self._disconnect()
            if self._senses is not None:
                self._senses.close()
                self._senses = None
        if failures:
            raise BodyError(_cut_the_power(failures))

    def _brought_home(self) -> RealSenses:
        self._watch.forget()
        self._is_resting = False
        if self._senses is None:
            self._senses = RealSenses(self._spec, self._ports, self._patience)
        was_connected = self._chain is not None
        try:
            standing_rad = self._take_hold()
        except (PortError, BusError) as error:
            if not was_connected:
                raise
            _LOG.warning("the servos are connected anew: %s", error)
            with self._lock:
                self._disconnect()
            standing_rad = self._take_hold()
        self._go_home(standing_rad)
        return self._senses

    def _take_hold(self) -> NDArray[np.float64]:
        """Every joint held where it stands, and where that is."""
        with self._cables(connect=True) as chain:
            self._is_limp = False
            return chain.rearm(self._refuse_if_stopped).position_rad

    def _refuse_if_stopped(self) -> None:
        if self._stopped is not None:
            raise BodyError(f"the body is stopped ({self._stopped}); reset it first")

    @contextmanager
    def _cables(self, connect: bool = False) -> Iterator[ServoChain]:
        """The servos, for this thread alone; a cable that fails is opened anew at the next reset."""
        with self._lock:
            self._refuse_if_stopped()
            try:
                if self._chain is None and connect:
                    self._chain = self._connected()
                if self._chain is None:
                    raise BodyError("the body is not connected; reset it first")
                yield self._chain
                self._spoke_s = time.monotonic()
            except PortError as error:
                if failures := self._disconnect():
                    raise PortError(f"{error}. {_cut_the_power(failures)}") from error
                raise

    def _step_down(self, chain: ServoChain) -> tuple[str, ...]:
        """Let go by the ladder of the robot's table; what may still have its torque."""
        try:
            return step_down(chain, self._spec.safety, self._watchdog_s)
        except HardwareError as error:
            _LOG.error("the joints could not be held before letting go: %s", error)
            return chain.let_go()

    def _connected(self) -> ServoChain:
        """The servos, verified and not held yet; a cable that is only just back is tried again."""
        for pause_s in CONNECT_PAUSES_S:
            try:
                return self._connect_once()
            except (PortError, BusError) as error:
                _LOG.warning("not connected yet: %s", error)
                threading.Event().wait(pause_s)
            self._refuse_if_stopped()
        return self._connect_once()

    def _connect_once(self) -> ServoChain:
        chain = ServoChain(
            self._exemplar,
            {name: self._ports[name] for name in self._spec.bus_names},
            watchdog_s=self._watchdog_s,
            reply_margin_s=self._patience.reply_s,
        )
        try:
            chain.set_up(self._refuse_if_stopped)
        except BaseException:  # an interrupt, too, would leave the ports taken and servos without their watchdogs
            chain.close()
            raise
        return chain

    def _disconnect(self) -> tuple[str, ...]:
        """Let go by the ladder, as far as the cables reach, and release them; what may still have its torque."""
        chain, self._chain = self._chain, None
        was_limp, self._is_limp = self._is_limp, True
        if chain is None:
            return ()
        if not was_limp:
            self._step_down(chain)  # what it tells, closing tells again
        return chain.close()

    def _be_heard(self, chain: ServoChain) -> None:
        """After a pause, find out whether the servos have stopped by themselves: they drop every goal in silence then.

        At home, before the first goal, they are taken hold of again: people and policies may take their time there.

        Raises:
            BodyError: they stopped later than that, or the robot has left home meanwhile.
            HardwareError: they cannot be taken hold of.
        """
        is_resting, self._is_resting = self._is_resting, False
        silent_s = time.monotonic() - self._spoke_s
        # Half, because the first bus heard its last word before the last bus did; asking counts as speaking.
        if silent_s < self._watchdog_s / 2.0 or not (tripped := chain.tripped()):
            return
        if not is_resting:
            raise BodyError(
                f"{', '.join(tripped)} heard nothing for {silent_s:.2f} s and stopped; allowed are "
                f"{self._watchdog_s:g} s. See what held the control loop up, and reset"
            )
        refuse_elsewhere(self._spec, chain.rearm(self._refuse_if_stopped).position_rad)

    def _go_home(self, standing_rad: NDArray[np.float64]) -> None:
        pace = WallClock(1.0 / self._spec.control_hz)
        position_rad = standing_rad
        for target_rad in way_home(self._spec, standing_rad):
            position_rad = self._move(target_rad, pace)
        for _ in range(round(SETTLE_S * self._spec.control_hz)):
            if is_home(self._spec, position_rad):
                return
            position_rad = self._move(self._spec.home, pace)
        refuse_elsewhere(self._spec, position_rad)

    def _move(self, target_rad: NDArray[np.float64], pace: WallClock) -> NDArray[np.float64]:
        with self._cables() as chain:
            self._be_heard(chain)
            chain.write_goals(target_rad)
        pace.wait()
        with self._cables() as chain:
            joints = chain.read()
            serious = [fault.message for fault in self._watch.faults(chain, joints) if fault.severity != "note"]
        if serious:
            raise BodyError(f"the way home was broken off: {'; '.join(serious)}")
        return joints.position_rad

    def _state(self, chain: ServoChain, senses: RealSenses) -> BodyState:
        joints = chain.read()
        faults = self._watch.faults(chain, joints)
        answered = [
            stamp_s
            for name, stamp_s in zip(self._spec.joint_names, joints.stamp_s, strict=True)
            if name not in joints.missing
        ]
        stamp_s = float(min(answered, default=joints.stamp_s.max()))
        readings = senses.read(stamp_s)
        return BodyState(
            position_rad=joints.position_rad,
            velocity_rad_s=joints.velocity_rad_s,
            effort_nm=joints.effort_nm,
            joints_stamp_s=stamp_s,
            touch_n=readings.touch_n,
            touch_stamp_s=readings.touch_stamp_s,
            images=readings.images,
            sound=readings.sound,
            sound_stamp_s=readings.sound_stamp_s,
            sound_count=readings.sound_count,
            imu=readings.imu,
            faults=faults,
        )


def _cut_the_power(failures: tuple[str, ...]) -> str:
    return f"torque may still be on; cut the power. {'; '.join(failures)}"
