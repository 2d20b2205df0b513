"""All stages of a round in their order, and the figures that come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from assets.table import load_robot
from envs.episodes.durable import write_json
from envs.episodes.sheet import package_versions
from envs.scenario import Pool
from experiments.case_book import CaseBook
from experiments.command import USER_ERRORS
from experiments.factor_success import success_by_factor
from experiments.figures import DatasetSize, RequestFigure, RoundFigures, TrainingCurve, Trial
from experiments.pictures import request_pictures
from experiments.port_options import DEFAULT_ROBOT
from experiments.quality_figures import judge_demonstrations
from experiments.round import Round
from experiments.telling_episode import telling_episode
from experiments.workers import console
from policies.cases.detection import Detection, assess_detection
from policies.cases.doubt import DoubtBand
from policies.cases.modes import Mode
from policies.cases.rates import Rate
from policies.cases.rollout import Rollout, unstopped
from policies.cases.verify import judge_improvement, judge_regression
from policies.dataset.reader import LeRobotDataset
from policies.errors import EvidenceError
from policies.training import TrainingReport

BEFORE, AFTER = "before", "after"


def run_round(place: Round) -> RoundFigures:
    """One whole round; says on the terminal what it does and why."""
    with place.stage("Collect", "demonstrations under usual conditions, in simulation and through real serial ports"):
        nominal = place.collect_nominal()
    with place.stage("Build", "one LeRobot v3 dataset of what was accepted"):
        dataset = place.build()
        sizes = [_size("nominal", dataset)]
    with place.stage("Train", "clone a policy from sight, touch, sound and motion"):
        curves = [_curve(BEFORE, place.train(BEFORE, dataset))]
    with place.stage("Try", "on scenarios as they will be met, to see where it fails and where it doubts"):
        band, note = _calibrate(place)
        discovered = place.try_policy(BEFORE, Pool.DISCOVER, place.sizes.discover, 5, band=band)
        console.print(f"  success: {Rate.of(rollout.success for rollout in discovered)}")
        control_hz = load_robot(DEFAULT_ROBOT).control_hz
        detection: Detection | None = assess_detection(band, discovered, control_hz) if band else None
    with place.stage("Find", "the weakness and its name, and what to ask trainers for"):
        found = place.find(discovered)
        cases = CaseBook(place.folder / "cases.json")
        cases.add(discovered, found.modes)
        pictures = request_pictures(place.task_name, place.archive, found.plan.requests, place.folder / "pictures")
    with place.stage("Collect the requests", "each set up and started as its card says; the expert is the trainer"):
        queue = place.queue("requests")
        recollected = place.answer(queue)
        answered = queue.all()
    with place.stage("Judge", "how well each demonstration was moved, by what is usual in the same step"):
        quality = judge_demonstrations(place.archive, place.task_name)
    with place.stage("Retrain", "old and new demonstrations together, the new ones weighted up"):
        dataset = place.build()
        sizes.append(_size("with requests", dataset))
        new = frozenset(episode for request in answered for episode in request.episodes)
        curves.append(_curve(AFTER, place.retrain(AFTER, dataset, new)))
    with place.stage("Prove", "both policies on the same fresh scenarios: fixed, broken, by chance?"):
        verify = [place.try_policy(name, Pool.VERIFY, place.sizes.verify, 8) for name in (BEFORE, AFTER)]
        improvement = judge_improvement(*verify)
        console.print(f"  {improvement.text}", soft_wrap=True)
        regress = [place.try_policy(name, Pool.REGRESS, place.sizes.regress, 9) for name in (BEFORE, AFTER)]
        non_inferiority = judge_regression(*regress)
        console.print(f"  {non_inferiority.text}", soft_wrap=True)
    deployment, not_deployed = None, ""
    if place.sizes.deploy:
        with place.stage("Deploy", "the final policy through the real body, on the twin"):
            deployment, not_deployed = deploy(place, cases, found.modes)
    before, after = (unstopped(verify[index] + regress[index]) for index in (0, 1))
    return RoundFigures(
        task=place.task_name,
        title=place.task.title,
        seed=place.seed,
        control_hz=control_hz,
        collected=nominal,
        datasets=tuple(sizes),
        curves=tuple(curves),
        discover=Trial.of(discovered),
        study=found.study,
        modes=found.modes,
        plan=found.plan,
        requests=tuple(RequestFigure(request, pictures.get(request.id)) for request in answered),
        recollected=recollected,
        verify=improvement,
        regress=non_inferiority,
        by_factor=success_by_factor(place.task.space, before, after),
        stage_seconds=place.seconds,
        versions=package_versions(),
        detection=detection,
        detection_note=note,
        deployment=deployment,
        deployment_note=not_deployed,
        signals=telling_episode(place.archive, unstopped(discovered), band),
        quality=quality,
        extra={"sizes": asdict(place.sizes), "cases": len(cases.all())},
    )


def _calibrate(place: Round) -> tuple[DoubtBand | None, str]:
    """The doubt band of the first policy; None, and why, where its successes are too few."""
    rollouts: Sequence[Rollout] = place.try_policy(BEFORE, Pool.CALIBRATE, place.sizes.calibrate, 4)
    try:
        band = DoubtBand.calibrate(rollouts, place.rng(11))
    except EvidenceError as error:
        console.print(f"  no alarms in this round: {error}", soft_wrap=True)
        return None, str(error)
    write_json(place.folder / "band.json", band.to_dict())
    return band, ""


def deploy(place: Round, cases: CaseBook, modes: Sequence[Mode]) -> tuple[Trial | None, str]:
    """Fly the last policy on cables; None, and why, where they fail: the round must not be lost for it."""
    try:
        deployed = place.try_policy(AFTER, Pool.DISCOVER, place.sizes.deploy, 10, serial=True)
        cases.add(deployed, modes)
    except USER_ERRORS as error:
        console.print(f"  no deployment in this round: {error}", soft_wrap=True, markup=False)
        return None, str(error)
    trial = Trial.of(deployed)
    console.print(f"  success: {trial.success}")
    return trial, ""


def _size(name: str, dataset: LeRobotDataset) -> DatasetSize:
    steps = sum(episode.length for episode in dataset.episodes)
    return DatasetSize(name, len(dataset.episodes), steps, steps / dataset.fps, dataset.cameras)


def _curve(name: str, report: TrainingReport) -> TrainingCurve:
    held_out = [point for point in report.curve if point.held_out_loss is not None]
    return TrainingCurve(
        name=name,
        step=tuple(point.step for point in report.curve),
        loss=tuple(point.loss for point in report.curve),
        held_out_step=tuple(point.step for point in held_out),
        held_out_loss=tuple(float(point.held_out_loss or 0.0) for point in held_out),
    )
