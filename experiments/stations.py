"""Where episodes are run: environment, pilot and archive, made once in each process and used for many orders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from envs.episodes.archive import Archive
from envs.episodes.finishing import Finishing
from envs.episodes.quality.references import References, find_references, references_path
from envs.episodes.records import STOPPED
from envs.episodes.session import EpisodeOrder, EpisodeResult, body_name, run_episode
from envs.humanoid import HumanoidEnv
from envs.pilots.correction import CorrectedPilot
from envs.pilots.scripted import ScriptedPilot
from envs.registry import BodyKind, make_env
from experiments.port_options import DEFAULT_ROBOT
from policies.cases.doubt import DoubtBand
from policies.cases.rollout import Rollout

if TYPE_CHECKING:  # they need torch, which a worker that flies the expert does without
    from policies.cloning import ClonedPolicy
    from policies.policy_pilot import PolicyPilot

SIMULATION = "simulation"  # the station's name in the archive
CORRECTED = "corrected"  # signature of a rollout in which a trainer took over


@dataclass(frozen=True, eq=False)
class Flight:
    """A policy and where it flies, on which robot. `band` raises alarms; None never does."""

    task: str
    archive: Path
    checkpoint: Path
    band: DoubtBand | None = None
    robot: str = DEFAULT_ROBOT
    body: BodyKind = "sim"


@dataclass(frozen=True)
class Demonstrations:
    """Where the expert demonstrates. Without images there is nothing to learn from, but it needs no OpenGL.

    `hold` is how hard it holds, as a multiple of what is enough; see `ScriptedPilot`.
    """

    task: str
    archive: Path
    robot: str = DEFAULT_ROBOT
    images: bool = True
    body: BodyKind = "sim"
    hold: float = 1.0

    def run(self, order: EpisodeOrder) -> EpisodeResult:
        env, pilot = _expert_station(self.task, self.body, self.robot, self.images, self.hold)
        references = references_of(self.archive, self.task, env.robot.name, self.body)
        return run_episode(env, pilot, order, Archive(self.archive), station=SIMULATION, references=references)


@dataclass(frozen=True, eq=False)
class Rollouts:
    """Where a policy is tried in simulation; images are rendered when it plans."""

    flight: Flight

    def run(self, order: EpisodeOrder) -> Rollout:
        from policies.policy_pilot import PolicyPilot

        flight = self.flight
        key = flight.task, flight.body, flight.robot, flight.checkpoint
        env, policy = _policy_station(*key, written(flight.checkpoint))
        pilot = PolicyPilot(env, policy, self.flight.band)
        return roll_out(env, pilot, order, Archive(self.flight.archive), SIMULATION)


def roll_out(
    env: HumanoidEnv,
    pilot: PolicyPilot,
    order: EpisodeOrder,
    archive: Archive,
    station: str,
    corrected: CorrectedPilot | None = None,
    finishing: Finishing | None = None,
) -> Rollout:
    """Fly one order by a policy, and say what the case finder shall know of it.

    Where a trainer took over (see `CorrectedPilot`), the end is not the policy's own: it has failed as "corrected".
    """
    result = run_episode(env, corrected or pilot, order, archive, station=station, finishing=finishing)
    is_own = corrected is None or not corrected.was_corrected
    return Rollout(
        scenario=order.scenario,
        pool=order.pool or order.scenario.pool,
        success=result.success and is_own,
        signature=result.signature if is_own or result.signature == STOPPED else CORRECTED,
        episode_id=result.episode_id,
        seed=order.seed,
        steps=result.steps,
        decisions=pilot.decisions(),
        alarm_step=result.alarm_step,
        snapshot_steps=result.snapshot_steps,
        body=body_name(env.body),
        steps_done=result.steps_done,
        first_step=result.first_step,
    )


def references_of(archive: Path, task: str, robot: str, body: BodyKind) -> References:
    """What demonstrations into an archive are judged by; read anew where it was learned anew. `robot` is its name.

    Raises:
        ArchiveError: the archive's references are damaged.
    """
    return _references(archive, task, robot, body, changed_at(references_path(archive, task, body)))


@lru_cache(maxsize=4)
def _references(archive: Path, task: str, robot: str, body: str, version: tuple[int, int]) -> References:
    return find_references([archive], task, robot, body)


@lru_cache(maxsize=1)
def _expert_station(
    task: str, body: BodyKind, robot: str, images: bool, hold: float
) -> tuple[HumanoidEnv, ScriptedPilot]:
    env = make_env(task, body, robot=robot, images=images)
    return env, ScriptedPilot(env, hold)


def written(checkpoint: Path) -> tuple[int, int]:
    """Changes when the folder is trained into again: a worker that stays must then load the policy anew."""
    from policies.checkpoint import SIDECAR

    return changed_at(checkpoint / SIDECAR)


def changed_at(path: Path) -> tuple[int, int]:
    """Changes when a file is written anew; where there is none, loading it says what is wrong."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=1)
def _policy_station(
    task: str, body: BodyKind, robot: str, checkpoint: Path, version: tuple[int, int]
) -> tuple[HumanoidEnv, ClonedPolicy]:
    import torch

    from policies.checkpoint import load_policy
    from policies.cloning import ClonedPolicy

    # One thread a worker: the result must not depend on how many workers there are.
    torch.set_num_threads(1)
    trained = load_policy(checkpoint)
    env = make_env(task, body, robot=robot, camera_every=trained.network.config.execute)
    return env, ClonedPolicy(trained)
