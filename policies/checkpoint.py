"""A trained policy on disk: weights as safetensors, and a JSON beside them that says what they are for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from assets.robot import RobotSpec
from policies.errors import CheckpointError
from policies.network import ChunkPolicy, InputSpec, NetworkConfig
from policies.scaling import Scaler

WEIGHTS, SIDECAR = "policy.safetensors", "policy.json"
_FORMAT = "retake-policy-1"


@dataclass(frozen=True)
class Provenance:
    """What a policy was made from."""

    dataset: str  # identity of the datasets
    episodes: tuple[str, ...]  # identities of all episodes that training saw, those of its held-out curve included
    steps: int
    seed: int
    fps: float
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TrainedPolicy:
    """A network with all that is needed to use it."""

    network: ChunkPolicy
    scaler: Scaler
    robot: RobotSpec
    provenance: Provenance

    @property
    def identity(self) -> str:
        """Sixteen hex digits over weights and scaling."""
        digest = hashlib.blake2b(digest_size=8)
        arrays = _arrays(self)
        for name in sorted(arrays):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
        return digest.hexdigest()


def save_policy(policy: TrainedPolicy, folder: Path) -> None:
    """Write the checkpoint; one that is there already is replaced whole.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    from safetensors.numpy import save_file

    sidecar = {
        "format": _FORMAT,
        "identity": policy.identity,
        "robot_digest": policy.robot.digest,
        "robot": policy.robot.to_dict(),
        "network": asdict(policy.network.config),
        "inputs": asdict(policy.network.inputs),
        "provenance": asdict(policy.provenance),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drafts = folder / f"{WEIGHTS}.draft", folder / f"{SIDECAR}.draft"
        save_file({name: np.ascontiguousarray(array) for name, array in _arrays(policy).items()}, drafts[0])
        drafts[1].write_text(json.dumps(sidecar, indent=2) + "\n")
        drafts[0].replace(folder / WEIGHTS)
        drafts[1].replace(folder / SIDECAR)
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error}") from error


def load_policy(folder: Path, robot: RobotSpec | None = None) -> TrainedPolicy:
    """Read a checkpoint, for `robot` if one is given.

    Raises:
        CheckpointError: it is absent, damaged, or belongs to another robot; then the joints that differ are named.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        sidecar = json.loads((folder / SIDECAR).read_text())
        arrays = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise CheckpointError(f"{error.filename} does not exist; give the folder that training wrote") from error
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"the checkpoint {folder} cannot be read: {error}") from error
    try:
        if sidecar["format"] != _FORMAT:
            raise CheckpointError(f"{folder} is of format {sidecar['format']!r}; {_FORMAT!r} is read. Train again")
        trained_for = RobotSpec.from_dict(sidecar["robot"])
        config = {**sidecar["network"], "channels": tuple(sidecar["network"]["channels"])}
        config["proprioception"] = tuple(config["proprioception"])
        inputs = {**sidecar["inputs"], "cameras": tuple(sidecar["inputs"]["cameras"])}
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn at random, and thrown away
            network = ChunkPolicy(InputSpec(**inputs), NetworkConfig(**config))
        provenance = Provenance(**{**sidecar["provenance"], "episodes": tuple(sidecar["provenance"]["episodes"])})
        prefix = "network."
        state = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)}
        network.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint {folder} is damaged: {error}") from error
    if robot is not None:
        check_robot(folder, trained_for, robot)
    network.eval()
    policy = TrainedPolicy(network, Scaler.from_arrays(arrays), trained_for, provenance)
    if policy.identity != sidecar["identity"]:
        raise CheckpointError(
            f"the checkpoint {folder} is damaged: weights {policy.identity}, {sidecar['identity']} expected"
        )
    return policy


def check_robot(place: Path, trained_for: RobotSpec, robot: RobotSpec) -> None:
    """Refuse a robot that is not the one that was trained for.

    Raises:
        CheckpointError: the digests differ; the message names the joints, or what else differs.
    """
    if trained_for.digest == robot.digest:
        return
    ours, theirs = ({joint.name: joint for joint in spec.joints} for spec in (trained_for, robot))
    differences = [f"{name} is missing" for name in ours if name not in theirs]
    differences += [f"{name} is new" for name in theirs if name not in ours]
    for name in ours.keys() & theirs.keys():
        changed = [f.name for f in fields(ours[name]) if getattr(ours[name], f.name) != getattr(theirs[name], f.name)]
        if changed:
            differences.append(f"{name} differs in {', '.join(changed)}")
    if not differences and tuple(ours) != tuple(theirs):
        differences.append("the joints are in another order")
    if not differences:
        old, new = trained_for.to_dict(), robot.to_dict()
        differences.append(f"the joints agree, but not {', '.join(key for key in old if old[key] != new[key])}")
    raise CheckpointError(
        f"{place} was trained for robot {trained_for.name!r} ({trained_for.digest}), this one is {robot.name!r} "
        f"({robot.digest}): {'; '.join(sorted(differences)[:8])}. Use a checkpoint of this robot, or train one"
    )


def _arrays(policy: TrainedPolicy) -> dict[str, Any]:
    state = nn.Module.state_dict(policy.network)
    weights = {f"network.{name}": value.detach().cpu().numpy() for name, value in state.items()}
    scaling = {name: array for name, array in policy.scaler.to_arrays().items()}
    return {**weights, **scaling}
