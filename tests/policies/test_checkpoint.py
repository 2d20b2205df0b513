"""Checkpoints: the same policy back, and no other robot."""

from dataclasses import replace

import numpy as np
import pytest
from small_robot import SMALL_ROBOT

from assets.robot import JointSpec
from policies.checkpoint import load_policy, save_policy
from policies.dataset.reader import open_dataset
from policies.dataset.table import tabulate
from policies.errors import CheckpointError
from policies.open_loop import predict_chunks

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
