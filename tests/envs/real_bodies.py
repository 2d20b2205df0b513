"""What a body on a virtual station's cables is reset to, and how long its servos wait."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from virtual_station import PATIENCE, SERVO_ROBOT

from envs.body import BodyState, JointTarget
from envs.real_body import RealBody
from envs.scenario import Scenario

SCENARIO = Scenario("pointing", {"mark": 0.5, "colour": "red"})
HOME = JointTarget(SERVO_ROBOT.home)
AT_A_ROBOTS_PACE = replace(PATIENCE, watchdog_s=0.8)  # a robot has less, but also a quieter machine


def reset(body: RealBody) -> BodyState:
    body.forget_stop()
    return body.reset(SCENARIO, np.random.default_rng(0))
