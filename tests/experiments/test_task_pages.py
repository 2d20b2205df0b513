"""docs/tasks.md says what the tasks say."""

from __future__ import annotations

from pathlib import Path

from experiments.task_pages import TaskPages, run

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_tasks_is_what_would_be_written_now(tmp_path: Path) -> None:
    assert run(TaskPages(out=tmp_path, pictures=False)) == 0
    told = "write it anew: python -m experiments.task_pages --no-pictures"
    assert (DOCS / "tasks.md").read_text() == (tmp_path / "tasks.md").read_text(), told
