"""The environment: one class for the simulated and the real body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, cast, final, runtime_checkable

import gymnasium
import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import Body, Fault, JointTarget
from envs.clock import Clock
from envs.errors import BodyError, EnvError
from envs.health import HealthCheck
from envs.running import Restart, RunningEpisode
from envs.safety import Safety
from envs.scenario import Scenario
from envs.snapshot import Snapshot, recalling
from envs.spaces import BodySpaces
from envs.stage import Homing, Restartable, Station
from envs.staging import choose_scenario
from envs.stop import Stop
from envs.tasks.task import Task
from hardware.errors import HardwareError

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
Observation = dict[str, Array]
Info = dict[str, Any]

_MOTION_ERRORS = (EnvError, HardwareError, OSError)  # what cables and bodies cause; anything else is a mistake in code


@runtime_checkable
class _RendersOnDemand(Protocol):
    def want_images(self) -> None: ...


@final
class HumanoidEnv(gymnasium.Env[Observation, FloatArray]):
    """A humanoid with a task.

    The action is a target position for each joint, in rad, within the joint limits. What is really sent is `info
    ["sent_rad"]`. The observation is what `BodySpaces` says. The reward is 1 in the step in which the task is done.

    `info` holds: `state` (BodyState), `stamp_s`, `step`, `scenario`, `judgement`, `instruction` (index of the current
    step), `wish_rad` and `sent_rad` (joints,), `clipped` (names of readings outside the space; "action" for the
    action), `faults`, `safety` (counters), `clock` (ClockReport), `stop` (None or a Stop), `error` (None or the
    exception that stopped the body), `restart` ("exact" or "staged" where the episode began from a snapshot).

    An episode that begins from a snapshot has the task's whole duration before it.

    Args:
        spec: the robot.
        task: what is to be done.
        connect: called at the first reset; the spaces exist before.
        clock: owns time; the body calls its `wait`.
        images: False leaves the cameras out.
        camera_every: in simulation, every how many control steps images are rendered.
        deadline_s: a control period that ends later than this by the wall clock is a soft stop.
        render_mode: "rgb_array" lets `render` return the newest image of the first camera.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        spec: RobotSpec,
        task: Task,
        connect: Callable[[], Station],
        clock: Clock,
        *,
        images: bool = True,
        camera_every: int = 1,
        deadline_s: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise EnvError(f"render_mode is {render_mode!r}; allowed are None and 'rgb_array'")
        if render_mode is not None and not (images and spec.cameras):
            raise EnvError("render_mode 'rgb_array' shows what a camera sees; it needs images=True and a camera")
        self.robot = spec
        self.task = task
        self.clock = clock
        self.spaces = BodySpaces(spec, images=images)
        self.observation_space = cast(gymnasium.Space[Observation], self.spaces.observation)
        self.action_space = self.spaces.action
        self.render_mode = render_mode
        self.metadata = {**type(self).metadata, "render_fps": round(spec.control_hz)}
        self._connect = connect
        self._health = HealthCheck(spec, clock, images=images, camera_every=camera_every, deadline_s=deadline_s)
        self._safety = Safety(spec, spec.control_hz)
        self._most_periods = round(task.duration_s * spec.control_hz)
        self._station: Station | None = None
        self._episode: RunningEpisode | None = None
        self._is_closed = False

    @property
    def body(self) -> Body | None:
        """The connected body; None before the first reset."""
        return self._station.body if self._station is not None else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, Info]:
        """Begin an episode. `options` are those of `envs.staging.choose_scenario`.

        Raises:
            ScenarioError: the options ask for what the task or the scene does not have, or the snapshot is too old.
            StoppedError: a hard stop is in force, or any stop came while the episode was being prepared.
            StaleReadingError, BodyError, HardwareError: the body cannot be connected, brought home or trusted.
        """
        self._refuse_closed()
        super().reset(seed=seed)
        scenario, start = choose_scenario(self.task, options, self.np_random)
        self._safety.latch.clear_by_reset()
        self._episode = None
        if self._station is None:
            self._station = self._connect()
        try:
            self._episode = self._begin(self._station, scenario, start)
        except BaseException as error:
            self.stop(f"reset failed: {error}", "soft")
            raise
        observation, clipped = self.spaces.pack(self._episode.state)
        return observation, self._info(self._episode, clipped)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, Info]:
        """Send one wish through safety to the body; `action` is (joints,) rad or a JointTarget.

        What cables and bodies cause ends the episode with `truncated` and `info["stop"]`; it raises nothing here.

        Raises:
            StoppedError: the episode was stopped before.
            EnvError: there is no running episode, or the action has another shape (after stopping the body).
        """
        station, episode = self._running()
        try:
            moved, is_action_clipped = self._advance(station, episode, action)
            observation, clipped = self.spaces.pack(episode.state)
        except BaseException as error:
            episode.is_over = True
            self.stop(f"{type(error).__name__} in a step: {error}", "soft")
            raise
        if is_action_clipped:
            clipped = ("action", *clipped)
        judgement, stop = episode.judgement, self._safety.latch.stop
        terminated = moved and (judgement.success or judgement.failure is not None)
        is_time_up = episode.periods >= self._most_periods
        truncated = stop is not None or (is_time_up and not terminated)
        episode.is_over = terminated or truncated
        reward = 1.0 if terminated and judgement.success else 0.0
        return observation, reward, terminated, truncated, self._info(episode, clipped)

    def snapshot(self) -> Snapshot:
        """Freeze the running episode, so that `reset(options={"start": ...})` goes on from here bit for bit.

        Images are fresh then; with `camera_every` above 1 they are the original's from its next rendering on.

        Raises:
            EnvError: there is no episode.
            BodyError: the body cannot be frozen.
        """
        if self._episode is None or self._station is None:
            raise EnvError("there is nothing to take a snapshot of; call reset() first")
        body = self._station.body
        if not isinstance(body, Restartable):
            raise BodyError("only a simulated body can be frozen into a snapshot; record the scenario instead")
        memory: dict[str, object] = {
            "safety": self._safety.memory(),
            "sent_rad": self._episode.sent_rad.tolist(),
            "generator": self.np_random.bit_generator.state,
        }
        return body.snapshot(self._episode.step, memory)

    @property
    def stopped(self) -> Stop | None:
        """The stop in force; None where nothing forbids motion."""
        return self._safety.latch.stop

    def stop(self, reason: str, severity: Literal["soft", "hard"] = "hard") -> Stop:
        """Make the body safe at once and latch; the stop in force. May be called at any time and from any thread."""
        latch = self._safety.latch
        stop = latch.fall(reason, severity)
        if self._station is None:
            return stop
        with latch.at_work:  # whoever stops it too is told what the first one could not stop
            try:
                self._station.body.stop(reason)
            except _MOTION_ERRORS as error:
                return latch.worsen(str(error))
            return latch.stop or stop

    def rearm(self, by: str) -> None:
        """Clear any stop in a person's name. The next thing is a reset: nobody knows where the body is now.

        Raises:
            EnvError: nobody is named.
        """
        if self._safety.latch.rearm(by) is not None and self._episode is not None:
            self._episode.is_over = True

    def want_images(self) -> None:
        """Ask for fresh images in the next state, where the body renders only now and then."""
        if self._station is not None and isinstance(self._station.body, _RendersOnDemand):
            self._station.body.want_images()

    def render(self) -> Array | None:  # (height, width, 3) uint8
        if self.render_mode is None or self._episode is None:
            return None
        return self._episode.state.images[self.robot.cameras[0].name].pixels.copy()

    def close(self) -> None:
        """Stop and release the body. May be called more than once."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._station is not None:
            self._station.body.close()

    def _begin(self, station: Station, scenario: Scenario, start: Snapshot | None) -> RunningEpisode:
        body, latch = station.body, self._safety.latch
        if isinstance(body, Homing):
            # Before the latch is looked at: a stop falls on the latch first, so none is lost between the two.
            body.forget_stop()
            latch.refuse_if_fallen()
            if station.comes_home_first:
                body.come_home()
        station.crew.set_up(scenario, start, self.np_random)
        latch.refuse_if_fallen()
        state = body.reset(scenario, self.np_random)
        self.clock.start(state.joints_stamp_s)
        self._health.refuse_to_start(state, station.overdue_s)
        sent_rad, first_step = self._safety.begin(state.position_rad), 0
        restart: Restart | None = None
        if start is not None:
            restart = "staged"
            if isinstance(body, Restartable):
                restart, first_step = "exact", start.step
                sent_rad = self._recall(start)
        judgement = station.judge.assess()
        latch.refuse_if_fallen()
        return RunningEpisode(
            scenario=scenario,
            restart=restart,
            state=state,
            judgement=judgement,
            wish_rad=sent_rad,
            sent_rad=sent_rad,
            first_step=first_step,
            step=first_step,
            faults=state.faults,
        )

    def _recall(self, start: Snapshot) -> FloatArray:
        """Give safety and generator the memory that a snapshot of this environment holds; return the last target."""
        with recalling("an environment"):
            memory: dict[str, Any] = start.memory["env"]
            self._safety.restore(memory["safety"])
            self.np_random.bit_generator.state = memory["generator"]
            return np.array(memory["sent_rad"], dtype=np.float64)

    def _advance(self, station: Station, episode: RunningEpisode, action: Any) -> tuple[bool, bool]:
        """One control period. Returns whether the body moved and whether the action lay outside its space."""
        episode.wish_rad, is_action_clipped = self.spaces.unpack(action)
        episode.faults = ()
        if self._safety.latch.stop is not None:
            return False, is_action_clipped
        try:
            episode.sent_rad = self._safety.filter(episode.wish_rad)
            episode.state = station.body.exchange(JointTarget(episode.sent_rad.copy()))
            if episode.state.sent_rad is not None:
                episode.sent_rad = self._safety.go_on_from(episode.state.sent_rad)
        except _MOTION_ERRORS as error:
            episode.error, episode.faults = error, (Fault("soft", type(error).__name__, str(error)),)
            self.stop(f"{type(error).__name__}: {error}", "soft")
            return False, is_action_clipped
        episode.step += 1
        episode.judgement = station.judge.assess()
        episode.faults = self._health.examine(episode.state, station.overdue_s)
        for fault in episode.faults:
            if fault.severity != "note":
                self.stop(f"{fault.source}: {fault.message}", fault.severity)
        return True, is_action_clipped

    def _running(self) -> tuple[Station, RunningEpisode]:
        self._refuse_closed()
        station, episode = self._station, self._episode
        if station is not None and episode is not None and not episode.is_over:
            return station, episode
        self._safety.latch.refuse_if_fallen()
        state = "has not begun" if episode is None else "is over"
        raise EnvError(f"the episode {state}; call reset() before step()")

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise EnvError("this environment is closed; make a new one")

    def _info(self, episode: RunningEpisode, clipped: tuple[str, ...]) -> Info:
        return episode.info(clipped, self._safety.counters, self.clock.report, self._safety.latch.stop)
