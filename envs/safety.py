"""What is wished becomes what may be sent: finite, within limits, never too fast, always able to brake.

Both bodies run through it, so that what was learned in simulation was learned under the robot's own limits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import floor, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.errors import EnvError
from envs.stop import StopLatch

FloatArray = NDArray[np.float64]

SOFT_START_S = 0.5
_ROUNDING_RAD_S = 1e-9  # how far beyond a bound a wish may lie and still be sent bit for bit
_ROUNDING_RAD = 1e-12  # far less than what a rate of _ROUNDING_RAD_S makes in a control period


@dataclass
class SafetyCounters:
    """In how many steps a wish was refused or changed, since the episode began."""

    not_finite: int = 0
    position: int = 0
    velocity: int = 0
    acceleration: int = 0


class Safety:
    """Filters one wished target a control step into one that may be sent.

    Velocity and acceleration are those of the commands, not of the measured joints, so that a filtered trajectory is
    filtered to itself: a wish that keeps every bound is sent bit for bit.

    Args:
        spec: the robot whose joint table gives the bounds.
        control_hz: how often `filter` is called a second.
        soft_start_s: over what time velocity and acceleration bounds grow to their full size after `begin`.
    """

    def __init__(self, spec: RobotSpec, control_hz: float, *, soft_start_s: float = SOFT_START_S) -> None:
        self.latch = StopLatch()
        self.counters = SafetyCounters()
        self._spec = spec
        self._period_s = 1.0 / control_hz
        self._soft_periods = max(1, round(soft_start_s * control_hz))
        self._sent_rad: FloatArray | None = None  # (joints,)
        self._target_rad: FloatArray = np.zeros(len(spec.joints))  # the newest wish within the limits
        self._rate_rad_s: FloatArray = np.zeros(len(spec.joints))
        self._periods = 0
        self._middle_rad = (spec.lower + spec.upper) / 2.0
        self._lower, self._upper = spec.lower.tolist(), spec.upper.tolist()
        # Of each joint: its rate, the change of that, where it could stop, and how far the last was from its target.
        self._checked, self._bounds = np.empty((2, 4, len(spec.joints)))
        self._bounds[2] = (spec.upper - spec.lower) / 2.0 + _ROUNDING_RAD
        self._scale_bounds()

    def begin(self, measured_rad: FloatArray) -> FloatArray:
        """Start softly from a measured pose at rest; return the pose that is held there.

        Raises:
            EnvError: the pose is not one finite number a joint.
        """
        if measured_rad.shape != (len(self._spec.joints),) or not np.isfinite(measured_rad).all():
            raise EnvError(f"the measured pose {measured_rad} is not {len(self._spec.joints)} finite joint positions")
        self.counters = SafetyCounters()
        self._sent_rad = np.clip(measured_rad, self._spec.lower, self._spec.upper)
        self._target_rad = self._sent_rad
        self._rate_rad_s = np.zeros_like(self._sent_rad)
        self._periods = 0
        self._scale_bounds()
        return self._sent_rad.copy()

    def filter(self, wish_rad: FloatArray) -> FloatArray:
        """The target that may be sent in place of a wish. Both are (joints,).

        A wish that is not finite is refused as a whole and the last target held, after braking.

        Raises:
            StoppedError: a stop is in force.
            EnvError: `begin` or `restore` was not called, or the wish has another shape.
        """
        self.latch.refuse_if_fallen()
        last_rad = self._sent_rad
        if last_rad is None:
            raise EnvError("safety does not know where the robot is; begin from a measured pose first")
        if wish_rad.shape != last_rad.shape:
            raise EnvError(f"the wish has shape {wish_rad.shape}; give one position for each of {last_rad.size} joints")
        if self._periods < self._soft_periods:
            self._periods += 1
            self._scale_bounds()
        target_rad, previous_rad = self._targets(wish_rad, last_rad)
        moved_rad = target_rad - last_rad
        rate_rad_s = moved_rad / self._period_s
        keeps_bounds = self._clearly_keep_bounds(moved_rad, rate_rad_s, last_rad, previous_rad)
        sent_rad = target_rad
        if np.count_nonzero(keeps_bounds) < keeps_bounds.size:
            doubtful = np.flatnonzero(np.count_nonzero(keeps_bounds, axis=0) < len(keeps_bounds))
            sent_rad = self._bounded(doubtful.tolist(), target_rad, previous_rad, last_rad, rate_rad_s)
            rate_rad_s = (sent_rad - last_rad) / self._period_s
        self._target_rad, self._sent_rad, self._rate_rad_s = target_rad, sent_rad, rate_rad_s
        return sent_rad.copy()

    def go_on_from(self, sent_rad: FloatArray) -> FloatArray:
        """Let the next `filter` go on from what was sent in place of the last one's target; (joints,), and returned.

        A joint that was held back goes on at the rate that it had, at most at the one that was meant: one that was
        pushed the other way must not coast on.

        Raises:
            EnvError: nothing was filtered yet.
        """
        if self._sent_rad is None:
            raise EnvError("safety has not begun; call begin() first")
        meant = self._rate_rad_s
        rate = meant + (sent_rad - self._sent_rad) / self._period_s
        self._rate_rad_s = np.clip(rate, np.minimum(meant, 0.0), np.maximum(meant, 0.0))
        self._sent_rad = sent_rad.copy()
        return sent_rad.copy()

    def memory(self) -> dict[str, Any]:
        """What the next `filter` depends on, as JSON values."""
        return {
            "sent_rad": None if self._sent_rad is None else self._sent_rad.tolist(),
            "target_rad": self._target_rad.tolist(),
            "rate_rad_s": self._rate_rad_s.tolist(),
            "periods": self._periods,
            "counters": asdict(self.counters),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Go on as if nothing had happened since `memory()`."""
        sent_rad = memory["sent_rad"]
        self._sent_rad = None if sent_rad is None else np.array(sent_rad, dtype=np.float64)
        self._target_rad = np.array(memory["target_rad"], dtype=np.float64)
        self._rate_rad_s = np.array(memory["rate_rad_s"], dtype=np.float64)
        self._periods = memory["periods"]
        self._scale_bounds()
        # By name, because older snapshots count more.
        self.counters = SafetyCounters(**{each.name: memory["counters"][each.name] for each in fields(SafetyCounters)})

    def _scale_bounds(self) -> None:
        """The bounds of this period of a soft start; lists are (joints,)."""
        scale = self._periods / self._soft_periods
        rate_bound, rate_change = self._spec.max_rate * scale, self._spec.max_acceleration * (scale * self._period_s)
        lag_bound_rad = (rate_change + _ROUNDING_RAD_S) * self._period_s
        self._bounds[0], self._bounds[1], self._bounds[3] = rate_bound, rate_change, lag_bound_rad
        self._twice_change = 2.0 * rate_change
        self._rate_bound, self._rate_change = rate_bound.tolist(), rate_change.tolist()
        self._lag_bound_rad = lag_bound_rad.tolist()

    def _targets(self, wish_rad: FloatArray, last_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The wish within its limits, and the one before it. Both (joints,)."""
        target_rad = np.minimum(np.maximum(wish_rad, self._spec.lower), self._spec.upper)
        if np.count_nonzero(target_rad == wish_rad) < wish_rad.size:  # no number equals nothing
            if np.count_nonzero(np.isfinite(wish_rad)) < wish_rad.size:
                self.counters.not_finite += 1
                return last_rad, last_rad
            self.counters.position += 1
        return target_rad, self._target_rad

    def _clearly_keep_bounds(
        self, moved_rad: FloatArray, rate_rad_s: FloatArray, last_rad: FloatArray, previous_rad: FloatArray
    ) -> NDArray[np.bool_]:  # (4, joints)
        """Which joints certainly may go where they shall, told for all at once; of the others `_rate_bounds` tells.

        A joint at rate v that slows down by u a period comes to rest within T v (1 + v / (2 u)): `_braking_rate` knows
        how much of that it really takes. All that is given is (joints,).
        """
        speed, change, stop_rad, lag_rad = checked = self._checked
        np.abs(rate_rad_s, out=speed)
        np.subtract(rate_rad_s, self._rate_rad_s, out=change)
        np.divide(speed, self._twice_change, out=stop_rad)
        stop_rad += 1.0
        stop_rad *= moved_rad
        stop_rad += last_rad
        stop_rad -= self._middle_rad
        np.subtract(previous_rad, last_rad, out=lag_rad)
        np.abs(checked, out=checked)
        return np.asarray(checked <= self._bounds)

    def _bounded(
        self,
        doubtful: list[int],
        target_rad: FloatArray,
        previous_rad: FloatArray,
        last_rad: FloatArray,
        rate_rad_s: FloatArray,
    ) -> FloatArray:
        """What may be sent for a target at this rate, where some joints might not keep bounds; all are (joints,)."""
        sent_rad = target_rad.copy()
        is_any_too_fast = is_any_too_sudden = False
        for joint in doubtful:
            last, target, wished_rate = last_rad.item(joint), target_rad.item(joint), rate_rad_s.item(joint)
            previous = previous_rad.item(joint)
            lowest, highest = self._rate_bounds(joint, last)
            is_reachable = lowest - _ROUNDING_RAD_S <= wished_rate <= highest + _ROUNDING_RAD_S
            lag = previous - last
            if is_reachable and abs(lag) <= self._lag_bound_rad[joint]:
                continue
            # A joint that lags closes in relative to the moving target: it neither overshoots one that rests nor trails
            # behind one that moves.
            target_rate = (target - previous) / self._period_s
            closing = self._braking_rate(abs(lag), self._rate_change[joint])
            approach = target_rate + (closing if lag > 0.0 else -closing if lag < 0.0 else 0.0)
            moved = last + min(max(approach, lowest), highest) * self._period_s
            sent_rad[joint] = min(max(moved, self._lower[joint]), self._upper[joint])
            is_too_fast = abs(wished_rate) > self._rate_bound[joint] + _ROUNDING_RAD_S
            is_any_too_fast |= is_too_fast
            is_any_too_sudden |= not is_too_fast
        self.counters.velocity += is_any_too_fast
        self.counters.acceleration += is_any_too_sudden
        return sent_rad

    def _rate_bounds(self, joint: int, last_rad: float) -> tuple[float, float]:
        """The lowest and highest rate that may be sent to a joint now."""
        rate, bound, change = self._rate_rad_s.item(joint), self._rate_bound[joint], self._rate_change[joint]
        lowest = max(-bound, -self._braking_rate(last_rad - self._lower[joint], change))
        highest = min(bound, self._braking_rate(self._upper[joint] - last_rad, change))
        # Being able to brake outranks the acceleration bound; only rounding can ever set the two at odds.
        lowest = min(max(lowest, rate - change), highest)
        return lowest, max(min(highest, rate + change), lowest)

    def _braking_rate(self, distance_rad: float, rate_change: float) -> float:
        """The highest rate from which a joint still comes to rest within `distance_rad`, all in whole periods.

        A joint at rate v that slows down by u a period covers T * (v + (v - u) + (v - 2u) + ...) until it rests. With n
        periods of slowing down after this one, that is T * ((n + 1) v - u n (n + 1) / 2); solved for v.
        """
        periods_of_u = max(distance_rad, 0.0) / self._period_s  # in rad/s
        n = floor((sqrt(1.0 + 8.0 * periods_of_u / rate_change) - 1.0) / 2.0)
        return (periods_of_u + rate_change * n * (n + 1.0) / 2.0) / (n + 1.0)
