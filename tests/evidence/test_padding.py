"""Where evidence in a buffer ends, by what its own header says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.evidence import padding

SIGNATURE = (5).to_bytes(4, "little") + b"12345"


def described(size: int, body: bytes) -> bytes:
    """A quote of version 5, whose body is preceded by its type and size."""
    return b"\5\0" + bytes(46) + b"\2\0" + size.to_bytes(4, "little") + body + SIGNATURE


@pytest.mark.parametrize(
    ("technology", "data"),
    [
        ("sgx", b"\3\0" + bytes(46 + 384) + SIGNATURE),
        ("sgx", b"\4\0" + bytes(46 + 384) + SIGNATURE),
        ("tdx", b"\4\0" + bytes(46 + 584) + SIGNATURE),
        ("tdx", described(584, bytes(584))),
        ("tdx", described(648, bytes(648))),
        ("sgx", described(384, bytes(384))),
        ("snp", b"\2" + bytes(1183)),
    ],
)
def test_evidence_ends_where_its_header_says(technology: str, data: bytes) -> None:
    """Zeros behind it are dropped, however many; without them nothing changes."""
    for zeros in (0, 1, 8000):
        assert padding.trim(data + bytes(zeros), technology, "x") == data


@pytest.mark.parametrize(
    "data", [b"", b"\3", b"\4\0" + bytes(100), b"\5\0" + bytes(50), b"\7\0" + bytes(900)]
)
@pytest.mark.parametrize("technology", ["sgx", "tdx"])
def test_what_is_no_quote_is_left_to_its_parser(technology: str, data: bytes) -> None:
    """Cut short or of an unknown version: unchanged."""
    assert padding.trim(data, technology, "x") == data


def test_other_evidence_is_left_as_it_is() -> None:
    """Technologies without buffers keep every byte."""
    assert padding.trim(b"\x84" + bytes(100), "nitro", "x") == b"\x84" + bytes(100)


def test_a_table_behind_a_report_is_the_parsers_matter() -> None:
    """An SNP report may be followed by a certificate table."""
    data = b"\2" + bytes(1183) + b"table"
    assert padding.trim(data, "snp", "x") == data


@given(st.binary(max_size=700), st.sampled_from(["snp", "sgx", "tdx"]))
def test_nothing_but_zeros_is_ever_dropped(data: bytes, technology: str) -> None:
    """What is left out at the end was zero, whatever the header claims."""
    try:
        kept = padding.trim(data, technology, "x")
    except MalformedError:
        return
    assert data.startswith(kept)
    assert not data[len(kept) :].strip(b"\0")
