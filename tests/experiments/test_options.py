"""Options that cannot be had, or that nothing would read, are refused before the work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.collect import Collect
from experiments.command import UsageError
from experiments.train import Train, training_config


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_before_the_training() -> None:
    with pytest.raises(UsageError, match="--device is cuda"):
        training_config(Train((Path("set"),), Path("policy"), device="cuda"))


def test_a_plan_is_carried_out_as_far_as_that_recipe_reaches() -> None:
    acting = Train((Path("set"),), Path("policy"))
    predicting = replace(acting, recipe="predict")
    assert training_config(replace(predicting, execute_s=0.5)).execute_s == 0.5
    for train, beyond, reach in ((acting, 0.5, "0.32"), (predicting, 0.7, "0.64")):
        with pytest.raises(UsageError, match=f"at most {reach}, which is as far as --recipe {train.recipe} plans"):
            training_config(replace(train, execute_s=beyond))


@pytest.mark.parametrize(
    ("ports", "who"),
    [
        ((), "exoskeleton"),
        (("control=/tmp/c", "exoskeleton=/dev/x"), "exoskeleton"),
        (("exoskeleton=/dev/x",), "trainer"),
    ],
)
def test_a_person_at_a_robot_is_never_called_the_expert(ports: tuple[str, ...], who: str) -> None:
    at_cables = Collect(Path("archive"), body="serial", ports=ports)
    assert at_cables.demonstrator == who
    assert replace(at_cables, operator="Li Na").demonstrator == "Li Na"
    assert Collect(Path("archive")).demonstrator == "expert"
