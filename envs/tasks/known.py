"""The tasks by name. What a task is can be known without a simulator; how it lives in one is loaded apart."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from envs.errors import EnvError
from envs.tasks.task import Task

if TYPE_CHECKING:
    from envs.tasks.rules import SceneRules

_TASKS = {
    "pick_fruit": ("envs.tasks.pick_fruit:PICK_FRUIT", "envs.tasks.pick_fruit_rules:PickFruitRules"),
    "fold_towel": ("envs.tasks.fold_towel:FOLD_TOWEL", "envs.tasks.fold_towel_rules:FoldTowelRules"),
    "brew_coffee": ("envs.tasks.brew_coffee:BREW_COFFEE", "envs.tasks.brew_coffee_rules:BrewCoffeeRules"),
    "wash_dishes": ("envs.tasks.wash_dishes:WASH_DISHES", "envs.tasks.wash_dishes_rules:WashDishesRules"),
}
TASK_NAMES = tuple(_TASKS)


def load_task(name: str) -> Task:
    """A task by its name.

    Raises:
        EnvError: there is no such task; the message lists them.
    """
    task: Task = resolve_name(_place(name)[0])
    return task


def load_rules(name: str) -> type[SceneRules]:
    """How a task lives in the simulator; this loads the simulator.

    Raises:
        EnvError: there is no such task; the message lists them.
    """
    rules: type[SceneRules] = resolve_name(_place(name)[1])
    return rules


def _place(name: str) -> tuple[str, str]:
    if name not in _TASKS:
        raise EnvError(f"there is no task {name!r}; choose one of {', '.join(TASK_NAMES)}")
    return _TASKS[name]
