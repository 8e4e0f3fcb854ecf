"""Enclaves as streams: their MRENCLAVE, and what is no enclave's stream."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measure.enclaves import add, create, extend, stream

from enarx.errors import MalformedError
from enarx.measure import sgxs
from enarx.measure.sgxs import mr_enclave


def test_recorded_streams(shared: Path) -> None:
    """Two enclaves of others; the author of one signed the register that is computed."""
    folder = shared / "vectors/measure/sgx-fortanix"
    facts = json.loads((folder / "manifest.json").read_text())["expected"]
    for name, key in (("test_enclave.sgxs", "test_enclave"), ("report.sgxs", "report_sgxs")):
        assert mr_enclave((folder / name).read_bytes()).hex() == facts[key]["mrenclave"]


def test_what_is_not_measured_does_not_count() -> None:
    """The register is the digest of the stream without the chunks that are only loaded."""
    unmeasured = extend(0x2000, tag=b"UNMEASRD")
    assert mr_enclave(stream()) == hashlib.sha256(stream().removesuffix(unmeasured)).digest()
    other = stream()[:-1] + b"x"
    assert mr_enclave(other) == mr_enclave(stream())


@pytest.mark.parametrize(
    "changed",
    [
        stream().replace(b"c", b"d", 1),
        create(0x8000) + stream()[64:],
        create(frame=2) + stream()[64:],
        create() + add(0, 0x203) + stream()[128:],
        create() + add(0x1000),
        stream() + add(0x3000),
    ],
)
def test_one_byte_is_another_enclave(changed: bytes) -> None:
    """Attack: other code, size, permissions or place, under the name of the same enclave."""
    assert mr_enclave(changed) != mr_enclave(stream())


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "first record"),
        (b"UNSIZED\0" + create()[8:], "want ECREATE"),
        (add(0), "want ECREATE"),
        (create(0x3000), "power of 2"),
        (create(0x800), "power of 2"),
        (create(frame=0), "SSAFRAMESIZE 0"),
        (create()[:-1] + b"\1", "reserved"),
        (create() + create(), "got a record"),
        (create() + add(0x800), "whole pages"),
        (create() + add(0x4000), "whole pages"),
        (create() + add(0x1000) + add(0x1000), "ascending"),
        (create() + add(0)[:-1] + b"\1", "reserved"),
        (create() + extend(0), "a chunk at"),
        (create() + add(0x1000) + extend(0), "a chunk at"),
        (create() + add(0) + extend(0x1000), "a chunk at"),
        (create() + add(0) + extend(1), "a chunk at"),
        (create() + add(0) + extend(0) + extend(0), "once"),
        (create() + add(0) + extend(0)[:-1], "chunk"),
        (create() + add(0) + b"EEXTEND", "tag"),
    ],
)
def test_what_is_no_enclave_is_refused(data: bytes, problem: str) -> None:
    """By name of what is wrong."""
    with pytest.raises(MalformedError, match=problem):
        mr_enclave(data)


def test_a_stream_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody builds enclaves of more."""
    monkeypatch.setattr(sgxs, "MAX_BYTES", 100)
    with pytest.raises(MalformedError, match="at most 100"):
        mr_enclave(stream())


@given(st.binary(max_size=80), st.integers(0, 6000))
def test_junk_raises_only_our_error(junk: bytes, at: int) -> None:
    """Wherever it stands."""
    data = stream()
    with suppress(MalformedError):
        mr_enclave(data[:at] + junk + data[at + len(junk) :])
