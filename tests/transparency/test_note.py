"""Signed notes and checkpoints, read by rules of the specification alone, and refused by name."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, UnauthenticError
from enarx.transparency import checkpoint, note
from enarx.transparency.checkpoint import Checkpoint, open_checkpoint, parse
from enarx.transparency.note import open_note, parse_verifier, sign, verifier_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ORIGIN = "log.example/1"
ROOT = hashlib.sha256(b"root").digest()
CHECKPOINT = Checkpoint(origin=ORIGIN, size=7, root=ROOT)
SIGNED = checkpoint.sign(CHECKPOINT, KEY)
TRUSTED = (verifier_of(ORIGIN, KEY),)


def read_by_specification(data: bytes, key: Ed25519PublicKey, name: str) -> list[str]:
    """Lines of a checkpoint; knows nothing but C2SP's signed-note and tlog-checkpoint."""
    text, _, signature = data.decode().rpartition("\n\n")
    dash, signer, encoded = signature.rstrip("\n").split(" ")
    assert (dash, signer) == ("\u2014", name)
    raw = base64.b64decode(encoded, validate=True)
    public = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert raw[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    key.verify(raw[4:], (text + "\n").encode())
    return text.split("\n")


def test_an_independent_reader_understands_us() -> None:
    """Origin, size, root; and the signature over exactly these lines."""
    lines = read_by_specification(SIGNED, KEY.public_key(), ORIGIN)
    assert lines == [ORIGIN, "7", base64.b64encode(ROOT).decode()]
    assert open_checkpoint(SIGNED, ORIGIN, TRUSTED) == CHECKPOINT


def test_a_verifier_is_one_line() -> None:
    """Name, hash and key, as other tools have it."""
    text = str(TRUSTED[0])
    name, digits, encoded = text.split("+", 2)
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert (name, base64.b64decode(encoded)) == (ORIGIN, b"\x01" + public)
    assert digits == hashlib.sha256(f"{ORIGIN}\n\x01".encode() + public).hexdigest()[:8]
    assert parse_verifier(f"{text}\n") == TRUSTED[0]


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+00000000", "name+00000000+AAAA", f"{TRUSTED[0]}AA",
        str(TRUSTED[0]).replace(ORIGIN, "other"), str(TRUSTED[0]).replace(ORIGIN, "a b"),
        f"+{str(TRUSTED[0]).split('+', 1)[1]}",
    ],
)  # fmt: skip
def test_what_is_no_verifier_is_refused(text: str) -> None:
    """Of another form, another kind, or with the hash of another key."""
    with pytest.raises(MalformedError):
        parse_verifier(text)


def test_unknown_signer() -> None:
    """Attack: a checkpoint by a key of somebody's own, under the log's name."""
    forged = checkpoint.sign(CHECKPOINT, OTHER)
    with pytest.raises(UnauthenticError, match="signer"):
        open_checkpoint(forged, ORIGIN, TRUSTED)
    with pytest.raises(UnauthenticError, match="nobody"):
        open_note(SIGNED, ())


def test_changed_note() -> None:
    """Attack: every single bit of a signed checkpoint."""
    for at in range(len(SIGNED) * 8):
        changed = bytearray(SIGNED)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises((MalformedError, UnauthenticError)):
            open_checkpoint(bytes(changed), ORIGIN, TRUSTED)


def test_wrong_origin() -> None:
    """Attack: a checkpoint of another log that the same key signs."""
    text = Checkpoint(origin="other", size=7, root=ROOT).encode()
    with pytest.raises(UnauthenticError, match="origin"):
        open_checkpoint(sign(text, ORIGIN, KEY), ORIGIN, TRUSTED)


def test_signatures_of_others_are_left_alone() -> None:
    """Witnesses add lines; a wrong line of a key that counts is an error all the same."""
    witness = SIGNED + sign("x\n", "witness", OTHER).split(b"\n\n")[1]
    assert open_checkpoint(witness, ORIGIN, TRUSTED) == CHECKPOINT
    with pytest.raises(UnauthenticError, match="witness"):
        open_checkpoint(witness, ORIGIN, (*TRUSTED, verifier_of("witness", OTHER)))
    extended = sign(f"{CHECKPOINT.encode()}extension\n", ORIGIN, KEY)
    assert open_checkpoint(extended, ORIGIN, TRUSTED) == CHECKPOINT


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff", b"text", b"text\n\n", b"text\n\nno dash\n", "text\n\n\u2014 name\n".encode(),
        "text\n\n\u2014 name AAAA\n".encode(), "text\n\n\u2014 name !\n".encode(),
        "text\n\n\u2014 a+b AAAAAAAA\n".encode(), b"a\x07\n\n" + SIGNED,
        bytes(note.MAX_BYTES + 1),
        b"text\n\n" + "\u2014 n AAAAAAAA\n".encode() * (note.MAX_SIGNATURES + 1),
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(data: bytes) -> None:
    """Empty, of another form, too large."""
    with pytest.raises(MalformedError):
        open_note(data, TRUSTED)


@pytest.mark.parametrize(
    "text",
    [
        "", "o\n", "o\n1\n", "o\n01\nAAAA\n", "o\n-1\nAAAA\n", "o\n1\nAAAA\n", "o\n1\n!\n",
        "\n1\nAAAA\n", f"o\n{1 << 63}\nAAAA\n", CHECKPOINT.encode()[:-1],
        f"{CHECKPOINT.encode()}\nx\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Too few lines, another spelling of a number, a root of another size."""
    with pytest.raises(MalformedError):
        parse(text)


@pytest.mark.parametrize(("text", "name"), [("x", "n"), ("x\n", "a b"), ("x\n", ""), ("\a\n", "n")])
def test_what_cannot_be_read_is_not_signed(text: str, name: str) -> None:
    """Text without its newline, names with spaces, bells."""
    with pytest.raises(MalformedError):
        sign(text, name, KEY)


@given(st.binary() | st.text().map(str.encode))
def test_junk_raises_only_our_errors(data: bytes) -> None:
    """Whatever arrives."""
    with suppress(MalformedError, UnauthenticError):
        open_note(data, TRUSTED)
    with suppress(MalformedError):
        parse(data.decode("utf-8", "replace"))
    with suppress(MalformedError):
        parse_verifier(data.decode("utf-8", "replace"))
