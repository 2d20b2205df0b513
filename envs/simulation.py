"""A robot in a scene, as MuJoCo has it: one model, one state, named access, exact restart."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.engine import mujoco
from envs.errors import BodyError, ScenarioError
from envs.textures import add_surfaces

FloatArray = NDArray[np.float64]
SCENES = Path(__file__).resolve().parent.parent / "assets" / "scenes"
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
_EMPTY_PREFIX = "Attaching a spec with an empty prefix"

_log = logging.getLogger(__name__)


class Simulation:
    """MuJoCo model and data of one robot standing in one scene.

    Raises:
        BodyError: the scene or the robot does not compile, or the robot's table names what its MJCF lacks.
    """

    def __init__(self, robot: RobotSpec, scene: str) -> None:
        self.robot = robot
        self.model = _compile(robot, SCENES / f"{scene}.xml")
        self.data = mujoco.MjData(self.model)
        self._state_size = mujoco.mj_stateSize(self.model, _STATE)
        self._holds, self._equality_data = self.data.eq_active, self.model.eq_data  # views
        self._equality = np.empty((self.model.neq, 1 + self._equality_data.shape[1]))
        self._equality_seen: tuple[bytes, bytes] | None = None
        self._warnings = self.data.warning.number  # a view
        self._no_warnings = bytes(self._warnings.nbytes)
        try:
            joints = [self.model.joint(name) for name in robot.joint_names]
            self.actuators = np.array([self.model.actuator(name).id for name in robot.joint_names])
        except KeyError as error:
            raise BodyError(f"robot table and MJCF of {robot.name!r} disagree: {error}") from error
        is_connect = self.model.eq_type == mujoco.mjtEq.mjEQ_CONNECT
        self._equality_rows = np.where(is_connect, 3, 1)
        self.qpos = np.array([joint.qposadr[0] for joint in joints])
        self.dof = np.array([joint.dofadr[0] for joint in joints])

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits of the compiled model as it was before any scenario was staged."""
        buffer = np.empty(mujoco.mj_sizeModel(self.model), dtype=np.uint8)
        mujoco.mj_saveModel(self.model, None, buffer)
        return hashlib.blake2b(buffer.tobytes(), digest_size=8).hexdigest()

    @property
    def timestep_s(self) -> float:
        return float(self.model.opt.timestep)

    def place_home(self) -> None:
        """Everything at its initial state, the robot at home with its targets there too."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[self.qpos] = self.robot.home
        self.data.ctrl[self.actuators] = self.robot.home
        for actuator, home in zip(self.actuators.tolist(), self.robot.home.tolist(), strict=True):
            if kept := int(self.model.actuator_history[actuator, 0]):
                mujoco.mj_initCtrlHistory(self.model, self.data, actuator, None, np.full((kept, 1), home))

    def physics_state(self, out: FloatArray | None = None) -> FloatArray:  # (mj_stateSize,)
        """MuJoCo's integration state, in `out` or in a fresh array."""
        state = np.empty(self._state_size) if out is None else out
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        return state

    def equality_state(self) -> FloatArray:  # (equalities, 1 + mjNEQDATA)
        """Whether each equality holds, and its data; read-only, and the same array for as long as nothing changes."""
        seen = self._holds.tobytes(), self._equality_data.tobytes()
        if seen != self._equality_seen:
            rows = np.empty_like(self._equality)
            rows[:, 0], rows[:, 1:] = self._holds, self._equality_data
            rows.flags.writeable = False
            self._equality, self._equality_seen = rows, seen
        return self._equality

    @property
    def breakdown(self) -> str | None:
        """What was no number in the physics since it was last staged or restored; None if all is well.

        MuJoCo then starts again from its initial state, and steps on as if nothing had happened.
        """
        if self._warnings.tobytes() == self._no_warnings:
            return None
        return breakdown(self.model, self.data)

    def restore(self, physics: FloatArray, equality: FloatArray) -> None:
        """Go on from a state that `physics_state` and `equality_state` returned.

        Raises:
            ScenarioError: the state is of another model.
        """
        if physics.shape != (self._state_size,) or equality.shape != self._equality.shape:
            raise ScenarioError(
                f"the snapshot has {physics.size} state values and {len(equality)} equalities; this model has "
                f"{self._state_size} and {self.model.neq}: it was taken from another model"
            )
        mujoco.mj_resetData(self.model, self.data)
        self.model.eq_data[:] = equality[:, 1:]
        mujoco.mj_setState(self.model, self.data, physics, _STATE)
        self.data.eq_active[:] = equality[:, 0].astype(np.uint8)
        mujoco.mj_forward(self.model, self.data)
        # The forward pass has overwritten the warm start that the next step of the original run began with.
        mujoco.mj_setState(self.model, self.data, physics, _STATE)

    def connect_forces_n(self, equality: int, count: int) -> FloatArray:  # (count, 3)
        """Forces of so many active `connect` equalities, this one and those behind it, as of the last step."""
        first = self.first_row(equality)
        return np.array(self.data.efc_force[first : first + 3 * count]).reshape(count, 3)

    def first_row(self, equality: int) -> int:
        """Where an active equality begins among the rows of the constraints, while no other is switched."""
        # MuJoCo lays out the rows of the active equalities first, in the order of the model.
        return int(self._equality_rows[:equality] @ self.data.eq_active[:equality])


