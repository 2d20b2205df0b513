"""A small robot and made-up episodes for tests of recording and datasets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from small_robot import SMALL_ROBOT

from assets.robot import CameraSpec, PadSpec, RobotSpec
from envs.body import SOUND_WINDOW, BodyState, Fault, Image, Imu
from envs.episodes.archive import Archive
from envs.episodes.records import EpisodeHeader, Instruction, InstructionMark, Outcome, Tick
from envs.scenario import Pool, Scenario
from envs.snapshot import Snapshot

ROBOT = replace(
    SMALL_ROBOT,
    cameras=(CameraSpec("head", 64, 64, 60.0, 0.2), CameraSpec("wrist", 64, 64, 60.0, 0.2)),
    pads=(PadSpec("thumb", 4, 4, 10.0), PadSpec("finger", 4, 4, 10.0)),
)
INSTRUCTIONS = (
    Instruction("reach", "Reach for the fruit", "伸手去够水果"),
    Instruction("grasp", "Grasp the fruit", "抓住水果"),
)


def scenario_of(pool: Pool, start: int = 0) -> Scenario:
    """The first made-up scenario that belongs to a pool."""
    candidates = (Scenario("pick_fruit", {"mass_g": float(i), "colour": "red"}) for i in range(start, start + 1000))
    return next(scenario for scenario in candidates if scenario.pool is pool)


def header_of(robot: RobotSpec = ROBOT, pool: Pool = Pool.TRAIN, **changes: Any) -> EpisodeHeader:
    fields: dict[str, Any] = {
        "task": "pick_fruit",
        "scenario": scenario_of(pool),
        "pool": pool,
        "body": "sim",
        "robot": robot,
        "instructions": INSTRUCTIONS,
        "purpose": "nominal",
        "operator": "Li Na",
        "station": "bench-1",
        "seed": 7,
    }
    return EpisodeHeader(**(fields | changes))


def picture(step: int, size: int = 64) -> NDArray[np.uint8]:
    """A smooth image that moves with the step."""
    rows, columns = np.mgrid[:size, :size]
    channels = (columns * 2 + step, rows * 2 + step, (rows + columns) + 2 * step)
    return np.stack([128 + 100 * np.sin(channel / 20.0) for channel in channels], axis=-1).astype(np.uint8)


def made_up_ticks(robot: RobotSpec, count: int, *, seed: int = 0, images: bool = True) -> list[Tick]:
    """Ticks with uneven sound blocks, images at half the control rate, a fault and a snapshot."""
    rng = np.random.default_rng(seed)
    heard = rng.integers(-3000, 3000, SOUND_WINDOW + count * 700).astype(np.int16)
    joints, sound_count, ticks = len(robot.joints), 0, []
    for step in range(count):
        stamp_s = (step + 1) / robot.control_hz
        sound_count += int(rng.integers(0, 700))
        shown = step - step % 2 + seed
        state = BodyState(
            position_rad=rng.uniform(-1, 1, joints),
            velocity_rad_s=rng.normal(size=joints),
            effort_nm=rng.normal(size=joints),
            joints_stamp_s=stamp_s,
            touch_n=rng.uniform(0, 10, (len(robot.pads), 4, 4)),
            touch_stamp_s=stamp_s,
            images={
                camera.name: Image(picture(shown + 40 * number), shown / robot.control_hz)
                for number, camera in enumerate(robot.cameras if images else ())
            },
            sound=heard[sound_count : sound_count + SOUND_WINDOW],
            sound_stamp_s=stamp_s,
            sound_count=sound_count,
            imu=Imu(rng.normal(size=3), rng.normal(size=3), stamp_s),
            faults=(Fault("note", "camera head", "the image is late"),) if step == 3 else (),
        )
        ticks.append(
            Tick(
                step=step,
                state=state,
                sent_rad=rng.uniform(-1, 1, joints),
                in_command="pilot",
                instruction=min(2 * step // count, 1),
                pilot_rad=rng.uniform(-1, 1, joints),
                doubt=0.25 if step > 1 else None,
                snapshot=made_up_snapshot(step) if step == 2 else None,
            )
        )
    return ticks


def made_up_snapshot(step: int) -> Snapshot:
    return Snapshot(scenario_of(Pool.TRAIN), "0123", step, np.arange(5.0), np.ones((2, 12)), {"task": {"picked": [1]}})


def success(accepted: bool = True) -> Outcome:
    marks = (InstructionMark("reach", 0.04, 0.2, True), InstructionMark("grasp", 0.2, 0.4, True))
    return Outcome(success=True, reason="", marks=marks, accepted=accepted)


def record_episode(archive: Archive, ticks: int = 10, *, seed: int = 0, accepted: bool = True, **header: Any) -> str:
    """Record one made-up episode and return its id."""
    wanted = header_of(**header)
    with archive.record(wanted) as recorder:
        for tick in made_up_ticks(wanted.robot, ticks, seed=seed):
            recorder.tick(tick)
        return recorder.finish(success(accepted))
