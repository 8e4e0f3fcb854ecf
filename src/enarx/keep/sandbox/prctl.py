"""What a process says about itself to the kernel: prctl(2), and the parent it will not outlive.

Source: Linux, include/uapi/linux/prctl.h.
"""

from __future__ import annotations

import ctypes
import os
import signal

SET_PDEATHSIG = 1
SET_DUMPABLE = 4
SET_NO_NEW_PRIVS = 38


def prctl(option: int, value: int) -> None:
    """Set *option*, or raise: what the kernel refuses was not done."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def end_with_parent(parent: int) -> None:
    """Be killed when *parent*, which forked this process, ends; end now if it already has."""
    prctl(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above took effect
        os._exit(1)
