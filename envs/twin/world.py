"""The twin's inside: a simulated humanoid that does what its servos are told, and the person who stands beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.exoskeleton import isomorphic_joints
from assets.reality_gap import Exemplar
from assets.robot import RobotSpec
from envs.clock import substeps
from envs.engine import mujoco
from envs.errors import ScenarioError
from envs.homing import is_home
from envs.physique import Physique
from envs.scenario import Scenario
from envs.senses.motion import MotionSense
from envs.servo_drive import ServoDrive
from envs.simulation import Simulation
from envs.snapshot import Snapshot, recalling
from envs.stage import Judgement
from envs.tasks.rules import SceneRules
from envs.tasks.task import Task
from envs.twin.trainer import VirtualTrainer
from hardware.virtual import VirtualBus
from hardware.virtual_robot import VirtualExoskeleton, VirtualRobot

FloatArray = NDArray[np.float64]

_AT_REST_RAD_S = 0.15
_MIDDLE = 0.5
_MOTION = 1  # numbers a generator beside those of the trainer and the cables


class TwinWorld:
    """Physics behind virtual servos. Knows neither sockets nor time of day: somebody calls `step`.

    A servo without torque keeps its gear's drag, so that a limp arm sinks and does not fall.

    Args:
        spec: the robot.
        task: the task whose scene it stands in; a nominal scenario is staged at once.
        rules: how the task lives in the simulator.
        exemplar: which robot it is; see `assets.reality_gap`.
        seed: how the trainer moves, and of the servos' noise.
    """

    def __init__(self, spec: RobotSpec, task: Task, rules: type[SceneRules], exemplar: Exemplar, seed: int = 0) -> None:
        self._spec = spec
        self._task = task
        self.simulation = Simulation(spec, task.scene)
        self._digest = self.simulation.digest
        self.exemplar = exemplar
        self._physique = Physique(self.simulation, exemplar)
        self._drive = ServoDrive(spec, exemplar)
        self.motion = MotionSense(self.simulation, exemplar, self._drive)
        self._rng = np.random.default_rng([seed, _MOTION])
        self.rules = rules(self.simulation)  # type: ignore[call-arg]  # a Protocol does not constrain __init__
        self.servos = VirtualRobot(spec)
        joints = isomorphic_joints(spec)
        self.exoskeleton = VirtualExoskeleton(joints)
        self.trainer = VirtualTrainer(spec, task.name, self.simulation, self.rules, self.exoskeleton, seed)
        model, actuators = self.simulation.model, self.simulation.actuators
        self._gain = model.actuator_gainprm[actuators, 0].copy()
        self._stall_nm = model.actuator_forcerange[actuators, 1].copy()
        self.steps_a_period = substeps(spec.control_hz, self.simulation.timestep_s)
        self.steps = 0
        self._own_qpos, self._own_dof = _joints_of_robot(self.simulation)
        self._has_new_goals = True
        self._sensed_at = -1
        self._is_staging = False
        self._judged = 0
        middle = task.space.at(np.full(len(task.space.factors), _MIDDLE), "nominal")
        self._scene: tuple[Scenario, Snapshot | None] = (middle, None)
        with self._physique.staging():
            self.rules.stage(self.simulation, middle)
        self._solid = _solidity(self.simulation)

    @property
    def scenario(self) -> Scenario:
        """What stands there."""
        return self._scene[0]

    def feed(self, bus: VirtualBus, data: bytes, now_s: float) -> bytes:
        """Let one of the robot's buses hear `data`, its servos sensing this moment; what they answer."""
        if self._sensed_at != self.steps:
            self._sensed_at = self.steps
            self.servos.sense(*self.motion.felt(self._rng))
        self._has_new_goals = True
        return bus.feed(data, now_s)

    def step(self, now_s: float) -> None:
        """One step of physics, and what is due with it."""
        simulation = self.simulation
        if self.steps % self.steps_a_period == 0:
            self.servos.advance(now_s)
            self._has_new_goals = True
        if self._has_new_goals:
            self._obey()
        mujoco.mj_step(simulation.model, simulation.data)
        self.rules.after_physics(simulation)
        self.steps += 1
        if self._is_staging and self._stands_at_home():
            self._finish_staging()
        if self.steps % self.steps_a_period == 0:
            self.trainer.move()

    def set_up(self, scenario: Scenario, start: Snapshot | None) -> None:
        """Stage a scenario around the robot wherever it stands.

        A person holds things out of the robot's way until it is home: so long, nothing of the scene can be touched.

        Raises:
            ScenarioError: the scenario is of another task, or the snapshot of another model or version.
        """
        if scenario.task != self._task.name:
            raise ScenarioError(f"the scenario is of task {scenario.task!r}; the twin stands in {self._task.name!r}")
        self._task.space.scenario(scenario.values)
        if start is not None and not start.model_digest.startswith(self._digest):
            raise ScenarioError(f"the snapshot is of model {start.model_digest}; the twin's is {self._digest}")
        self._scene = (scenario, start)
        self._is_staging = True
        self._judged = 0
        self.trainer.rest()
        self._make_solid(False)
        try:
            self._stage()
        except ScenarioError:
            self._scene = (scenario, None)  # it is staged anew as soon as the robot is home
            raise

    def judge(self) -> Judgement:
        """What a person who watches would say. The second question of an episode is where the trainer begins."""
        if self._is_staging:
            self._finish_staging()
        self._judged += 1
        if self._judged == 2:
            # The first question comes from the reset, before anybody follows the exoskeleton.
            self.trainer.begin()
        return self.rules.assess(self.simulation)

    def joint_speed_rad_s(self) -> float:
        return float(np.abs(self.simulation.data.qvel[self.simulation.dof]).sum())

    def _obey(self) -> None:
        self._has_new_goals = False
        goals, simulation = self.servos.goals, self.simulation
        model, actuators = simulation.model, simulation.actuators
        gain = np.where(goals.is_limp, 0.0, self._gain)
        effort_nm = np.minimum(self._stall_nm, goals.effort_limit_nm)
        model.actuator_gainprm[actuators, 0] = gain
        model.actuator_biasprm[actuators, 1] = -gain
        model.actuator_forcerange[actuators, 0] = -effort_nm
        model.actuator_forcerange[actuators, 1] = effort_nm
        simulation.data.ctrl[actuators] = self._drive.obey(goals.position_rad)

    def _stands_at_home(self) -> bool:
        simulation, state = self.simulation, self.simulation.data
        is_slow = float(np.abs(state.qvel[simulation.dof]).max()) < _AT_REST_RAD_S
        return is_slow and is_home(self._spec, state.qpos[simulation.qpos])

    def _finish_staging(self) -> None:
        self._is_staging = False
        self._make_solid(True)
        self._stage()

    def _make_solid(self, is_solid: bool) -> None:
        model = self.simulation.model
        geoms, contype, conaffinity = self._solid
        model.geom_contype[geoms] = contype if is_solid else 0
        model.geom_conaffinity[geoms] = conaffinity if is_solid else 0

    def _stage(self) -> None:
        """Put the scene as it was ordered, and leave the robot where it is: nobody can carry that."""
        scenario, start = self._scene
        simulation, state = self.simulation, self.simulation.data
        qpos, qvel, now_s = state.qpos[self._own_qpos], state.qvel[self._own_dof], state.time
        commanded = state.history.copy()
        with self._physique.staging():
            self.rules.stage(simulation, scenario)
        if start is not None:
            simulation.restore(start.physics, start.equality)
            with recalling("a task"):
                self.rules.restore(start.memory["task"])
        state.qpos[self._own_qpos], state.qvel[self._own_dof] = qpos, qvel
        state.time = now_s
        state.history[:] = commanded
        mujoco.mj_forward(simulation.model, state)
        self._has_new_goals = True


def _joints_of_robot(simulation: Simulation) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Addresses of every one-dimensional joint of the robot, those that follow others included: qpos, dof."""
    model = simulation.model
    is_single = np.isin(model.jnt_type, (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE))
    own = np.flatnonzero(_is_of_robot(simulation)[model.jnt_bodyid] & is_single)
    return model.jnt_qposadr[own], model.jnt_dofadr[own]


def _solidity(simulation: Simulation) -> tuple[NDArray[np.intp], NDArray[np.intc], NDArray[np.intc]]:
    """The geoms that are not the robot's, with what they collide as, and with what."""
    model = simulation.model
    geoms = np.flatnonzero(~_is_of_robot(simulation)[model.geom_bodyid])
    return geoms, model.geom_contype[geoms].copy(), model.geom_conaffinity[geoms].copy()


def _is_of_robot(simulation: Simulation) -> NDArray[np.bool_]:  # (bodies,)
    model = simulation.model
    first = model.joint(simulation.robot.joint_names[0]).bodyid[0]
    return np.asarray(model.body_rootid == model.body_rootid[first])
