"""Imports are free of side effects; what is heavy or cabled comes late."""

import json
import subprocess
import sys

import pytest

HEAVY = ("mujoco", "serial", "torch", "wandb", "cv2", "av")


@pytest.mark.parametrize("package", ["assets.table", "hardware", "envs", "envs.humanoid", "envs.tasks.pick_fruit"])
def test_a_light_import_brings_nothing_heavy(package: str) -> None:
    script = f"import sys, json, {package}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(answer.stdout))
