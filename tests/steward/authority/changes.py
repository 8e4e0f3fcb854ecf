"""A change of an authority that is killed: run by ``test_killed.py`` as a process of its own.

    python changes.py init|rotate|roll DIRECTORY CALL

Before its CALL-th call that makes something last (fsync, rename, unlink) it is killed.  It ends
with status 0 if there were fewer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from enarx.steward.authority.making import initialise, roll_root, rotate
from enarx.steward.authority.opener import Opener
from enarx.steward.authority.wrapping import SealingKey

KEY = b"k" * 32
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CHANGES: dict[str, Callable[..., Any]] = {"init": initialise, "rotate": rotate, "roll": roll_root}


def main() -> None:
    """Do what the command line says."""
    name, directory, call = sys.argv[1:]
    left = int(call)

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for function in ("fsync", "rename", "unlink"):
        setattr(os, function, deadly(getattr(os, function)))
    CHANGES[name](directory, Opener(SealingKey(KEY)), now=NOW)


if __name__ == "__main__":
    main()
