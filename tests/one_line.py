"""A complaint that is one line."""

from __future__ import annotations


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text
