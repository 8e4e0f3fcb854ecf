"""The one way out of a keep that is a virtual machine: a virtio-serial port with a known name.

Source: virtio 1.2, section 5.3; Linux, drivers/char/virtio_console.c.
"""

from __future__ import annotations

import os
import time

NAME = "org.enarx.link"
"""The port's name, which the launcher gives it."""

_PORTS = "/sys/class/virtio-ports"
_PATIENCE_S = 10.0
_PAUSE_S = 0.01


def open_port() -> int:
    """The port's descriptor, non-blocking; waits until the kernel has found the port.

    Raises:
        FileNotFoundError: it has not in 10 seconds.
    """
    end = time.monotonic() + _PATIENCE_S
    while not (device := _find()):
        if time.monotonic() > end:
            raise FileNotFoundError(2, f"no virtio-serial port is named {NAME}")
        time.sleep(_PAUSE_S)
    return os.open(f"/dev/{device}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _find() -> str:
    try:
        devices = os.listdir(_PORTS)
    except FileNotFoundError:
        return ""
    for device in devices:
        try:
            with open(f"{_PORTS}/{device}/name", encoding="ascii") as file:
                if file.read().strip() == NAME:
                    return device
        except FileNotFoundError:  # the name comes after the port
            continue
    return ""
