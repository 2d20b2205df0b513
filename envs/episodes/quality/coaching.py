"""What a coach would say: one sentence in two languages that tells what to do differently, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.episodes.quality.metrics import METRICS, WHOLE
from envs.episodes.records import Instruction
from envs.episodes.verdict import Figure, Moment


@dataclass(frozen=True)
class Advice:
    """What to do where a metric is worse than usual; `moment` is the kind of moment that shows it, "" for the step."""

    english: str
    chinese: str
    moment: str = ""


_SMOOTH = Advice("Move in one go", "动作要一气呵成", "jerk")
_SOFT = Advice("Hold more softly", "抓握轻一些", "grip")
_MOVING = Advice("Keep the hand moving", "手不要停", "pause")
_CALM = Advice("Steady the hand: it trembles", "手稳一点,不要抖", "tremor")

ADVICE: Mapping[str, Advice] = {
    "sparc": _SMOOTH,
    "ldlj": Advice("Speed up and slow down gently", "加速和减速要柔和", "jerk"),
    "submovements_per_m": _SMOOTH,
    "submovements_per_rad": _SMOOTH,
    "pause_count": _MOVING,
    "pause_longest_s": _MOVING,
    "pause_share": _MOVING,
    "hesitation_s": Advice("Do not stop in the midst of a motion", "动作中途不要停", "hesitation"),
    "idle_s": Advice("Begin at once, and end the recording when done", "开始后马上动作,做完立即结束录制", "idle"),
    "path_ratio": Advice("Go there more directly", "走更直接的路线"),
    "tremor_mm2": _CALM,
    "tremor_mrad2": _CALM,
    "grip_n": _SOFT,
    "grip_peak_n": _SOFT,
    "grip_rate_n_s": Advice("Close the hand more slowly", "合手慢一些", "grip"),
    "grip_stiffness_n_rad": Advice("Let the fingers give: the grip is stiff", "手指放松,不要僵硬", "grip"),
    "grip_peaks": Advice("Grip once and keep it even", "一次握稳,力度均匀", "grip"),
    "squeeze_rad": Advice("Do not press the fingers beyond the object", "手指不要过度用力挤压"),
    "hand_lag_s": Advice("Move both hands together", "双手要同步"),
    "tracking_rad": Advice("Move so that the robot can follow", "放慢一点,让机器人跟得上"),
    "limit_share": Advice("Keep the joints away from their limits", "不要让关节贴近限位"),
    "held_share": Advice(
        "Commands came late: check the link to the exoskeleton", "指令有卡顿:请检查外骨骼连接", "held"
    ),
    "late_share": Advice("Readings came late: check the computer's load", "读数有延迟:请检查电脑负载"),
}

_NAMES = {
    "sparc": ("smoothness (SPARC)", "平滑度(SPARC)"),
    "ldlj": ("smoothness (log jerk)", "平滑度(对数加加速度)"),
    "submovements_per_m": ("sub-movements a metre", "每米分段动作数"),
    "submovements_per_rad": ("sub-movements a radian", "每弧度分段动作数"),
    "pause_count": ("pauses", "停顿次数"),
    "pause_longest_s": ("longest pause", "最长停顿"),
    "pause_share": ("share of pauses", "停顿占比"),
    "hesitation_s": ("stops half-way", "中途停顿"),
    "idle_s": ("idle at the ends", "首尾空闲"),
    "path_ratio": ("way over distance", "路径比"),
    "tremor_mm2": ("tremor", "颤抖"),
    "tremor_mrad2": ("tremor", "颤抖"),
    "grip_n": ("grip", "握力"),
    "grip_peak_n": ("hardest grip", "最大握力"),
    "grip_rate_n_s": ("fastest rise of the grip", "握力上升速度"),
    "grip_stiffness_n_rad": ("stiffness of the grip", "抓握刚度"),
    "grip_peaks": ("squeezes", "挤压次数"),
    "squeeze_rad": ("fingers beyond the object", "手指过压"),
    "hand_lag_s": ("lag between the hands", "双手时差"),
    "tracking_rad": ("robot behind the command", "跟踪误差"),
    "limit_share": ("time at a joint limit", "贴近限位占比"),
    "held_share": ("repeated commands", "重复指令占比"),
    "late_share": ("late readings", "迟到读数占比"),
}


_CAUSES = ("late_share", "held_share", "pause_count", "pause_longest_s", "pause_share", "hesitation_s")
_SYMPTOMS = ("sparc", "ldlj", "submovements_per_m", "submovements_per_rad", "path_ratio", "tracking_rad")


def told_first(metric: str) -> int:
    """Which of several faults to speak of, the lowest first: a pause makes a motion jerky too, not the other way."""
    return 2 if metric in _SYMPTOMS else 0 if metric in _CAUSES else 1


def named(metric: str) -> tuple[str, str]:
    """A metric's name in English and Chinese."""
    return _NAMES[metric]


def told(value: float, unit: str) -> str:
    """A number as it is shown."""
    return f"{value:.3g}" + (f" {unit}" if unit else "")


def where_of(figure: Figure, moments: Sequence[Moment], step_s: tuple[float, float]) -> Moment:
    """The moment that shows a figure best: the longest of its kind in the step, else the step itself.

    Args:
        moments: of the episode.
        step_s: when the figure's step begins and ends, from the first step of the episode on.
    """
    kind = ADVICE[figure.metric].moment
    shown = [one for one in moments if one.kind == kind and figure.step in (one.step, WHOLE)]
    if shown:
        return max(shown, key=lambda moment: moment.end_s - moment.start_s)
    return Moment(kind or figure.metric, *step_s, figure.step)


def sentence(figure: Figure, where: Moment, instructions: Sequence[Instruction]) -> tuple[str, str]:
    """What to do differently, in English and in Chinese."""
    advice, (english, chinese) = ADVICE[figure.metric], named(figure.metric)
    value, usual = told(figure.value, figure.unit), told(figure.usual or 0.0, METRICS[figure.metric].unit)
    numbers = {instruction.name: number for number, instruction in enumerate(instructions, 1)}
    # An episode as a whole is judged too; the moment still lies in one of its steps.
    step = figure.step or where.step
    in_step, at_step = (f" in {step!r}", f"第 {numbers[step]} 步") if step in numbers else ("", "整个过程")
    span = f"{where.start_s:.1f}-{where.end_s:.1f} s"
    return (
        f"{advice.english}{in_step}, at {span}: {english} {value}, usually {usual}.",
        f"{at_step}({where.start_s:.1f}–{where.end_s:.1f} 秒){advice.chinese}:{chinese} {value},通常 {usual}。",
    )
