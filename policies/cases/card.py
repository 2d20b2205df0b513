"""The card that a trainer reads: what to set up, where to start, what to show, and why."""

from __future__ import annotations

from policies.cases.requests import Kind, Request

_TITLE: dict[Kind, tuple[str, str]] = {
    "recovery": ("Recover and finish", "从失误前恢复并完成"),
    "targeted": ("Show the hard case", "示范困难场景"),
    "uniform": ("Show an ordinary case", "示范一般场景"),
}
_HOW: dict[Kind, tuple[str, str]] = {
    "recovery": (
        "A simulated robot stands where it was about to go wrong: first bring it to a safe position. A real one starts "
        "from home, with the objects as they were: first lead it to them. Then finish the task.",
        "仿真机器人停在即将出错的位置:先恢复到安全姿态。真实机器人从初始姿态开始,物体摆成当时的样子:先引导它过去。再完成任务。",
    ),
    "targeted": ("Start from home. Move calmly, without stopping.", "从初始姿态开始。动作平稳,不要停顿。"),
    "uniform": ("Start from home. Move calmly, without stopping.", "从初始姿态开始。动作平稳,不要停顿。"),
}


def card(request: Request, demonstration: int) -> str:
    """The card of one demonstration, in English and in Chinese.

    Raises:
        IndexError: the request has no such demonstration.
    """
    return f"{card_english(request, demonstration)}\n\n{card_chinese(request, demonstration)}"


def card_english(request: Request, demonstration: int) -> str:
    scene = request.demonstrations[demonstration]
    start = [] if scene.start is None else [f"Start: episode {scene.start.episode_id}, step {scene.start.step}."]
    return "\n".join(
        [
            f"{_TITLE[request.kind][0]} ({demonstration + 1} of {len(request.demonstrations)}) - {request.id}",
            f"Why: {request.why}",
            "Set up:",
            *(f"  - {sentence}" for sentence in scene.set_up_en),
            *start,
            _HOW[request.kind][0],
            "Do:",
            *(f"  {place}. {step.english}" for place, step in enumerate(request.instructions, start=1)),
        ]
    )


def card_chinese(request: Request, demonstration: int) -> str:
    scene = request.demonstrations[demonstration]
    start = [] if scene.start is None else [f"起点:回合 {scene.start.episode_id},第 {scene.start.step} 步。"]
    return "\n".join(
        [
            f"{_TITLE[request.kind][1]}({demonstration + 1}/{len(request.demonstrations)})- {request.id}",
            "布置:",
            *(f"  - {sentence}" for sentence in scene.set_up_zh),
            *start,
            _HOW[request.kind][1],
            "步骤:",
            *(f"  {place}. {step.chinese}" for place, step in enumerate(request.instructions, start=1)),
        ]
    )
