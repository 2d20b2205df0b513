"""The simulated body: MuJoCo behind the seam, with its senses, its own stage crew and its own judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assets.reality_gap import Exemplar, load_gap
from assets.robot import RobotSpec
from envs.body import BodyState, Image, Imu, JointTarget
from envs.clock import substeps
from envs.engine import mujoco
from envs.errors import BodyError, ScenarioError
from envs.evidence import Witness
from envs.physique import Physique
from envs.scenario import Scenario
from envs.senses.contact_sound import ContactSound
from envs.senses.lens import Lens
from envs.senses.motion import MotionSense
from envs.senses.sight import SightSense
from envs.senses.sound import SoundSense
from envs.senses.touch import TouchSense
from envs.servo_drive import ServoDrive
from envs.simulation import Simulation
from envs.snapshot import Snapshot, recalling
from envs.stage import Judgement
from envs.tasks.backdrop import Backdrop
from envs.tasks.rules import SceneRules
from envs.tasks.task import Task

FloatArray = NDArray[np.float64]

NO_TOUCH_N = np.zeros((0, 0, 0))


class Pacer(Protocol):
    """Whoever decides when the next control step begins."""

    def wait(self) -> None: ...


def model_digest(simulation: Simulation, exemplar: Exemplar) -> str:
    """Names model and exemplar: a snapshot restarts in no other."""
    return f"{simulation.digest}-{exemplar.digest}"


class SimBody:
    """A humanoid in MuJoCo.

    Args:
        spec: the robot.
        task: the task whose scene it stands in.
        camera_every: render at every n-th control step; the images in between repeat with their old stamps.
        images: False leaves the cameras out altogether, and needs no OpenGL.
        pacer: waits before each exchange, to run at wall pace; None runs as fast as it can.
        is_twin: be the exemplar that stands for the real robot, in place of that which policies train on.

    Raises:
        BodyError: robot and scene do not compile, or control and physics periods do not divide.
    """

    def __init__(
        self,
        spec: RobotSpec,
        task: Task,
        rules: type[SceneRules],
        *,
        camera_every: int = 1,
        images: bool = True,
        pacer: Pacer | None = None,
        is_twin: bool = False,
    ) -> None:
        self._spec = spec
        self._task = task
        self.is_twin = is_twin
        self._exemplar: Exemplar = load_gap(spec).exemplar("twin" if is_twin else "none")
        self.simulation = Simulation(spec, task.scene)
        self._model_digest = model_digest(self.simulation, self._exemplar)
        self._physique = Physique(self.simulation, self._exemplar)
        self._drive = ServoDrive(spec, self._exemplar)
        self._motion = MotionSense(self.simulation, self._exemplar, self._drive)
        self.rules = rules(self.simulation)  # type: ignore[call-arg]  # a Protocol does not constrain __init__
        self._substeps = substeps(spec.control_hz, self.simulation.timestep_s)
        self._hears = spec.sound_hz is not None
        self._touch = TouchSense(self.simulation) if spec.pads else None
        self._backdrop = Backdrop(self.simulation)
        self._contacts = ContactSound(self.simulation)
        self._sound = SoundSense(spec.sound_hz or 16_000, spec.control_hz)
        self._lens, self._lens_seed = Lens(), 0
        self.sight = SightSense(self.simulation)
        self._camera_every = camera_every
        self._has_images = images
        self._pacer = pacer
        self._staged: tuple[Scenario, Snapshot | None] | None = None
        self._scenario: Scenario | None = None
        self._rng = np.random.default_rng(0)
        self._rng_before_state: Any = None
        self._before_last: tuple[FloatArray, FloatArray, dict[str, Any]] | None = None
        self._witness = Witness(self.simulation, self.rules, self._substeps)
        self._images: dict[str, Image] = {}
        self._steps = 0
        self._wants_images = False
        self._stopped: str | None = None

    @property
    def spec(self) -> RobotSpec:
        return self._spec

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        """Remember what the next `reset` shall stage.

        Raises:
            ScenarioError: the scenario is of another task, or the snapshot of another model.
        """
        if scenario.task != self._task.name:
            raise ScenarioError(f"the scenario is of task {scenario.task!r}; this body stands in {self._task.name!r}")
        if start is not None and start.model_digest != self._model_digest:
            raise ScenarioError(
                f"the snapshot is of model {start.model_digest}; this one is {self._model_digest}: robot or scene have "
                "changed since it was taken, so it cannot be restarted"
            )
        self._staged = (scenario, start)

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> BodyState:
        """Stage the scenario, or go on from the snapshot that `set_up` was given.

        Raises:
            ScenarioError: the snapshot lacks what this body remembers, as one of an older version does.
            UnstableError: the physics breaks down as it is staged.
        """
        staged, start = self._staged or (scenario, None)
        if staged.key != scenario.key:
            start = None
        self._staged = None
        self._scenario = scenario
        self._rng = rng
        self._stopped = None
        self._images = {}
        self._steps = 0
        self._before_last = None
        self._witness.begin(scenario)
        with self._physique.staging():
            self.rules.stage(self.simulation, scenario)
            self._backdrop.stage(scenario)
        self._drive.reset(self._spec.home)
        self._contacts.reset()
        self._sound.reset(scenario.number("noise_level"), str(scenario.values["noise_kind"]))
        self._lens_seed = int(rng.integers(2**32))
        if start is not None:
            with recalling("a body"):
                self._restart(start)
        noise_levels = self._exemplar.image_noise_with(scenario.number("camera_noise"))
        self._lens = Lens(scenario.number("camera_exposure"), noise_levels, self._lens_seed)
        self._wants_images = True
        if self.simulation.breakdown is not None:
            raise self._witness.tell(self._steps, self.rules.memory())
        return self._state()

    def exchange(self, target: JointTarget) -> BodyState:
        """One control period.

        Raises:
            BodyError: the body was stopped.
            UnstableError: the physics broke down; the message says what is kept of it, and where.
        """
        if self._stopped is not None:
            raise BodyError(f"the simulated body is stopped ({self._stopped}); reset it first")
        if self._pacer is not None:
            self._pacer.wait()
        simulation = self.simulation
        model, data, after_physics = simulation.model, simulation.data, self.rules.after_physics
        data.ctrl[simulation.actuators] = self._drive.obey(target.position_rad)
        self._witness.watch()
        listen = self._contacts.listen if self._hears else None
        before_last = self._before_last
        mj_step = mujoco.mj_step
        for remaining in range(self._substeps, 0, -1):
            if remaining == 1:
                # Contacts, sensors and poses are as of the last physics step: a restart has to walk it again.
                before_last = (simulation.physics_state(), simulation.equality_state(), self.rules.memory())
            mj_step(model, data)
            after_physics(simulation)
            if listen is not None:
                listen()
        if simulation.breakdown is not None:
            raise self._witness.tell(self._steps, self._before_last[2] if self._before_last else self.rules.memory())
        self._before_last = before_last
        self._steps += 1
        if self._hears:
            speed = float(np.abs(data.qvel[simulation.dof]).sum())
            self._sound.advance(speed, self._contacts.take(), self.rules.voices, self._rng)
        return self._state()

    def _step_physics(self) -> None:
        mujoco.mj_step(self.simulation.model, self.simulation.data)
        self.rules.after_physics(self.simulation)
        self._contacts.listen()

    def want_images(self) -> None:
        """Ask for fresh images in the next state, whatever `camera_every` says: a policy is about to plan."""
        self._wants_images = True

    def assess(self) -> Judgement:
        return self.rules.assess(self.simulation)

    def snapshot(self, step: int, memory: dict[str, object]) -> Snapshot:
        if self._scenario is None:
            raise BodyError("there is nothing to take a snapshot of before the first reset")
        fresh = (self.simulation.physics_state(), self.simulation.equality_state(), self.rules.memory())
        physics, equality, rules = self._before_last or fresh
        return Snapshot(
            scenario=self._scenario,
            model_digest=self._model_digest,
            step=step,
            physics=physics,
            equality=equality,
            memory={
                "task": rules,
                "is_fresh": self._before_last is None,
                "contacts": self._contacts.memory(),
                "sound": self._sound.memory(),
                "drive": self._drive.memory(),
                "lens_seed": self._lens_seed,
                "body_steps": self._steps,
                "body_rng": self._rng_before_state,
                "env": memory,
            },
        )

    def keep_evidence_in(self, folder: Path) -> None:
        """Where to write what shall be kept if the episode that has begun becomes unstable."""
        self._witness.folder = folder

    def photograph(self, camera: str, width: int, height: int, number: int = 0) -> NDArray[np.uint8]:
        """What a camera of the model sees now, (height, width, 3), with the scenario's exposure and grain.

        `number` tells the grains of cameras at one step apart.
        """
        return self._lens.develop(self.sight.render(camera, width, height), number, self._steps)

    def stop(self, reason: str) -> None:
        self._stopped = reason

    def close(self) -> None:
        self.stop("closed")
        self.sight.close()

    def _restart(self, start: Snapshot) -> None:
        self.simulation.restore(start.physics, start.equality)
        memory: dict[str, Any] = start.memory
        self.rules.restore(memory["task"])
        if not memory["is_fresh"]:
            self._step_physics()
            self._before_last = (start.physics, start.equality, memory["task"])
        self._contacts.restore(memory["contacts"])
        self._sound.restore(memory["sound"])
        self._drive.restore(memory["drive"])
        self._lens_seed = memory["lens_seed"]
        self._steps = memory["body_steps"]
        self._rng.bit_generator.state = memory["body_rng"]

    def _state(self) -> BodyState:
        data = self.simulation.data
        # A restart reads this state anew; it must draw the same noise, so the generator is remembered as of here.
        self._rng_before_state = self._rng.bit_generator.state
        now_s = float(data.time)
        position_rad, velocity_rad_s, effort_nm = self._motion.joints(self._rng)
        imu = self._motion.inertia(self._rng)
        touch_n = NO_TOUCH_N if self._touch is None else self._exemplar.touch_gain * self._touch.read(self._rng)
        return BodyState(
            position_rad=position_rad,
            velocity_rad_s=velocity_rad_s,
            effort_nm=effort_nm,
            joints_stamp_s=now_s,
            touch_n=touch_n,
            touch_stamp_s=now_s,
            images=self._newest_images(now_s),
            sound=self._sound.window,
            sound_stamp_s=now_s,
            sound_count=self._sound.count,
            imu=Imu(rate_rad_s=imu[:3], acceleration_m_s2=imu[3:], stamp_s=now_s),
        )

    def _newest_images(self, now_s: float) -> dict[str, Image]:
        if not self._has_images:
            return {}
        if self._wants_images or self._steps % self._camera_every == 0:
            self._wants_images = False
            self._images = {
                camera.name: Image(self.photograph(camera.name, camera.width, camera.height, index), now_s)
                for index, camera in enumerate(self._spec.cameras)
            }
        return self._images
