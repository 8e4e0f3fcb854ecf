"""What is read of Debian packages and wheels, and what is refused."""

from __future__ import annotations

import contextlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.image.conftest import deb, wheel

from enarx.errors import MalformedError
from enarx.image import packages
from enarx.image.archive import File, Link
from enarx.image.packages import read_deb, read_wheel

FILES = {"usr/bin/tool": b"elf", "usr/share/text": b"", "usr/lib/link": "../bin/tool"}
READ = {
    "usr/bin/tool": File(b"elf", executable=True),
    "usr/share/text": File(b""),
    "usr/lib/link": Link("../bin/tool"),
}


@pytest.mark.parametrize("member", ["data.tar.xz", "data.tar"])
def test_a_package(member: str) -> None:
    """Files with their modes, and links."""
    assert read_deb(deb(FILES, member=member), "a.deb") == READ


def test_a_package_of_another_compression() -> None:
    """Ubuntu's have Zstandard."""
    plain = deb(FILES, member="data.tar")
    start = plain.index(b"data.tar")
    content = plain[start + 60 :][: int(plain[start + 48 : start + 58])]
    packed = zstandard.ZstdCompressor().compress(content)
    header = f"{'data.tar.zst/':<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(packed):<10}`\n"
    assert read_deb(plain[:start] + header.encode() + packed, "a.deb") == READ


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"PK", "no Debian package"),
        (deb(FILES)[:40], "header is damaged"),
        (deb(FILES)[:-40], "not whole"),
        (deb(FILES, member="data.tar.bz2"), "unknown way"),
        (deb(FILES, member="content"), "got 0 members"),
        (deb(FILES, member="data.tar").replace(b"ustar", b"xxxxx"), "damaged"),
        (deb(FILES).replace(b"\xfd7zXZ", b"\xfd8zXZ"), "damaged"),
    ],
)
def test_damaged_packages(data: bytes, problem: str) -> None:
    """One line that says what is wrong."""
    with pytest.raises(MalformedError, match=problem):
        read_deb(data, "a.deb")


@pytest.mark.parametrize("kind", ["xz", "zst"])
def test_a_package_that_unpacks_to_too_much(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a small file that fills the memory."""
    monkeypatch.setattr(packages, "MAX_CONTENT_BYTES", 64)
    data = deb(FILES)
    if kind == "zst":
        start = data.index(b"data.tar.xz")
        packed = zstandard.ZstdCompressor().compress(bytes(1000))
        header = f"{'data.tar.zst':<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(packed):<10}`\n"
        data = data[:start] + header.encode() + packed
    with pytest.raises(MalformedError, match="at most 64"):
        read_deb(data, "a.deb")


def test_a_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files without folders; too much of them is refused."""
    data = wheel({"a/b.py": b"1"})
    assert read_wheel(data, "a.whl") == {"a/b.py": File(b"1")}
    monkeypatch.setattr(packages, "MAX_CONTENT_BYTES", 0)
    with pytest.raises(MalformedError, match="at most 0"):
        read_wheel(data, "a.whl")


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    """Whatever arrives: files, or our error."""
    for read in (read_deb, read_wheel):
        for data in (junk, b"!<arch>\n" + junk):
            with contextlib.suppress(MalformedError):
                assert read(data, "junk") is not None
