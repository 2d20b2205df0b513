"""Checkpoints: the same policy back, and no other robot."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hand_made_dataset import write_dataset
from learnt_policy import QUICK
from small_robot import SMALL_ROBOT

from assets.robot import JointSpec
from policies.checkpoint import SIDECAR, WEIGHTS, TrainedPolicy, load_policy, save_policy
from policies.dataset.reader import open_dataset
from policies.dataset.table import tabulate
from policies.errors import CheckpointError
from policies.network import ChunkPolicy
from policies.open_loop import predict_chunks
from policies.training import train

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_checkpoint_gives_back_the_same_policy(made_root, learnt, tmp_path):
    save_policy(learnt.policy, tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy", SMALL_ROBOT)
    assert loaded.identity == learnt.policy.identity
    assert loaded.provenance == learnt.policy.provenance
    table = tabulate([open_dataset(made_root)], 16)
    rows = np.arange(20)
    np.testing.assert_array_equal(predict_chunks(loaded, table, rows), predict_chunks(learnt.policy, table, rows))


def test_a_checkpoint_refuses_another_robot_and_says_which_joints_differ(learnt, tmp_path):
    save_policy(learnt.policy, tmp_path / "policy")
    joints = (replace(SMALL_ROBOT.joints[0], upper=1.2), *SMALL_ROBOT.joints[1:2])
    new = JointSpec("wrist", "arm", -1.0, 1.0, 0.0, 1.0, 1.0, 1.0)
    with pytest.raises(CheckpointError, match=r"grip is missing; shoulder differs in upper; wrist is new"):
        load_policy(tmp_path / "policy", replace(SMALL_ROBOT, joints=(*joints, new)))
    with pytest.raises(CheckpointError, match="not control_hz"):
        load_policy(tmp_path / "policy", replace(SMALL_ROBOT, control_hz=50.0))
    with pytest.raises(CheckpointError, match="another order"):
        load_policy(tmp_path / "policy", replace(SMALL_ROBOT, joints=SMALL_ROBOT.joints[::-1]))


def test_a_damaged_checkpoint_is_refused(learnt, tmp_path):
    with pytest.raises(CheckpointError, match=r"policy\.json does not exist"):
        load_policy(tmp_path / "nowhere")
    save_policy(learnt.policy, tmp_path / "policy")
    weights = tmp_path / "policy/policy.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-400])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_policy(tmp_path / "policy")
    weights.write_bytes(whole[:-4] + b"\x00\x01\x02\x03")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_policy(tmp_path / "policy")


def test_files_of_two_checkpoints_are_refused_whichever_of_them_is_the_newer(learnt, tmp_path):
    save_policy(learnt.policy, tmp_path / "before")
    network = learnt.policy.network
    other = TrainedPolicy(
        ChunkPolicy(network.inputs, replace(network.config, width=network.config.width * 2)),
        learnt.policy.scaler, SMALL_ROBOT, learnt.policy.provenance,
    )  # fmt: skip
    save_policy(other, tmp_path / "after")
    for name in (WEIGHTS, SIDECAR):
        shutil.copytree(tmp_path / "before", tmp_path / "mixed", dirs_exist_ok=True)
        shutil.copy(tmp_path / "after" / name, tmp_path / "mixed")
        with pytest.raises(CheckpointError, match=r"is not the file that policy\.json was written with.*Train again"):
            load_policy(tmp_path / "mixed")
    shutil.copytree(tmp_path / "after", tmp_path / "mixed", dirs_exist_ok=True)
    assert load_policy(tmp_path / "mixed").identity == other.identity


def test_writing_a_checkpoint_anew_leaves_the_two_files_and_the_new_policy(learnt, tmp_path):
    for steps in (1, 2):
        save_policy(
            replace(learnt.policy, provenance=replace(learnt.policy.provenance, steps=steps)), tmp_path / "policy"
        )
        assert load_policy(tmp_path / "policy").provenance.steps == steps
    assert {file.name for file in (tmp_path / "policy").iterdir()} == {WEIGHTS, SIDECAR}


def test_a_checkpoint_from_before_its_weights_had_a_digest_still_loads(learnt, tmp_path):
    save_policy(learnt.policy, tmp_path / "policy")
    rewrite_without(tmp_path / "policy" / SIDECAR, "weights")
    assert load_policy(tmp_path / "policy").identity == learnt.policy.identity


def test_a_checkpoint_knows_the_tasks_that_its_episodes_state(tmp_path):
    root = write_dataset(tmp_path / "made", tasks=("fold_towel", None, "brew_coffee"))
    train([open_dataset(root)], replace(QUICK, steps=2), tmp_path / "policy")
    assert load_policy(tmp_path / "policy").provenance.tasks == ("brew_coffee", "fold_towel")
    train([open_dataset(root, episodes=[0, 1])], replace(QUICK, steps=2), tmp_path / "policy")
    assert load_policy(tmp_path / "policy").provenance.tasks == ("fold_towel",)


def test_a_checkpoint_from_before_tasks_were_kept_knows_none(learnt, tmp_path):
    save_policy(learnt.policy, tmp_path / "policy")
    sidecar = tmp_path / "policy" / SIDECAR
    fields = json.loads(sidecar.read_text())
    del fields["provenance"]["tasks"]
    sidecar.write_text(json.dumps(fields))
    assert load_policy(tmp_path / "policy").provenance.tasks == ()


@pytest.mark.parametrize("key", ["identity", "format", "robot", "network", "inputs", "provenance"])
def test_a_sidecar_that_lacks_something_is_refused_by_its_name(learnt, tmp_path, key):
    save_policy(learnt.policy, tmp_path / "policy")
    rewrite_without(tmp_path / "policy" / SIDECAR, key)
    with pytest.raises(CheckpointError, match=f"is damaged: '{key}' is missing. Train again"):
        load_policy(tmp_path / "policy")


def test_a_folder_that_cannot_be_made_is_an_error_of_the_checkpoint(learnt, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot write the checkpoint"):
        save_policy(learnt.policy, tmp_path / "file" / "policy")


def rewrite_without(sidecar, key):
    fields = json.loads(sidecar.read_text())
    del fields[key]
    sidecar.write_text(json.dumps(fields))
