"""Options that cannot be had, or that nothing would read, are refused before the work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from experiments.command import UsageError
from experiments.train import Train, training_config


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_before_the_training() -> None:
    with pytest.raises(UsageError, match="--device is cuda"):
        training_config(Train((Path("set"),), Path("policy"), device="cuda"))
