"""What is kept of a simulation that broke down: its model and its last states, enough to see it happen again.

evidence.json   what was found, in which scenario, with which versions, and where the model is
model.mjb       the model as it was staged, for `mujoco.MjModel.from_binary_path`; of one body the first few, each once
states.npz      `physics` and `equality` at the beginning of the last control periods, oldest first, and
                `last_physics` and `last_equality` before each physics step of the period in which it broke down
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.errors import EvidenceError, UnstableError
from envs.scenario import Scenario
from envs.simulation import Simulation, breakdown
from envs.tasks.rules import SceneRules
from envs.trail import Trail

FloatArray = NDArray[np.float64]

SHEET_NAME, MODEL_NAME, STATES_NAME = "evidence.json", "model.mjb", "states.npz"
MODEL_LIMIT = 3  # a body: each is about a megabyte, all the rest of some evidence at most a sixth of one
_KIND = {"kind": "retake-evidence", "schema_version": 1}
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


class Witness:
    """Watches one simulation, and keeps what can be learned from its breakdowns.

    Args:
        simulation, rules: who is watched.
        substeps: physics steps in a control period.
    """

    def __init__(self, simulation: Simulation, rules: SceneRules, substeps: int) -> None:
        self.folder: Path | None = None  # where to write; None makes one among the temporary files
        self._simulation = simulation
        self._rules = rules
        self._substeps = substeps
        self._trail = Trail(simulation)
        self._scenario: Scenario | None = None
        self._models: dict[str, Path] = {}  # that were kept, by digest

    def begin(self, scenario: Scenario) -> None:
        """An episode begins."""
        self.folder, self._scenario = None, scenario
        self._trail.clear()

    def watch(self) -> None:
        """A control period begins, its controls already set."""
        self._trail.keep()

    def tell(self, step: int, memory: dict[str, Any]) -> UnstableError:
        """Write the evidence of a breakdown, and say where it is. The simulation cannot be used until it is reset.

        Args:
            step: control steps that were well.
            memory: what the rules remembered of shortly before the control period that broke down.
        """
        told = f"the physics became unstable at step {step}: {self._simulation.breakdown}"
        try:
            folder = self.folder or Path(mkdtemp(prefix="retake-unstable-"))
            folder.mkdir(parents=True, exist_ok=True)
            model = self._write(folder, told, step, memory)
        except OSError as error:
            return UnstableError(f"{told}; the last states and the model could not be kept: {error}")
        if model is None:
            return UnstableError(f"{told}; the last states are in {folder}, without the model: {MODEL_LIMIT} were kept")
        if model.parent != folder:
            return UnstableError(f"{told}; the last states are in {folder}, and the same model in {model.parent}")
        return UnstableError(f"{told}; the last states and the model are in {folder}")

    def _write(self, folder: Path, told: str, step: int, memory: dict[str, Any]) -> Path | None:
        """Write what belongs into a folder; the file of the model, None where it is not kept."""
        simulation = self._simulation
        physics, equality = self._trail.states()
        last_physics, last_equality = self._walk_again(physics, equality, memory)
        np.savez_compressed(
            folder / STATES_NAME,
            physics=physics,
            equality=equality,
            last_physics=last_physics,
            last_equality=last_equality,
        )
        model = self._keep_model(folder / MODEL_NAME)
        sheet = {
            **_KIND,
            "found": told,
            "step": step,
            "scenario": None if self._scenario is None else self._scenario.to_dict(),
            "robot": simulation.robot.name,
            "model": None if model is None else os.path.relpath(model, folder),
            "versions": {"mujoco": mujoco.__version__, "numpy": np.__version__, "machine": platform.machine()},
        }
        (folder / SHEET_NAME).write_text(json.dumps(sheet, indent=2) + "\n", encoding="utf-8")
        return model

    def _keep_model(self, file: Path) -> Path | None:
        """The file in which the model as it stands is to be found; None where enough others were kept."""
        model = self._simulation.model
        buffer = np.empty(mujoco.mj_sizeModel(model), dtype=np.uint8)
        mujoco.mj_saveModel(model, None, buffer)
        digest = hashlib.blake2b(buffer.tobytes()).hexdigest()
        kept = self._models.get(digest)
        if kept is not None and kept.is_file():
            return kept
        if kept is None and len(self._models) >= MODEL_LIMIT:
            return None
        file.write_bytes(buffer.tobytes())
        self._models[digest] = file
        return file

    def _walk_again(
        self, physics: FloatArray, equality: FloatArray, memory: dict[str, Any]
    ) -> tuple[FloatArray, FloatArray]:
        """States before each physics step of the newest control period, up to where it breaks down."""
        simulation = self._simulation
        seen: list[tuple[FloatArray, FloatArray]] = []
        if len(physics):
            simulation.restore(physics[-1], equality[-1])
            self._rules.restore(memory)
            while len(seen) < self._substeps and simulation.breakdown is None:
                seen.append((simulation.physics_state(), simulation.equality_state()))
                mujoco.mj_step(simulation.model, simulation.data)
                self._rules.after_physics(simulation)
        return (
            np.array([state for state, _ in seen]).reshape(len(seen), *physics.shape[1:]),
            np.array([rows for _, rows in seen]).reshape(len(seen), *equality.shape[1:]),
        )


@dataclass(frozen=True)
class Replay:
    """What became of evidence that was stepped again: `found` is None where all stayed well."""

    found: str | None
    physics_steps: int
    scenario: Scenario | None


def replay(folder: Path) -> Replay:
    """Take the physics steps before a breakdown again, each from its own state, on the model as it was.

    Raises:
        EvidenceError: the folder holds no evidence, or it is damaged; or the model is not there, or was not kept.
    """
    try:
        sheet = json.loads((folder / SHEET_NAME).read_text(encoding="utf-8"))
        scenario = None if sheet["scenario"] is None else Scenario.from_dict(sheet["scenario"])
        model = mujoco.MjModel.from_binary_path(str(_model_of(folder, sheet)))
        with np.load(folder / STATES_NAME) as states:
            physics, equality = states["last_physics"], states["last_equality"]
    except (OSError, ValueError, KeyError, TypeError, mujoco.FatalError) as error:
        raise EvidenceError(f"{folder} holds no evidence of a breakdown: {error}") from error
    data = mujoco.MjData(model)
    for number, (state, rows) in enumerate(zip(physics, equality, strict=True)):
        mujoco.mj_resetData(model, data)
        model.eq_data[:] = rows[:, 1:]
        mujoco.mj_setState(model, data, state, _STATE)
        mujoco.mj_step(model, data)
        found = breakdown(model, data)
        if found is not None:
            return Replay(found, number + 1, scenario)
    return Replay(None, len(physics), scenario)


def _model_of(folder: Path, sheet: dict[str, Any]) -> Path:
    """Where the model of some evidence is; older sheets do not say, and have it beside them."""
    named = sheet.get("model", MODEL_NAME)
    if named is None:
        raise EvidenceError(
            f"{folder} has the last states, but the model was not kept: of one body only the first {MODEL_LIMIT} are. "
            f"{SHEET_NAME} says of which scenario it was"
        )
    file: Path = folder / named
    if not file.is_file():
        raise EvidenceError(f"the model of {folder} is not at {file}; bring it back from where it was moved to")
    return file
