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
from envs.episodes.durable import replacing
from policies.errors import CheckpointError
from policies.network import ChunkPolicy, InputSpec, NetworkConfig
from policies.scaling import Scaler

WEIGHTS, SIDECAR = "policy.safetensors", "policy.json"
_FORMAT = "retake-policy-1"
_ADVICE = "Train again, or restore both files from the same copy"


@dataclass(frozen=True)
class Provenance:
    """What a policy was made from."""

    dataset: str  # identity of the datasets
    episodes: tuple[str, ...]  # identities of all episodes that training saw, those of its held-out curve included
    steps: int
    seed: int
    fps: float
    extra: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()  # those that the episodes state; none where no one stated any, as in older checkpoints


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
    """Write the checkpoint in the place of one that is there already.

    Two files cannot be replaced at once: a crash between them leaves a pair that `load_policy` refuses.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    from safetensors.numpy import save

    weights = save({name: np.ascontiguousarray(array) for name, array in _arrays(policy).items()})
    sidecar = {
        "format": _FORMAT,
        "weights": _digest(weights),
        "identity": policy.identity,
        "robot_digest": policy.robot.digest,
        "robot": policy.robot.to_dict(),
        "network": asdict(policy.network.config),
        "inputs": asdict(policy.network.inputs),
        "provenance": asdict(policy.provenance),
    }
    text = json.dumps(sidecar, indent=2) + "\n"
    try:
        # The sidecar is the last to change: whoever waits for a new policy waits for it.
        with replacing(folder / SIDECAR) as sidecar_draft, replacing(folder / WEIGHTS) as weights_draft:
            sidecar_draft.write_text(text, encoding="utf-8")
            weights_draft.write_bytes(weights)
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error}") from error


def load_policy(folder: Path, robot: RobotSpec | None = None) -> TrainedPolicy:
    """Read a checkpoint, for `robot` if one is given.

    Raises:
        CheckpointError: it is absent, damaged, or belongs to another robot; then the joints that differ are named.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        sidecar = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS).read_bytes()
        arrays = load(weights)
    except FileNotFoundError as error:
        raise CheckpointError(f"{error.filename} does not exist; give the folder that training wrote") from error
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"the checkpoint {folder} cannot be read: {error}. {_ADVICE}") from error
    try:
        if sidecar["format"] != _FORMAT:
            raise CheckpointError(f"{folder} is of format {sidecar['format']!r}; {_FORMAT!r} is read. Train again")
        identity = sidecar["identity"]
        if sidecar.get("weights", _digest(weights)) != _digest(weights):  # older checkpoints do not say it
            raise CheckpointError(
                f"the checkpoint {folder} is damaged: {WEIGHTS} is not the file that {SIDECAR} was written with, as "
                f"where training broke off between the two. {_ADVICE}"
            )
        trained_for = RobotSpec.from_dict(sidecar["robot"])
        config = {**sidecar["network"], "channels": tuple(sidecar["network"]["channels"])}
        config["proprioception"] = tuple(config["proprioception"])
        inputs = {**sidecar["inputs"], "cameras": tuple(sidecar["inputs"]["cameras"])}
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn at random, and thrown away
            network = ChunkPolicy(InputSpec(**inputs), NetworkConfig(**config))
        origin = sidecar["provenance"]
        named = {"episodes": tuple(origin["episodes"]), "tasks": tuple(origin.get("tasks", ()))}
        provenance = Provenance(**{**origin, **named})
        prefix = "network."
        state = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)}
        network.load_state_dict(state)
        scaler = Scaler.from_arrays(arrays)
    except KeyError as error:
        raise CheckpointError(f"the checkpoint {folder} is damaged: {error} is missing. {_ADVICE}") from error
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint {folder} is damaged: {error}. {_ADVICE}") from error
    if robot is not None:
        check_robot(folder, trained_for, robot)
    network.eval()
    policy = TrainedPolicy(network, scaler, trained_for, provenance)
    if policy.identity != identity:
        raise CheckpointError(
            f"the checkpoint {folder} is damaged: weights {policy.identity}, {identity} expected. {_ADVICE}"
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


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _arrays(policy: TrainedPolicy) -> dict[str, Any]:
    state = nn.Module.state_dict(policy.network)
    weights = {f"network.{name}": value.detach().cpu().numpy() for name, value in state.items()}
    scaling = {name: array for name, array in policy.scaler.to_arrays().items()}
    return {**weights, **scaling}
