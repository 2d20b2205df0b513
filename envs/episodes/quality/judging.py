"""The verdict on one episode: gates reject, style weighs and coaches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from envs.episodes.quality.coaching import sentence, told_first, where_of
from envs.episodes.quality.gates import closed_gates
from envs.episodes.quality.measuring import Measured, measure
from envs.episodes.quality.metrics import METRICS, WHOLE
from envs.episodes.quality.order import exchanged_steps
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.references import FEWEST, References
from envs.episodes.quality.steps import steps_of
from envs.episodes.skew import StreamSkew
from envs.episodes.verdict import Figure, Moment, QualityVerdict, Verdict

CLEARLY_WORSE = 3.0  # robust deviations
SHOWN = 3  # figures
_ALWAYS_SHOWN = ("sparc", "pause_longest_s", "ldlj", "idle_s")  # where nothing is known to compare with


def judge(
    recording: Recording,
    references: References,
    *,
    skew: Mapping[str, StreamSkew] | None = None,
    failure: str = "",
    lost_steps: int = 0,
) -> QualityVerdict:
    """Judge an episode by what is usual in the same steps.

    Args:
        references: of this task, robot and kind of body.
        skew: of the episode's streams, where they were recorded.
        failure: why the task was not done; empty where it was.
        lost_steps: that the recorder could not keep.
    """
    return judge_measured(recording, measure(recording), references, skew=skew, failure=failure, lost_steps=lost_steps)


def judge_measured(
    recording: Recording,
    measured: Measured,
    references: References,
    *,
    skew: Mapping[str, StreamSkew] | None = None,
    failure: str = "",
    lost_steps: int = 0,
) -> QualityVerdict:
    """`judge`, where the recording is measured already."""
    exchanged = exchanged_steps(measured.deeds, references.usual_deeds)
    gates = closed_gates(recording, skew or {}, failure, exchanged, lost_steps)
    deviations = references.deviations(measured)
    worst_usual = max(CLEARLY_WORSE, references.usual_worst)
    figures = figures_of(measured, references, deviations, worst_usual)
    known = {step: references.counts.get(step, 0) for step in measured.metrics}
    score = style_score(deviations) if deviations else None
    where: Moment | None = None
    verdict: Verdict = "good"
    english, chinese = (
        "Keep on like this: nothing is clearly worse than usual.",
        "很好,继续保持:没有明显比平常差的地方。",
    )
    if gates:
        verdict, english, chinese = "reject", gates[0].english, gates[0].chinese
    elif not deviations:
        verdict = "unjudged"
        english, chinese = _why_unjudged(recording, measured, len(references.episodes))
    elif max(deviations.values()) > worst_usual:
        verdict, where = "coach", where_of(figures[0], measured.moments, _span_of(recording, figures[0].step))
        english, chinese = sentence(figures[0], where, recording.instructions)
    return QualityVerdict(
        verdict=verdict,
        score=score,
        english=english,
        chinese=chinese,
        where=where,
        figures=figures,
        moments=measured.moments,
        gates=tuple(gate.english for gate in gates),
        references=known,
        metrics={step: dict(values) for step, values in measured.metrics.items()},
    )


def _why_unjudged(recording: Recording, measured: Measured, references: int) -> tuple[str, str]:
    """In both languages."""
    if not measured.metrics:
        return (
            f"The style is not judged: {recording.ticks} readings are too few to be measured.",
            f"未评价动作风格:只有 {recording.ticks} 次读数,无法测量。",
        )
    return (
        f"The style is not judged: there are {references} references of this task here, and {FEWEST} are needed.",
        f"未评价动作风格:此任务只有 {references} 条参考示范,至少需要 {FEWEST} 条。",
    )


def style_score(deviations: Mapping[tuple[str, str], float]) -> float:
    """1 less the mean over metrics of the mean over steps of how much worse than usual each is, 3 deviations being 1.

    Args:
        deviations: robust z by step and metric, positive where worse.
    """
    by_metric: dict[str, list[float]] = defaultdict(list)
    for (_, metric), away in deviations.items():
        by_metric[metric].append(min(max(away, 0.0) / CLEARLY_WORSE, 1.0))
    return 1.0 - sum(sum(values) / len(values) for values in by_metric.values()) / len(by_metric)


def figures_of(
    measured: Measured, references: References, deviations: Mapping[tuple[str, str], float], worst_usual: float
) -> tuple[Figure, ...]:
    """Three numbers, each of another metric: those that are worst beside what is usual, else those always shown.

    Of those that are worse than `worst_usual`, causes come before symptoms.
    """

    def rank(place: tuple[str, str]) -> tuple[bool, int, float]:
        is_fault = deviations[place] > worst_usual
        return not is_fault, is_fault * told_first(place[1]), -deviations[place]

    ranked = sorted(deviations, key=rank)
    wanted = ranked or [(WHOLE, name) for name in _ALWAYS_SHOWN if name in measured.metrics.get(WHOLE, {})]
    figures: dict[str, Figure] = {}
    for step, name in wanted:
        if name in figures or len(figures) == SHOWN:
            continue
        usual = references.usual.get(step, {}).get(name)
        figures[name] = Figure(
            metric=name,
            step=step,
            value=measured.metrics[step][name],
            unit=METRICS[name].unit,
            usual=None if usual is None else usual.expected(measured.duration_s[step], measured.setting),
            worse_by=deviations.get((step, name)),
        )
    return tuple(figures.values())


def _span_of(recording: Recording, step: str) -> tuple[float, float]:
    stamps = recording.stamp_s - recording.stamp_s[0]
    for one in steps_of(recording.instruction, recording.instructions):
        if one.name == step:
            return float(stamps[one.ticks.start]), float(stamps[min(one.ticks.end, recording.ticks - 1)])
    return 0.0, float(stamps[-1])
