"""What was learned in a round, in plain words: only what was measured."""

from __future__ import annotations

from envs.episodes.records import STOPPED
from experiments.figures import SERIAL_END, RoundFigures, Trial
from policies.cases.verify import Improvement, NonInferiority, format_p


def headline(figures: RoundFigures) -> str:
    """One line: the result."""
    verify = figures.verify
    paired = verify.paired
    verdict = "significant" if verify.significant else "not significant"
    return (
        f"{100.0 * paired.before.value:.0f} % before, {100.0 * paired.after.value:.0f} % after: fixed {paired.fixed}, "
        f"broke {paired.broken}, p = {format_p(verify.p_value)}, {verdict}"
    )


def what_was_learned(figures: RoundFigures) -> str:
    """One paragraph for a person who has a minute."""
    sentences = (
        _base(figures),
        _weakness(figures),
        _asked(figures),
        _outcome(figures.verify),
        _worse(figures.regress),
        _deployed(figures),
        "This speaks of one pair of networks and one seed, not of the recipe.",
    )
    return " ".join(sentence for sentence in sentences if sentence)


def _base(figures: RoundFigures) -> str:
    kept = sum(row.kept for row in figures.collected)
    serial = sum(row.kept for row in figures.collected if row.body == "serial")
    bodies = f", {serial} of them over serial ports with {SERIAL_END} at the other end" if serial else ""
    success = figures.discover.success
    return (
        f"A policy was cloned from {kept} demonstrations{bodies}. "
        f"On {success.n} fresh scenarios it succeeded in {success.count} ({100.0 * success.value:.0f} %)"
        f"{_stops(figures.discover)}."
    )


def _weakness(figures: RoundFigures) -> str:
    confirmed = [mode for mode in figures.modes if mode.confirmed]
    objection = figures.study.objection
    if not confirmed:
        why = objection or "its failures follow the scenario, but no rule in the factors' own names is more than chance"
        return f"No weakness is named: {why}."
    first = confirmed[0]
    inside, outside = first.counts.inside, first.counts.outside
    where = (
        f"'{first.signature}' goes wrong where {first.rule_text}: in {inside.count} of {inside.n} there, in "
        f"{outside.count} of {outside.n} elsewhere."
    )
    if objection:
        return f"{where} Requests were not aimed at it: {objection}."
    return where if len(confirmed) == 1 else f"{where} {len(confirmed) - 1} more such rules were confirmed."


def _asked(figures: RoundFigures) -> str:
    kept = sum(row.kept for row in figures.recollected)
    tried = sum(row.tried for row in figures.recollected)
    kinds = ", ".join(f"{row.kept} {row.purpose}" for row in figures.recollected if row.kept)
    if not kept:
        return "No new demonstrations were kept."
    return f"{kept} new demonstrations were kept of {tried} tried ({kinds}), and the policy was trained again."


def _outcome(verify: Improvement) -> str:
    paired, p = verify.paired, format_p(verify.p_value)
    if verify.significant:
        said = f"p = {p}, a significant improvement"
    elif paired.fixed > paired.broken:
        said = f"p = {p}, not significant"
    else:
        said = f"p = {p}, no improvement"
    return (
        f"On {paired.n} scenarios that neither network was trained on, {paired.before.count} succeeded before and "
        f"{paired.after.count} after: fixed {paired.fixed}, broke {paired.broken}, {said}.{paired.remark}"
    )


def _worse(regress: NonInferiority) -> str:
    paired = regress.paired
    counted = f"On {paired.n} others it broke {paired.broken} and fixed {paired.fixed}"
    limit = f"{100.0 * max(regress.upper_limit, 0.0):.1f} points"
    if regress.holds:
        return f"{counted}: a loss of more than {limit} is ruled out (95 % confidence).{paired.remark}"
    allowed = f"at most {100.0 * regress.margin:.0f} are allowed"
    return f"{counted}: a loss of up to {limit} cannot be ruled out; {allowed}.{paired.remark}"


def _deployed(figures: RoundFigures) -> str:
    if figures.deployment is None:
        why = figures.deployment_note.rstrip(".")
        return f"Over serial ports the new policy was not tried to the end: {why}." if why else ""
    success = figures.deployment.success
    return (
        f"Over serial ports, with {SERIAL_END} at the other end, the new policy succeeded in "
        f"{success.count} of {success.n} DISCOVER scenes, whose failures become cases{_stops(figures.deployment)}."
    )


def _stops(trial: Trial) -> str:
    stopped = trial.signatures.get(STOPPED, 0)
    return f"; the body stopped {stopped} of them" if stopped else ""
