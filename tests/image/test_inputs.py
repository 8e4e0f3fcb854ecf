"""The list of an image's inputs: strict, complete, and without an address."""

from __future__ import annotations

import contextlib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.image.inputs import OPTIONAL, ROLES, Inputs, parse, with_roles, write

OURS = (resources.files("enarx.image") / "inputs.toml").read_bytes()


def test_ours_is_whole() -> None:
    """Every role but one has inputs, and reading what was written gives the same.

    Debian's firmware for TDX starts signed kernels only, and is not ours to pin.
    """
    found = parse(OURS, "inputs.toml")
    assert {each.role for each in found.inputs} == set(ROLES) - {"firmware-tdx"}
    assert write(found).encode() == OURS
    assert with_roles(found.inputs, "kernel")[0].name.endswith("-cloud-amd64")
    assert set(ROLES) > OPTIONAL


def test_ours_has_no_address() -> None:
    """Where inputs come from is for whoever builds to say."""
    assert b"://" not in OURS


ONE = """version = 1
zstd = "1.5.7"
[[input]]
role = "kernel"
kind = "deb"
name = "linux"
release = "1"
archive = "debian"
file = "pool/linux.deb"
size = 1
sha256 = "{}"
""".format("0" * 64)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version = 1", "version = 2", "version"),
        ("version = 1", "version = ", "not TOML"),
        ("version = 1", "version = 1\nmore = 1", "more"),
        ('"kernel"', '"driver"', "role"),
        ('"deb"', '"rpm"', "kind"),
        ('"deb"', '"wheel"', "archive"),
        ('"debian"', '""', "archive"),
        ("pool/linux.deb", "../linux.deb", "file"),
        ("pool/linux.deb", "pool//linux.deb", "file"),
        ('"linux"', '"li nux"', "name"),
        ("size = 1", "size = 0", "size"),
        ("size = 1", "size = 1\ncolour = 1", "colour"),
        ("0" * 64, "0" * 63, "sha256"),
    ],
)
def test_another_shape_is_refused(old: str, new: str, problem: str) -> None:
    """What, and where."""
    with pytest.raises(MalformedError, match=problem):
        parse(ONE.replace(old, new, 1).encode(), "list")


def test_an_input_that_stands_twice() -> None:
    """Which of both would count?"""
    with pytest.raises(MalformedError, match="linux stands there twice"):
        parse((ONE + ONE[ONE.index("[[") :]).encode(), "list")


@given(st.binary(max_size=100))
def test_junk_is_refused(junk: bytes) -> None:
    """Whatever arrives: a list, or our error."""
    with contextlib.suppress(MalformedError):
        assert isinstance(parse(junk, "junk"), Inputs)
