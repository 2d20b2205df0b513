"""The option --task: the names that help shows, and what a policy is tried on where it is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

from tyro.conf import arg

from envs.tasks.known import TASK_NAMES, load_task
from experiments.command import UsageError

_ONE_OF = "{" + ",".join(TASK_NAMES) + "}"

TaskName: TypeAlias = Annotated[str, arg(metavar=_ONE_OF)]
OptionalTaskName: TypeAlias = Annotated[str | None, arg(metavar=_ONE_OF)]
TaskNames: TypeAlias = Annotated[tuple[str, ...], arg(metavar=f"[{_ONE_OF} ...]")]


def task_to_try(policy: Path, learnt: Sequence[str], asked: str | None) -> str:
    """The task that is asked for, or else the one that a policy learnt.

    Args:
        policy: its folder.
        learnt: the tasks that it learnt; empty where nobody stated any.

    Raises:
        EnvError: there is no such task.
        UsageError: the policy never learnt it; or nothing is asked for, and it learnt several, or nobody knows what.
    """
    if asked is not None:
        load_task(asked)
        if learnt and asked not in learnt:
            raise UsageError(
                f"{policy} learnt {' and '.join(learnt)}, never {asked}; give --task {learnt[0]}, or a policy that "
                f"was trained on demonstrations of {asked}"
            )
        return asked
    if not learnt:
        raise UsageError(
            f"{policy} does not say which task it learnt, as it is older or learnt from imported recordings; give "
            f"--task, one of {', '.join(TASK_NAMES)}"
        )
    if len(learnt) > 1:
        raise UsageError(f"{policy} learnt {' and '.join(learnt)}; say with --task which of them to try")
    return learnt[0]
