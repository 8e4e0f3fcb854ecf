"""Envelopes: opened once, by the keep whose offer they answer, and by nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, RejectedError
from enarx.seal import envelope
from enarx.seal.envelope import Content, Envelope, info_of, open_envelope, parse, parse_content
from enarx.seal.suite import CLASSICAL, HYBRID, KEMS, CannotOpenError, seal
from enarx.wire import cbor

if TYPE_CHECKING:
    from tests.seal.conftest import Keep


def sealed(keep: Keep, content: Content, kem: str = HYBRID) -> bytes:
    """An envelope for *keep*."""
    offer = keep.offer
    info = info_of(kem, offer.sha256)
    inside = seal(kem, offer.content.suites[kem], content.encode(), info)
    return Envelope(kem=kem, claims_sha256=offer.sha256, sealed=inside).encode()


@pytest.mark.parametrize("kem", KEMS)
def test_the_keep_that_offered_opens_it_once(keep: Keep, content: Content, kem: str) -> None:
    """Afterwards every key of the offer is gone, the one that was not used too."""
    data = sealed(keep, content, kem)
    assert open_envelope(parse(data), keep.keys, keep.offer.claims) == content
    assert all(key.used for key in keep.keys.values())
    with pytest.raises(CannotOpenError, match="was used before"):
        open_envelope(parse(data), keep.keys, keep.offer.claims)


@pytest.mark.parametrize("fault", ["claims", "kem", "named otherwise", "downgraded"])
def test_an_envelope_for_something_else_uses_the_keys_up(
    keep: Keep, content: Content, fault: str
) -> None:
    """Attacks: another offer, a mechanism that was not offered, another name on the outside."""
    data, keys, claims = sealed(keep, content), dict(keep.keys), keep.offer.claims
    found = parse(data)
    match fault:
        case "claims":
            claims = claims.replace(b'"purpose":"offer"', b'"purpose":"other"')
        case "kem":
            del keys[HYBRID]
        case "named otherwise":
            found = Envelope(kem=HYBRID, claims_sha256=bytes(32), sealed=found.sealed)
        case "downgraded":
            found = Envelope(kem=CLASSICAL, claims_sha256=found.claims_sha256, sealed=found.sealed)
    with pytest.raises(CannotOpenError, match="for another key or another offer"):
        open_envelope(found, keys, claims)
    assert all(key.used for key in keys.values())


def test_no_flipped_bit_or_truncation_opens_anything(keep: Keep, content: Content) -> None:
    """Attack: every damaged form is malformed on the outside, or cannot be opened."""
    data = sealed(keep, content, CLASSICAL)
    for size in range(len(data)):
        with pytest.raises(MalformedError):
            parse(data[:size])
    opened = 0
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = parse(bytes(flipped))
        except MalformedError:
            continue
        opened += 1
        with pytest.raises(RejectedError):
            open_envelope(found, keep.keys, keep.offer.claims)
    assert opened > 1000


@given(
    manifest=st.binary(max_size=50),
    blobs=st.lists(st.binary(max_size=50), max_size=4),
    secrets=st.dictionaries(st.text("abc._-0", min_size=1, max_size=9), st.binary(max_size=20)),
    arguments=st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=4),
    environment=st.dictionaries(st.text("ABC_", min_size=1), st.text("xyz=", max_size=9)),
    options=st.dictionaries(st.text("abc_", min_size=1, max_size=9), st.integers(0, 1 << 40)),
)
def test_any_content_comes_out_as_it_went_in(**fields: Any) -> None:  # noqa: ANN401 - drawn
    """Every part of it."""
    lists = {name: tuple(fields[name]) for name in ("blobs", "arguments")}
    secrets = {name: value for name, value in fields["secrets"].items() if name.strip(".")}
    made = Content(**{**fields, **lists, "secrets": secrets}, owner_spki=b"k")
    assert parse_content(made.encode()) == made


GOOD: Mapping[int, Any] = {1: b"{}", 2: (b"x",), 3: b"k", 4: {}, 5: (), 6: {}, 7: {}}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({8: 1}, "keys 1 to 7"),
        ({1: "{}"}, "1: got str, want bytes"),
        ({2: b"x"}, "2: got bytes, want tuple"),
        ({2: ("x",)}, "blobs: something else"),
        ({2: (b"",) * 17}, "blobs: got 17, want at most 16"),
        ({3: b""}, "an owner's key of 0 bytes"),
        ({3: bytes(2049)}, "an owner's key of 2049 bytes"),
        ({4: ()}, "4: got tuple, want a map"),
        ({4: {"": b""}}, "no single file name"),
        ({4: {"..": b""}}, "no single file name"),
        ({4: {"a/b": b""}}, "no single file name"),
        ({4: {"a\0": b""}}, "no single file name"),
        ({4: {"x" * 256: b""}}, "no single file name"),
        ({4: {1: b""}}, "names of secrets"),
        ({4: {"a": "text"}}, "secrets: something else"),
        ({4: {"a": bytes(envelope.MAX_SECRET_BYTES + 1)}}, "want at most 1048576"),
        ({4: {str(n): b"" for n in range(65)}}, "got 65, want at most 64"),
        ({5: (b"x",)}, "arguments: something else"),
        ({5: ("x" * (128 * 1024 + 1),)}, "arguments"),
        ({6: {"A": 1}}, "environment"),
        ({7: {"a": True}}, "option 'a'"),
        ({7: {"a": -1}}, "option 'a'"),
        ({7: {"a": (1 << 40) + 1}}, "option 'a'"),
        ({7: {"a": "1"}}, "options"),
    ],
)
def test_wrong_contents_are_malformed(changes: dict[int, object], problem: str) -> None:
    """Types, names, sizes and numbers of things."""
    with pytest.raises(MalformedError, match=problem):
        parse_content(cbor.encode({**GOOD, **changes}))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({1: 2, 2: HYBRID, 3: bytes(32), 4: b""}, "got version 2, want 1"),
        ({1: True, 2: HYBRID, 3: bytes(32), 4: b""}, "1: got bool"),
        ({1: 1, 2: "none", 3: bytes(32), 4: b""}, "got 'none', want one of"),
        ({1: 1, 2: HYBRID, 3: bytes(31), 4: b""}, "a digest of 31 bytes"),
        ({1: 1, 2: HYBRID, 3: bytes(32), 4: ""}, "4: got str, want bytes"),
        ({1: 1, 2: HYBRID, 3: bytes(32)}, "keys 1 to 4"),
        ((), "keys 1 to 4"),
    ],
)
def test_wrong_envelopes_are_malformed(value: object, problem: str) -> None:
    """On the outside, before any key is touched."""
    with pytest.raises(MalformedError, match=problem):
        parse(cbor.encode(value))


def test_envelopes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their size, before anything is read."""
    monkeypatch.setattr(envelope, "MAX_BYTES", 100)
    with pytest.raises(MalformedError, match="got 101 bytes, want at most 100"):
        parse(bytes(101))


def test_secrets_are_shown_nowhere(content: Content) -> None:
    """Neither secrets nor arguments, which often are some, nor the package."""
    shown = repr(content)
    assert "asm" not in shown
    assert "config" not in shown
    assert "hunter2" not in shown
    assert "--verbose" not in shown
    assert "HOME" not in shown
    whole = Envelope(kem=HYBRID, claims_sha256=bytes(32), sealed=b"sealed bytes")
    assert "sealed bytes" not in repr(whole)


def test_an_envelope_is_named_by_its_bytes() -> None:
    """SHA-256 of all of them."""
    assert envelope.digest(b"").hex().startswith("e3b0c442")
