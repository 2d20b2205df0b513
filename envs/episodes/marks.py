"""When each instruction step of an episode was worked on."""

from __future__ import annotations

from typing import Any

from envs.episodes.records import InstructionMark
from envs.humanoid import HumanoidEnv


def instruction_marks(
    env: HumanoidEnv, progress: list[tuple[int, float]], info: dict[str, Any]
) -> tuple[InstructionMark, ...]:
    """One mark each time that another instruction step became the current one.

    `progress` holds of each step the instruction that was current, and the joints' stamp; `info` is the last step's.
    """
    end_s = info["stamp_s"]
    changes = [i for i, (current, _) in enumerate(progress) if i == 0 or current != progress[i - 1][0]]
    marks = []
    for place, first in enumerate(changes):
        current, start_s = progress[first]
        is_last = place + 1 == len(changes)
        following = progress[changes[place + 1]] if not is_last else None
        done = info["judgement"].done[current] if following is None else following[0] > current
        marks.append(
            InstructionMark(
                name=env.task.instructions[current].name,
                start_s=start_s,
                end_s=end_s if following is None else following[1],
                done=bool(done),
            )
        )
    return tuple(marks)
