"""One-time keys: what is sealed is opened once, by the right key and for the right offer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.seal.suite import CLASSICAL, HYBRID, KEMS, CannotOpenError, OneTimeKey, seal

BYTES = {HYBRID: 1216, CLASSICAL: 32}


@pytest.mark.parametrize("kem", KEMS)
def test_what_is_sealed_is_opened_once(kem: str) -> None:
    """A second time the key is gone, also for the same envelope."""
    key = OneTimeKey(kem)
    assert len(key.public) == BYTES[kem]
    sealed = seal(kem, key.public, b"package", b"info")
    assert not key.used
    assert key.open(sealed, b"info") == b"package"
    assert key.used
    with pytest.raises(CannotOpenError, match="was used before"):
        key.open(sealed, b"info")


@pytest.mark.parametrize("kem", KEMS)
@pytest.mark.parametrize("fault", ["key", "info", "bit", "cut", "empty"])
def test_all_failures_are_one_sentence_and_use_the_key_up(kem: str, fault: str) -> None:
    """Attack: nobody learns why, and nobody can try again."""
    key = OneTimeKey(kem)
    sealed = seal(kem, key.public, b"package", b"info")
    broken = {
        "key": lambda: seal(kem, OneTimeKey(kem).public, b"package", b"info"),
        "info": lambda: seal(kem, key.public, b"package", b"other"),
        "bit": lambda: sealed[:-1] + bytes((sealed[-1] ^ 1,)),
        "cut": lambda: sealed[:-1],
        "empty": lambda: b"",
    }[fault]()
    with pytest.raises(CannotOpenError) as caught:
        key.open(broken, b"info")
    assert str(caught.value) == (
        "the envelope cannot be opened: it is for another key or another offer, "
        "or it was changed on the way"
    )
    assert key.used
    with pytest.raises(CannotOpenError, match="was used before"):
        key.open(sealed, b"info")


def test_an_erased_key_opens_nothing() -> None:
    """Erased without having been used."""
    key = OneTimeKey(CLASSICAL)
    sealed = seal(CLASSICAL, key.public, b"x", b"")
    key.erase()
    with pytest.raises(CannotOpenError):
        key.open(sealed, b"")


@pytest.mark.parametrize("kem", KEMS)
def test_secrets_are_shown_nowhere(kem: str) -> None:
    """A key shows its mechanism and whether it was used."""
    key = OneTimeKey(kem)
    assert repr(key) == f"OneTimeKey('{kem}', unused)"
    key.erase()
    assert repr(key) == f"OneTimeKey('{kem}', used)"


def test_no_two_keys_or_envelopes_are_the_same() -> None:
    """Each key and each sealing has its own random numbers."""
    one, other = OneTimeKey(HYBRID), OneTimeKey(HYBRID)
    assert one.public != other.public
    assert seal(HYBRID, one.public, b"x", b"") != seal(HYBRID, one.public, b"x", b"")


@pytest.mark.parametrize("kem", KEMS)
@given(data=st.data())
def test_any_content_comes_out_as_it_went_in(kem: str, data: st.DataObject) -> None:
    """Of any size, for any offer."""
    plaintext, info = data.draw(st.binary(max_size=300)), data.draw(st.binary(max_size=64))
    key = OneTimeKey(kem)
    assert key.open(seal(kem, key.public, plaintext, info), info) == plaintext


@pytest.mark.parametrize(
    ("kem", "public", "problem"),
    [
        ("rsa", b"", "got 'rsa', want one of mlkem768-x25519, x25519"),
        (CLASSICAL, bytes(31), "got 31 bytes, want 32"),
        (HYBRID, bytes(1215), "got 1215 bytes, want 1216"),
        (HYBRID, b"\xff" * 1216, "public key of mlkem768-x25519"),
        (CLASSICAL, bytes(32), "public key of x25519"),
    ],
)
def test_what_is_no_public_key_is_malformed(kem: str, public: bytes, problem: str) -> None:
    """Other sizes and mechanisms, coefficients out of range, and points of small order."""
    with pytest.raises(MalformedError, match=problem):
        seal(kem, public, b"secret", b"")


def test_an_unknown_mechanism_makes_no_key() -> None:
    """Not even for ourselves."""
    with pytest.raises(MalformedError):
        OneTimeKey("x448")
