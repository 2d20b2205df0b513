"""A made dataset, and a policy that has seen it very often."""

from dataclasses import replace

import pytest
import torch
from hand_made_dataset import write_dataset
from learnt_policy import QUICK, STILL

from policies.dataset.reader import open_dataset
from policies.training import train


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def made_root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("learning") / "made")


@pytest.fixture(scope="session")
def learnt(made_root):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    config = replace(QUICK, steps=400, batch=48, learning_rate=3e-3, augmentation=STILL, bootstrap=1.0)
    report = train([open_dataset(made_root)], config)
    torch.set_num_threads(before)
    return report
