"""Several processes on one socket: a Python process judges on one processor only.

Each is forked before there is a thread, a connection to a database or a key in memory, and opens
its own.  One that dies is replaced; when the parent is told to end, all are, and when it is killed
too: a pipe that it holds ends then.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_QUICK_S = 5.0
_MOST_QUICK = 3
_EX_SOFTWARE = 70  # sysexits.h


def run_workers(
    count: int, work: Callable[[int], None], *, died: Callable[[int, int], None]
) -> int:
    """Keep *count* processes in *work*, each called with its number, until SIGTERM or SIGINT.

    Args:
        died: told of each process that ended by itself: its id and its wait status.

    Returns:
        0 after a signal; 70 if workers ended again and again as soon as they began.
    """
    return _Workers(count, work, died).run()


class _Workers:
    def __init__(
        self, count: int, work: Callable[[int], None], died: Callable[[int, int], None]
    ) -> None:
        self._count = count
        self._work = work
        self._died = died
        self._numbers: dict[int, tuple[int, float]] = {}
        self._ending = False
        self._quick = 0
        self._ends_with_us, self._held = os.pipe()

    def run(self) -> int:
        before = {number: signal.signal(number, self._end) for number in _SIGNALS}
        try:
            for number in range(self._count):
                self._start(number)
            while self._numbers:
                self._wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._held)
            os.close(self._ends_with_us)
        return _EX_SOFTWARE if self._quick > _MOST_QUICK else 0

    def _start(self, number: int) -> None:
        pid = os.fork()
        if not pid:
            self._become(number)
        self._numbers[pid] = (number, time.monotonic())
        if self._ending:  # the signal came between the two
            os.kill(pid, signal.SIGTERM)

    def _become(self, number: int) -> NoReturn:
        status = _EX_SOFTWARE
        try:
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_DFL)
            os.close(self._held)
            threading.Thread(target=_end_with, args=(self._ends_with_us,), daemon=True).start()
            self._work(number)
            status = 0
        except BaseException:  # noqa: BLE001 - a child must never return into its parent's frames
            traceback.print_exc()
        finally:
            os._exit(status)

    def _wait(self) -> None:
        pid, status = os.wait()
        if pid not in self._numbers:
            return
        number, began = self._numbers.pop(pid)
        if self._ending:
            return
        self._died(pid, status)
        self._quick = self._quick + 1 if time.monotonic() - began < _QUICK_S else 0
        if self._quick > _MOST_QUICK:
            self._end()
        else:
            self._start(number)

    def _end(self, *_: object) -> None:
        self._ending = True
        for pid in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _end_with(pipe: int) -> None:
    """End this process as its parent would, once nobody holds the other end of *pipe*."""
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)
