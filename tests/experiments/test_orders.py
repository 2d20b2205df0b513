"""What is ordered is told apart by its seed, answered at once, and flown by the newest policy."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import planted
import pytest
from episode_samples import record_episode

from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder
from envs.errors import ArchiveError
from envs.registry import make_env
from envs.scenario import Pool, Scenario
from envs.tasks.pick_fruit import PICK_FRUIT
from experiments.collect import Collect, answer_requests
from experiments.command import UsageError
from experiments.orders import RequestOrders, refuse_strangers, request_orders
from experiments.rollout_files import keep_rollouts, load_rollouts
from experiments.stations import Demonstrations, written
from experiments.workers import OnResult, run_and_keep, run_jobs
from policies.cases.request_queue import RequestQueue
from policies.cases.requests import Answer, Demonstration, Request, Start
from policies.cases.rollout import Rollout

SCENE = next(planted.SPACE.draw(Pool.TRAIN, np.random.default_rng(0)))
TWICE = Request(
    id="round-01-recovery",
    task="planted",
    kind="recovery",
    mode=None,
    why="",
    priority=1,
    expected_gain=None,
    instructions=planted.STEPS,
    demonstrations=(Demonstration(SCENE, Pool.TRAIN, (), ()),) * 2,
)


def test_demonstrations_of_one_scene_have_seeds_of_their_own_in_every_attempt(tmp_path: Path) -> None:
    failed_once = replace(TWICE, answers=(Answer(0, "a", accepted=False), Answer(1, "b", accepted=False)))
    seeds = [order.seed for request in (TWICE, failed_once)
             for _, _, order in request_orders([request], [tmp_path], 3, "expert").orders]  # fmt: skip
    assert len(set(seeds)) == 4
    assert seeds[:2] == [order.seed for _, _, order in request_orders([TWICE], [tmp_path], 3, "expert").orders]


def test_a_start_that_no_archive_holds_is_named_and_the_others_are_ordered(tmp_path: Path) -> None:
    mine, foreign = Archive(tmp_path / "mine"), Archive(tmp_path / "rollouts")
    episode = record_episode(foreign, seed=0)
    step = next(iter(foreign.open(episode).snapshots.values())).step
    shown = TWICE.demonstrations[0]
    starts = (None, Start(episode, step), Start("20260101-000000-000000-abcdef", step))
    request = replace(TWICE, demonstrations=tuple(replace(shown, start=start) for start in starts))
    alone = request_orders([request], [mine.root], 3, "expert")
    assert [place for _, place, _ in alone.orders] == [0]
    assert len(alone.cannot_start) == 2
    both = request_orders([request], [mine.root, foreign.root], 3, "expert")
    assert [place for _, place, _ in both.orders] == [0, 1]
    assert both.orders[1][2].start is not None
    (told,) = both.cannot_start
    assert told.startswith("round-01-recovery, demonstration 2")
    assert str(foreign.root) in told


def test_a_queue_of_which_nothing_can_start_is_refused_with_the_option_that_helps(tmp_path: Path) -> None:
    queue = RequestQueue(tmp_path / "requests.json")
    shown = replace(TWICE.demonstrations[0], start=Start("20260101-000000-000000-abcdef", 0))
    queue.add([replace(TWICE, demonstrations=(shown,))])
    with pytest.raises(UsageError, match=r"1 of 1 demonstrations cannot start .* --rollouts-archive"):
        answer_requests(Collect(Archive(tmp_path / "archive").root), queue)


def test_what_the_task_or_the_model_no_longer_has_is_refused_before_anything_is_begun() -> None:
    middle = PICK_FRUIT.space.at(np.full(len(PICK_FRUIT.space.factors), 0.5), "nominal")
    older = Scenario("pick_fruit", {name: value for name, value in middle.values.items() if name != "ripe_hue"})
    with closing(make_env("pick_fruit", images=False)) as env:
        env.reset(seed=0, options={"scenario": middle})
        start = env.snapshot()
        deaf = replace(start, memory={name: kept for name, kept in start.memory.items() if name != "sound"})
        recovery = EpisodeOrder(middle, 0, "recovery", "expert", start=start)
        orders = [
            EpisodeOrder(SCENE, 0, "targeted", "expert"),
            EpisodeOrder(older, 0, "targeted", "expert"),
            replace(recovery, start=replace(start, model_digest="0123456789abcdef")),
            replace(recovery, start=deaf),
            replace(recovery, start=replace(start, memory={**start.memory, "env": {}})),
            recovery,
            EpisodeOrder(middle, 0, "targeted", "expert"),
        ]
        found = RequestOrders([(TWICE, place, order) for place, order in enumerate(orders)], [])
        left = refuse_strangers(found, PICK_FRUIT, env)
    assert [place for _, place, _ in left.orders] == [5, 6]
    words = (
        "of task 'planted'",
        "missing factors ['ripe_hue']",
        "of model 0123456789abcdef",
        "lacks what a body remembers: KeyError('sound')",
        "lacks what an environment remembers: KeyError('safety')",
    )
    for told, word in zip(left.refused, words, strict=True):
        assert word in told
    assert [place for _, place, _ in refuse_strangers(found, PICK_FRUIT, None).orders] == [2, 3, 4, 5, 6]


@pytest.mark.slow
def test_a_queue_that_names_the_archive_of_its_rollouts_needs_no_option(tmp_path: Path) -> None:
    rollouts, file = Archive(tmp_path / "rollouts"), tmp_path / "requests.json"
    scene = next(PICK_FRUIT.space.draw(Pool.DISCOVER, np.random.default_rng(0), distribution="nominal"))
    flown = Demonstrations("pick_fruit", rollouts.root, images=False).run(EpisodeOrder(scene, 0, "rollout", "expert"))
    step = max(snapshot.step for snapshot in rollouts.open(flown.episode_id).snapshots.values())
    shown = Demonstration(scene, Pool.DISCOVER, (), (), Start(flown.episode_id, step))
    request = replace(TWICE, task="pick_fruit", instructions=PICK_FRUIT.instructions, demonstrations=(shown,))
    RequestQueue(file).add([request], rollouts.root)
    (result,) = answer_requests(Collect(Archive(tmp_path / "archive").root, processes=1), RequestQueue(file))
    assert result.order.start is not None
    assert result.order.start.step == step
    (answered,) = RequestQueue(file).all()
    assert [answer.episode_id for answer in answered.answers] == [result.episode_id]


def test_an_interruption_keeps_the_answers_that_came_before_it(tmp_path: Path) -> None:
    queue = RequestQueue(tmp_path / "requests.json")
    queue.add([TWICE])

    def work(job: int) -> str:
        if job == 1:
            raise KeyboardInterrupt
        return f"episode-{job}"

    def note(index: int, episode: str) -> None:
        queue.answer(TWICE.id, index, episode, accepted=True)

    with pytest.raises(KeyboardInterrupt):
        run_jobs("demonstrations", work, [0, 1], processes=1, on_result=note)
    assert queue.all()[0].episodes == ("episode-0",)


@pytest.mark.parametrize("end", [KeyboardInterrupt, ArchiveError])
def test_an_interruption_keeps_the_rollouts_that_came_before_it(end: type[BaseException], tmp_path: Path) -> None:
    file, flown = tmp_path / "rollouts.json", planted.rollouts(3, 0)

    def work(job: int) -> Rollout:
        if job == 2:
            raise end
        return flown[job]

    def fly(on_result: OnResult[Rollout], jobs: int) -> list[Rollout]:
        return run_jobs("rollouts", work, range(jobs), processes=1, on_result=on_result)

    keep = partial(keep_rollouts, file, "policy", "planted", tmp_path)
    assert run_and_keep(partial(fly, jobs=1), keep) == flown[:1]
    with pytest.raises(end):
        run_and_keep(partial(fly, jobs=3), keep)
    came = load_rollouts(tmp_path / "rollouts.partial.json").rollouts
    assert [rollout.episode_id for rollout in came] == [r.episode_id for r in flown[:2]]
    assert len(load_rollouts(file).rollouts) == 1  # whole, and so not replaced


def test_an_interruption_before_the_first_rollout_leaves_the_file_as_it_was() -> None:
    kept: list[list[str]] = []

    def keep(results: list[str], is_whole: bool) -> None:
        kept.append(results)

    def interrupted(on_result: OnResult[str]) -> list[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_and_keep(interrupted, keep)
    assert kept == []


def test_a_policy_that_is_trained_again_is_told_from_the_one_before(tmp_path: Path) -> None:
    seen = {written(tmp_path)}
    for text in ("first", "second"):
        draft = tmp_path / "policy.json.draft"
        draft.write_text(text)
        draft.replace(tmp_path / "policy.json")
        seen.add(written(tmp_path))
        assert written(tmp_path) in seen
    assert len(seen) == 3