def breakdown(model: mujoco.MjModel, data: mujoco.MjData) -> str | None:
    """What MuJoCo has warned of as no number, infinite or huge, and where; None if of nothing."""
    kinds = mujoco.mjtWarning
    for kind, word in (
        (kinds.mjWARN_BADQACC, "acceleration"),
        (kinds.mjWARN_BADQVEL, "velocity"),
        (kinds.mjWARN_BADQPOS, "position"),
        (kinds.mjWARN_BADCTRL, "control"),
    ):
        if data.warning[kind].number:
            return f"the {word} of {_owner(model, word, data.warning[kind].lastinfo)} is no number, or huge"
    return None


def _owner(model: mujoco.MjModel, word: str, index: int) -> str:
    """Who the index of a warning belongs to, in words."""
    if word == "control":
        return f"actuator {model.actuator(index).name!r}"
    joint = (
        int(np.searchsorted(model.jnt_qposadr, index, "right")) - 1 if word == "position" else model.dof_jntid[index]
    )
    name, body = model.joint(joint).name, model.body(model.jnt_bodyid[joint]).name
    return f"joint {name!r}" if name else f"a joint of body {body!r}"


def _compile(robot: RobotSpec, scene: Path) -> mujoco.MjModel:
    if robot.mjcf_path is None:
        raise BodyError(f"robot {robot.name!r} has no MJCF, so it cannot be simulated; use a robot from assets/")
    try:
        world = mujoco.MjSpec.from_file(str(scene))
        body = mujoco.MjSpec.from_file(str(robot.mjcf_path))
        add_surfaces(world)
        world.copy_during_attach = True
        with _names_may_stay():
            world.attach(body, prefix="", site=world.site("robot"))
            return world.compile()
    except (ValueError, KeyError) as error:
        raise BodyError(f"{scene.name} with robot {robot.name!r} does not compile: {error}") from error


@contextmanager
def _names_may_stay() -> Iterator[None]:
    """Keep MuJoCo from warning that a spec attached without a prefix may not be saved as XML: it never is.

    The names must stay those of the joint table. Every other warning comes through.
    """
    handler = mujoco.get_mju_user_warning()

    def pass_on(message: str) -> None:
        if not message.startswith(_EMPTY_PREFIX):
            (handler or _log.warning)(message)

    mujoco.set_mju_user_warning(pass_on)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_EMPTY_PREFIX, category=UserWarning)
            yield
    finally:
        mujoco.set_mju_user_warning(handler)
