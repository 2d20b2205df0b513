"""What all verbs share: options from a dataclass, and one clear line where the input is wrong."""

from __future__ import annotations

import errno
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, takewhile
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import tyro
from rich.console import Console

from assets.errors import AssetError
from envs.errors import EnvError
from hardware.errors import HardwareError
from policies.errors import PolicyError

Config = TypeVar("Config")
Verbs: TypeAlias = Mapping[str, tuple[type[Any], Callable[[Any], int]]]  # each a config and what runs it

USER_ERRORS = (AssetError, EnvError, HardwareError, PolicyError)
BAD_INPUT = 2
INTERRUPTED = 130

_OF_A_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
              errno.EEXIST)  # fmt: skip

_errors = Console(stderr=True, highlight=False)


class UsageError(PolicyError):
    """Raised when options contradict each other, or name what is not there."""


def at_least(minimum: int, **given: int) -> None:
    """Refuse options whose number is too small.

    Raises:
        UsageError: one is below `minimum`; the message names it as it is typed.
    """
    for name, value in given.items():
        if value < minimum:
            raise UsageError(f"--{name.replace('_', '-')} is {value}; it must be at least {minimum}")


def run_verb(
    prog: str, config: type[Config], run: Callable[[Config], int], arguments: Sequence[str] | None = None
) -> int:
    """Parse the options of a verb into its config and run it; the exit code is returned.

    0 is success, 2 is bad input (said in one line), 130 is an interruption by the user.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    given = list(sys.argv[1:] if arguments is None else arguments)

    def parse_and_run() -> int:
        if not {"-h", "--help"} & set(given):
            _refuse_other_words(config, given)
        return run(tyro.cli(config, prog=prog, args=given, description=inspect.cleandoc(config.__doc__ or "")))

    return guarded(parse_and_run)


def _refuse_other_words(config: type[Any], given: Sequence[str]) -> None:
    """One line, as for all other input, where an option that takes one of a few words is given another.

    Raises:
        UsageError: that is so.
    """
    for name, hint in get_type_hints(config).items():
        allowed, option = _words(hint), f"--{name.replace('_', '-')}"
        for place, word in enumerate(given if allowed else ()):
            typed, equals, value = word.partition("=")
            if typed.replace("_", "-") != option:
                continue
            values = [value] if equals else list(takewhile(lambda each: not each.startswith("-"), given[place + 1 :]))
            for one in values if get_origin(hint) is tuple else values[:1]:
                if one not in (*allowed, "None"):
                    raise UsageError(f"{option} is {one!r}; it must be one of {', '.join(allowed)}")


def _words(hint: Any) -> tuple[str, ...]:
    """The words that a type allows; none where it allows anything else."""
    if get_origin(hint) is Literal:
        return tuple(map(str, get_args(hint)))
    parts = [_words(part) for part in get_args(hint) if part not in (type(None), ...)]
    return tuple(chain.from_iterable(parts)) if all(parts) else ()


def run_verbs(
    prog: str,
    about: str,
    verbs: Verbs,
    arguments: Sequence[str] | None = None,
) -> int:
    """The same for a verb with sub-verbs, each with a config and what runs it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help") or given[0] not in verbs:
        stream = Console(highlight=False) if given[:1] in (["-h"], ["--help"]) else _errors
        stream.print(f"usage: {prog} VERB \\[options]\n\n{about}\n", soft_wrap=True)
        for verb, (config, _) in verbs.items():
            stream.print(f"  {verb:<12} {(config.__doc__ or '').splitlines()[0]}", soft_wrap=True)
        if given and given[0] not in ("-h", "--help", *verbs):
            stream.print(f"\n{given[0]!r} is no verb of {prog}; choose one of {', '.join(verbs)}")
        return 0 if given[:1] in (["-h"], ["--help"]) else BAD_INPUT
    config, run = verbs[given[0]]
    return run_verb(f"{prog} {given[0]}", config, run, given[1:])


def guarded(action: Callable[[], int]) -> int:
    """Run, and turn what a user or a cable causes into one line and an exit code."""
    try:
        return action()
    except USER_ERRORS as error:
        _errors.print(f"[bold red]error:[/] {_escaped(str(error))}", soft_wrap=True)
        return BAD_INPUT
    except OSError as error:
        if error.errno not in _OF_A_DISK:
            raise
        place = error.filename or "the disk"
        _errors.print(
            f"[bold red]error:[/] {place}: {error.strerror}; what was recorded before it is safe", soft_wrap=True
        )
        return BAD_INPUT
    except KeyboardInterrupt:
        _errors.print("interrupted; what was recorded is safe, and the same command may be run again", soft_wrap=True)
        return INTERRUPTED


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
