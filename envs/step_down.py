"""How a robot is let go: held first, so that what moves comes to rest, then with less and less torque."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from assets.robot import SafetySpec
from hardware.errors import PortError
from hardware.servos import ServoChain

HOLD_S = 0.2  # a moving arm is brought to rest before it is let go
FADE_STEP_S = 0.08
FADE_SHARES = (0.6, 0.35, 0.15)  # of the torque, so that an arm sinks and does not fall
_HEARD_SHARE = 0.25  # of the watchdog's time: nobody confirms what is said here, so it is said several times


def step_down(
    chain: ServoChain,
    safety: SafetySpec,
    watchdog_s: float,
    now_s: Callable[[], float] = time.monotonic,
    rest: Callable[[float], None] = time.sleep,
) -> tuple[str, ...]:
    """Hold, let the torque fade, and switch it off, or stay at the share that keeps a standing robot from falling.

    A servo whose watchdog trips on the way would drop the rest of this, so all are spoken to until the end.

    Args:
        chain: the servos, held.
        safety: which of the two it is.
        watchdog_s: after what silence the servos stop by themselves.
        now_s: gives the time.
        rest: lets that many seconds pass.

    Where a cable is gone, the servos on the others are let go all the same.

    Returns:
        One line for each servo that may still have its torque, or more than that share of it.
    """
    is_limp_at_last = safety.ladder == "limp"
    shares = FADE_SHARES if is_limp_at_last else (*FADE_SHARES[:-1], safety.damp_share)
    with suppress(PortError):  # the others have heard; who has not is told at the end
        chain.hold()
    for share, lasts_s in ((1.0, HOLD_S), *((share, FADE_STEP_S) for share in shares)):
        until_s = now_s() + lasts_s
        _fade(chain, share)
        while (left_s := until_s - now_s()) > 0:
            rest(min(left_s, _HEARD_SHARE * watchdog_s))
            _fade(chain, share)
    return chain.limp() if is_limp_at_last else chain.settle(safety.damp_share)


def _fade(chain: ServoChain, share: float) -> None:
    with suppress(PortError):
        chain.fade(share)
