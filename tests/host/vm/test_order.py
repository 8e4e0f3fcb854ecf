"""The order for a machine and what it says back: round trips, and everything else is refused."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.host.vm.conftest import plain

from enarx.errors import EnarxError, MalformedError
from enarx.host.vm import sealed
from enarx.host.vm.ends import STATUSES, End
from enarx.host.vm.order import (
    Order,
    decode_event,
    decode_order,
    encode_booted,
    encode_end,
    encode_order,
)
from enarx.host.vm.shape import SnpLaunch, TdxLaunch
from enarx.host.vm.tail import MAX_LINE, Tail
from enarx.protocol.launch import MAX_FRAME

BIGGEST = SnpLaunch(
    policy=(1 << 64) - 1 - (1 << 19),
    host_data=bytes(32),
    id_block=bytes(96),
    id_auth=bytes(4096),
    author_key_enabled=True,
)
ORDERS = [
    Order(qemu="/q", vm=plain(), boot_timeout_s=1.5, files=1),
    Order(
        qemu="/q",
        vm=plain(
            technology="snp",
            accelerator="kvm",
            snp=BIGGEST,
            cpu_model="EPYC",
            command_line="x" * 2047,
        ),
        boot_timeout_s=120,
        files=3,
        console=True,
    ),
    Order(
        qemu="/q",
        vm=plain(technology="tdx", accelerator="kvm", tdx=TdxLaunch(mrowner=bytes(48))),
        boot_timeout_s=120,
        files=2,
    ),
]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_arrives(order: Order) -> None:
    """Every order fits into a frame, and is the same at the other end."""
    frame = encode_order(order)
    assert len(frame) <= MAX_FRAME
    assert decode_order(frame, 2 + order.files) == order


def test_an_order_needs_its_descriptors() -> None:
    """One too few or too many is refused."""
    frame = encode_order(ORDERS[0])
    for count in (0, 2, 4):
        with pytest.raises(MalformedError, match="descriptors"):
            decode_order(frame, count)


@given(st.data())
def test_a_damaged_order_is_refused(data: st.DataObject) -> None:
    """A key that is missing or one too many, at any depth, is our error and nothing else."""
    value = json.loads(encode_order(data.draw(st.sampled_from(ORDERS))))
    inner = data.draw(
        st.sampled_from(
            [value, value["vm"], *filter(None, (value["vm"]["snp"], value["vm"]["tdx"]))]
        )
    )
    if data.draw(st.booleans()):
        del inner[data.draw(st.sampled_from(sorted(inner)))]
    else:
        inner["more"] = data.draw(st.sampled_from([None, 1, "x", []]))
    with pytest.raises(EnarxError):
        decode_order(json.dumps(value).encode(), 2 + value.get("files", 1))


@pytest.mark.parametrize("digits", ["0", "0g", "AB", "ab" * 4097])
def test_bytes_are_hexadecimal(digits: str) -> None:
    """An odd number of digits, other characters, capitals, or too many are refused."""
    value = json.loads(encode_order(ORDERS[1]))
    value["vm"]["snp"]["id_auth"] = digits
    with pytest.raises(MalformedError, match="id_auth"):
        decode_order(json.dumps(value).encode(), 5)


@given(kind=st.sampled_from(sorted(STATUSES)), reason=st.text(max_size=900))
def test_an_end_arrives(kind: str, reason: str) -> None:
    """Whatever the reason, it arrives, cut to its limit, or is one that nobody made."""
    if "\0" in reason or not reason.isprintable():
        return
    end = decode_event(encode_end(End(kind=kind, reason=reason)))
    assert end == End(kind=kind, reason=reason[:500])


def test_a_boot_is_no_end() -> None:
    """The other event says nothing but that."""
    assert decode_event(encode_booted()) is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"event":"ended"}', b'{"event":"ended","kind":"x","reason":""}']
)
def test_other_events_are_refused(data: bytes) -> None:
    """A kind that is not known, or a key that is missing, is refused."""
    with pytest.raises(MalformedError):
        decode_event(data)


def test_what_is_loaded_cannot_change() -> None:
    """A sealed file can be read by name and neither written nor cut; others are refused."""
    fd = sealed.sealed("firmware", b"content")
    sealed.check(fd)
    with open(sealed.path(fd), "rb") as file:  # noqa: PTH123 - a descriptor's name
        assert file.read() == b"content"
    for change in (lambda: os.pwrite(fd, b"x", 0), lambda: os.ftruncate(fd, 1)):
        with pytest.raises(PermissionError):
            change()
    os.close(fd)
    other = os.memfd_create("other")
    with pytest.raises(MalformedError, match="is not sealed"):
        sealed.check(other)
    os.close(other)


@given(st.lists(st.binary(max_size=300)))
def test_lines_are_short_and_printable(pieces: list[bytes]) -> None:
    """Whatever is written in whatever pieces, two short printable lines come of it."""
    tail = Tail(unless=" warning: ")
    for piece in pieces:
        tail.feed(piece)
    tail.close()
    for line in (tail.first, tail.last):
        assert len(line) <= MAX_LINE
        assert line.isprintable()
    whole = b"".join(pieces)
    assert bool(tail.last) or not any(
        c.isprintable() for c in whole.decode("ascii", "ignore").split()
    )


def test_a_warning_is_no_first_line() -> None:
    """The first line is the first that tells why; the last is the last, with its end or without."""
    tail = Tail(unless=" warning: ")
    tail.feed(b"qemu: warning: x\n\nqemu: no mem")
    tail.feed(b"ory\nlast")
    tail.close()
    assert (tail.first, tail.last) == ("qemu: no memory", "last")


def test_orders_are_frozen() -> None:
    """What was measured does not change afterwards."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ORDERS[0].files = 2  # type: ignore[misc]
