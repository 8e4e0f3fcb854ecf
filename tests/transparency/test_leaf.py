"""Entries: one spelling, and a digest that only its owner opens."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.transparency.leaf import KINDS, PROFILE, Entry, parse, salted

SALT = bytes(range(32))
ENTRY = Entry(
    kind="decision", time=1_800_000_000, subject="sha256:ab", salted_sha256=salted(SALT, b"payload")
)


def test_the_bytes_of_an_entry() -> None:
    """As docs/design/formats/log.md shows them."""
    digest = hashlib.sha256(SALT + b"payload").hexdigest()
    assert ENTRY.encode().decode() == (
        '{"kind":"decision","profile":"' + PROFILE + '","salted_sha256":"' + digest + '",'
        '"subject":"sha256:ab","time":1800000000}'
    )
    assert parse(ENTRY.encode()) == ENTRY


def test_only_salt_and_payload_open_it() -> None:
    """Another payload, another salt: another entry."""
    assert ENTRY.opens(SALT, b"payload")
    assert not ENTRY.opens(SALT, b"payloae")
    assert not ENTRY.opens(bytes(32), b"payload")
    with pytest.raises(ValueError, match="salt"):
        salted(b"short", b"payload")


@given(
    st.sampled_from(KINDS), st.integers(0, 253_402_300_799), st.text(max_size=40),
    st.binary(min_size=32, max_size=32),
)  # fmt: skip
def test_entries_come_out_as_they_went_in(
    kind: str, time: int, subject: str, digest: bytes
) -> None:
    """Whatever they say."""
    entry = Entry(kind=kind, time=time, subject=subject, salted_sha256=digest)
    with suppress(MalformedError):
        assert parse(entry.encode()) == entry


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"}, {"profile": "x"}, {"time": -1}, {"time": 1.5}, {"subject": "x" * 300},
        {"salted_sha256": "ab"}, {"more": 1},
    ],
)  # fmt: skip
def test_another_shape_is_refused(change: dict[str, object]) -> None:
    """Unknown kinds and keys, and values out of their range."""
    value = {**json.loads(ENTRY.encode()), **change}
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(MalformedError):
        parse(data)


@pytest.mark.parametrize("data", [b"", b"{}", ENTRY.encode() + b" ", bytes(5000)])
def test_another_spelling_is_refused(data: bytes) -> None:
    """One entry, one hash."""
    with pytest.raises(MalformedError):
        parse(data)
