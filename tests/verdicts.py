"""A made-up judgement of quality."""

from envs.episodes.verdict import Figure, Moment, QualityVerdict

_PAUSE = Moment("pause", 1.2, 1.7, "reach")
QUALITY = QualityVerdict(
    verdict="coach",
    score=0.75,
    english="Keep the hand moving in step reach.",
    chinese="“伸手”时不要停手。",
    where=_PAUSE,
    figures=(Figure("pause_longest_s", "reach", 0.5, "s", usual=0.1, worse_by=4.0), Figure("sparc", "reach", -1.9, "")),
    moments=(_PAUSE,),
    references={"reach": 12},
    metrics={"": {"sparc": -2.0}, "reach": {"sparc": -1.9, "pause_longest_s": 0.5}},
)
