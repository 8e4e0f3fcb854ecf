"""What the process of a machine is told, what it tells, and what QEMU's monitor says to it."""

from __future__ import annotations

from contextlib import suppress

from tests.host.vm.test_order import ORDERS

from enarx.errors import EnarxError
from enarx.host.vm.ends import End
from enarx.host.vm.order import (
    decode_event,
    decode_order,
    encode_booted,
    encode_end,
    encode_order,
)
from enarx.host.vm.qmp import Session

GREETING = b'{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}\r\n'


def orders() -> tuple[bytes, ...]:
    """For a machine of each technology."""
    return tuple(map(encode_order, ORDERS))


def order(data: bytes) -> None:
    """An order with as many descriptors as it may have."""
    for descriptors in (3, 4):
        with suppress(EnarxError):
            decode_order(data, descriptors)
            return
    decode_order(data, 5)


def events() -> tuple[bytes, ...]:
    """A boot and an end."""
    return encode_booted(), encode_end(End(kind="panicked", reason="the guest panicked"))


def feed_event(data: bytes) -> None:
    """What a machine's process says."""
    decode_event(data)


def monitors() -> tuple[bytes, ...]:
    """What a monitor says in a short life, and a refusal."""
    answer = b'{"return": {"status": "running"}}\r\n'
    event = b'{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}\r\n'
    error = b'{"error": {"class": "GenericError", "desc": "no"}}\r\n'
    return GREETING + answer + event, GREETING + error + event


def feed_monitor(data: bytes) -> None:
    """A monitor from its greeting on, in two pieces, with commands that may be answered."""
    session = Session()
    for _ in range(4):
        session.command("query-status")
    session.feed(data[: len(data) // 2])
    session.feed(data[len(data) // 2 :])
