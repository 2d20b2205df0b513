"""`retake archive`: is everything there, what did a crash leave, and what is in it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from experiments.archive_rebuild import Rebuild, rebuild
from experiments.archive_recover import Recover, recover
from experiments.archive_stats import Stats, stats
from experiments.archive_verify import Verify, verify
from experiments.command import Verbs, run_verbs

_ABOUT = """Look after the folder that episodes are recorded into. None of these changes what was recorded: a crash's
leavings are finished, and the catalogue is an index that can be made again from the files at any time."""

_VERBS: Verbs = {
    "verify": (Verify, verify),
    "recover": (Recover, recover),
    "rebuild": (Rebuild, rebuild),
    "stats": (Stats, stats),
}


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verbs("retake archive", _ABOUT, _VERBS, arguments)


if __name__ == "__main__":
    sys.exit(main())
