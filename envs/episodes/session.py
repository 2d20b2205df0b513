"""One episode from reset to verdict: a pilot commands, the environment moves, the archive keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from envs.episodes.archive import EVIDENCE_NAME, Archive
from envs.episodes.finishing import Finishing
from envs.episodes.marks import instruction_marks
from envs.episodes.quality.live import LiveJudge
from envs.episodes.quality.references import References
from envs.episodes.records import (
    STOPPED,
    BodyKind,
    Commander,
    EpisodeHeader,
    FloatArray,
    LastFaults,
    Outcome,
    Purpose,
    Tick,
    Wishes,
)
from envs.episodes.verdict import QualityVerdict
from envs.errors import PilotError, UnstableError
from envs.humanoid import HumanoidEnv
from envs.pilots.pilot import Pilot
from envs.scenario import Pool, Scenario
from envs.snapshot import Snapshot
from envs.stage import Calibrated, KeepsEvidence, Restartable, StandIn

SNAPSHOT_EVERY = 5  # control steps: 0.2 s


@runtime_checkable
class Doubting(Protocol):
    """A pilot that says how unsure it is; a learned policy is one."""

    @property
    def doubt(self) -> float | None: ...

    @property
    def alarm_step(self) -> int | None: ...


@runtime_checkable
class Sharing(Protocol):
    """A pilot in which a policy and a person share the command; asked after each `command`."""

    @property
    def wishes(self) -> Wishes: ...


@dataclass(frozen=True)
class EpisodeOrder:
    """What shall be run and why. `start` goes on from a snapshot; `pool` is that of the rollout it was taken from."""

    scenario: Scenario
    seed: int
    purpose: Purpose
    operator: str
    pool: Pool | None = None
    start: Snapshot | None = None
    policy: str | None = None
    request: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class EpisodeResult:
    """What came of an order. `signature` is "" on success, else what failed, without its figures.

    A demonstration with `lost_steps` is not accepted, though it may have succeeded. `first_step` is where it began: not
    0 where the body went on from a snapshot, 0 where it was only set up as there.
    """

    order: EpisodeOrder
    episode_id: str
    success: bool
    signature: str
    reason: str
    steps: int
    alarm_step: int | None
    snapshot_steps: tuple[int, ...]
    quality: QualityVerdict | None = None  # None where it was not judged
    lost_steps: int = 0  # that the recorder could not keep
    steps_done: int = 0  # instruction steps from the first one on, where most of them were done
    first_step: int = 0

    @property
    def is_kept(self) -> bool:
        """Whether it serves as a demonstration: done, and recorded without a gap."""
        return self.success and not self.lost_steps


def run_episode(
    env: HumanoidEnv,
    pilot: Pilot,
    order: EpisodeOrder,
    archive: Archive,
    *,
    station: str,
    on_step: Callable[[dict[str, Any]], None] | None = None,
    references: References | None = None,
    finishing: Finishing | None = None,
) -> EpisodeResult:
    """Run and record one episode. The recording is closed whatever happens, and marked where it was cut short.

    A demonstration is accepted when it succeeds and nothing of it was lost. A rollout is never accepted as a
    demonstration: it is evidence. With `references` a demonstration's quality is judged by them, before the recording
    is closed. With `finishing` this does not wait for the disk: the episode is finished behind the next one.
    `on_step` gets the step's info; what the recorder has to say stands in `info["recorder"]`, as faults.
    Where the pilot cannot give a command, or the physics breaks down, the episode ends there and has failed; the next
    may fare better.

    Raises:
        EnvError: the episode cannot be begun or recorded.
    """
    options: dict[str, Any] = {"scenario": order.scenario} if order.start is None else {"start": order.start}
    try:
        observation, info = env.reset(seed=order.seed, options=options)
    except UnstableError as error:  # another scenario may be well
        return _record_nothing(env, order, archive, station, f"stopped: {error}")
    pilot.reset(order.scenario, np.random.default_rng([order.seed, 1]))
    is_restartable = isinstance(env.body, Restartable)
    commander: Commander = "policy" if order.purpose == "rollout" else "pilot"
    header = _header(env, order, station, _extra(info, env.body, pilot))
    progress: list[tuple[int, float]] = []
    snapshot_steps: list[int] = []
    no_command: str | None = None
    steps_done, first_step = info["judgement"].steps_done, info["step"]
    is_judged = order.purpose != "rollout"
    judge = LiveJudge(header, references) if is_judged and references is not None else None
    with archive.record(header, is_real_time=env.clock.is_real_time) as recorder:
        if isinstance(env.body, KeepsEvidence):
            env.body.keep_evidence_in(recorder.path / EVIDENCE_NAME)
        is_over = False
        while not is_over:
            step, state, judgement = info["step"], info["state"], info["judgement"]
            found = tuple(fault for fault in info["faults"] if fault not in state.faults)
            snapshot = None
            if is_restartable and (not progress or step % SNAPSHOT_EVERY == 0):
                snapshot = env.snapshot()
                snapshot_steps.append(step)
            try:
                target = pilot.command(observation, info)
            except PilotError as error:
                no_command = f"pilot: {error}"
                break
            wish = info["sent_rad"] if target is None else target.position_rad
            wishes = _wishes(pilot, commander, None if target is None else wish)
            progress.append((judgement.current, state.joints_stamp_s))
            observation, _, terminated, truncated, info = env.step(wish)
            steps_done = max(steps_done, info["judgement"].steps_done)
            tick = Tick(
                step=step,
                state=state,
                sent_rad=info["sent_rad"],
                in_command=wishes.in_command,
                instruction=judgement.current,
                pilot_rad=wishes.pilot_rad,
                policy_rad=wishes.policy_rad,
                doubt=pilot.doubt if isinstance(pilot, Doubting) else None,
                snapshot=snapshot,
                faults=(*found, *wishes.notes),
            )
            recorder.tick(tick)
            if judge is not None:
                judge.watch(tick)
            info["recorder"] = recorder.news()
            if on_step is not None:
                on_step(info)
            is_over = terminated or truncated
        outcome = _outcome(env, info, progress, order, pilot, no_command)
        quality = None if judge is None else judge.verdict(outcome, recorder.losses.steps)
        recorder.end(outcome, quality, LastFaults(info["faults"], info["stamp_s"]))
        if finishing is None:
            recorder.wait()
        else:
            finishing.take(recorder)
    return EpisodeResult(
        order=order,
        episode_id=recorder.episode_id,
        success=outcome.success,
        signature="pilot" if no_command else _signature(info),
        reason=outcome.reason,
        steps=info["step"],
        alarm_step=outcome.alarm_step,
        snapshot_steps=tuple(snapshot_steps),
        quality=quality,
        lost_steps=recorder.losses.steps,
        steps_done=steps_done,
        first_step=first_step,
    )


def _header(env: HumanoidEnv, order: EpisodeOrder, station: str, extra: dict[str, Any]) -> EpisodeHeader:
    return EpisodeHeader(
        task=env.task.name,
        scenario=order.scenario,
        pool=order.pool or order.scenario.pool,
        body=body_name(env.body),
        robot=env.robot,
        instructions=env.task.instructions,
        purpose=order.purpose,
        operator=order.operator,
        station=station,
        seed=order.seed,
        policy=order.policy,
        request=order.request,
        parent=order.parent,
        extra=extra,
    )


def _record_nothing(
    env: HumanoidEnv, order: EpisodeOrder, archive: Archive, station: str, reason: str
) -> EpisodeResult:
    """An episode without a step, for an order that could not be begun."""
    outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
    with archive.record(_header(env, order, station, {})) as recorder:
        recorder.finish(outcome)
    return EpisodeResult(
        order=order,
        episode_id=recorder.episode_id,
        success=False,
        signature=STOPPED,
        reason=reason,
        steps=0,
        alarm_step=None,
        snapshot_steps=(),
    )


def _wishes(pilot: Pilot, commander: Commander, wish_rad: FloatArray | None) -> Wishes:
    if isinstance(pilot, Sharing):
        return pilot.wishes
    if wish_rad is None:
        return Wishes("nobody", None, None)
    return Wishes(commander, wish_rad, None) if commander == "pilot" else Wishes(commander, None, wish_rad)


def body_name(body: object) -> BodyKind:
    """How an episode of this body is marked: "serial" where it came over cables."""
    if not isinstance(body, Restartable):
        return "serial"
    return "fast-twin" if isinstance(body, StandIn) and body.is_twin else "sim"


def _extra(info: dict[str, Any], *calibrated: object) -> dict[str, Any]:
    """How the episode began, and by which calibrations its positions were counted."""
    extra = {} if info["restart"] is None else {"restart": info["restart"], "first_step": info["step"]}
    digests: dict[str, str] = {}
    for one in calibrated:
        if isinstance(one, Calibrated):
            digests |= one.calibration_digests
    return extra | ({"calibration": digests} if digests else {})


def _signature(info: dict[str, Any]) -> str:
    judgement, stop = info["judgement"], info["stop"]
    if judgement.success:
        return ""
    if stop is not None:
        return STOPPED
    name = str(judgement.unmet).partition(":")[0]
    return name if judgement.failure is not None else f"timeout:{name}"


def _outcome(
    env: HumanoidEnv,
    info: dict[str, Any],
    progress: list[tuple[int, float]],
    order: EpisodeOrder,
    pilot: Pilot,
    no_command: str | None,
) -> Outcome:
    judgement, stop = info["judgement"], info["stop"]
    success = bool(judgement.success) and no_command is None
    reason = no_command or ("" if success else f"stopped: {stop.reason}" if stop is not None else judgement.unmet)
    is_demonstration = order.purpose != "rollout"
    verdict = "" if success else reason
    if not is_demonstration:
        verdict = "a policy's rollout: kept as evidence"
    return Outcome(
        success=success,
        reason=reason,
        marks=instruction_marks(env, progress, info),
        accepted=success and is_demonstration,
        verdict_reason=verdict,
        alarm_step=pilot.alarm_step if isinstance(pilot, Doubting) else None,
    )
