"""Signed notes: a text, and one line for each signature.

    <text, ends with a newline>
    <empty line>
    — <name> <base64 of 4 bytes of the key's hash and the signature>

Only Ed25519 signatures are checked (type 0x01).  Lines of keys that nobody knows are left alone, as
the format demands; a line of a known key that is wrong is an error.

Source: C2SP signed-note, "Note structure", "Signatures" and "Verifiers".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.wire.text import base64, to_base64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

STEP = "signature of the log"
MAX_BYTES = 1 << 20
MAX_SIGNATURES = 100

_ED25519 = b"\x01"
_DASH = "\u2014 "
_HASH_BYTES = 4
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Whose signature counts.

    Args:
        name: of the signer, as signature lines have it; without spaces and plus signs.
        key: Ed25519, 32 bytes.
    """

    name: str
    key: bytes

    @property
    def hash(self) -> bytes:
        """What signature lines call the key by: 4 bytes."""
        data = self.name.encode() + b"\n" + _ED25519 + self.key
        return hashlib.sha256(data).digest()[:_HASH_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{to_base64(_ED25519 + self.key)}"


def parse_verifier(text: str, where: str = "log key") -> Verifier:
    """The verifier that ``str`` of one spells: ``name+hash+base64``.

    Raises:
        MalformedError: it is none, of another kind of key, or its hash is not the key's.
    """
    parts = text.strip().split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, hash, key
        raise MalformedError(where, "want NAME+HASH+KEY, as the log prints it")
    name, digits, encoded = parts
    data = base64(encoded, where)
    if data[:1] != _ED25519 or len(data) != 1 + _KEY_BYTES:
        raise MalformedError(where, "want a key of Ed25519 (type 1, 32 bytes)")
    found = Verifier(name=_checked(name, where), key=data[1:])
    if len(digits) != _HASH_DIGITS or digits != found.hash.hex():
        raise MalformedError(where, f"got the hash {digits[:16]!r}, want {found.hash.hex()}")
    return found


def verifier_of(name: str, key: Ed25519PrivateKey) -> Verifier:
    """Who checks what *key* signs for *name*.

    Raises:
        MalformedError: *name* is no name.
    """
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Verifier(name=_checked(name, "log name"), key=public)


def sign(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    """The note with *text*, signed once.

    Raises:
        MalformedError: *name* is no name, or *text* does not end with a newline.
    """
    verifier = verifier_of(name, key)
    if not text.endswith("\n") or not _is_printable(text):
        raise MalformedError("note", "want lines of text, each with its newline")
    signature = verifier.hash + key.sign(text.encode())
    return f"{text}\n{_DASH}{name} {to_base64(signature)}\n".encode()


def open_note(data: bytes, verifiers: Iterable[Verifier], where: str = "note") -> str:
    """The text of a note that at least one of *verifiers* signed.

    Raises:
        MalformedError: it is no note.
        UnauthenticError: nobody who counts signed it, or a signature of theirs is wrong.
    """
    text, lines = _taken_apart(data, where)
    known = {(verifier.name, verifier.hash): verifier for verifier in verifiers}
    signed = False
    for name, value in lines:
        verifier = known.get((name, value[:_HASH_BYTES]))
        if verifier is None:
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(verifier.key)
            key.verify(value[_HASH_BYTES:], text.encode())
        except (InvalidSignature, ValueError) as e:
            failure = Failure(name, want="a signature of its key", got="another")
            raise UnauthenticError(STEP, failure) from e
        signed = True
    if not signed:
        wanted = ", ".join(f"{name} ({found.hex()})" for name, found in known) or "nobody"
        got = ", ".join(f"{name[:80]} ({value[:4].hex()})" for name, value in lines)
        hint = "compare the key with what the log's operator publishes"
        raise UnauthenticError(STEP, Failure("signer", want=wanted, got=got, hint=hint))
    return text


def _taken_apart(data: bytes, where: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise MalformedError(where, "is not UTF-8", offset=e.start) from e
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or not _is_printable(whole):
        raise MalformedError(where, "want text, an empty line, and lines of signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedError(where, f"got {len(lines)} signatures, want at most {MAX_SIGNATURES}")
    return f"{text}\n", [_line(line, where) for line in lines]


def _line(line: str, where: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise MalformedError(where, "want signature lines: a dash, a name, base64")
    value = base64(encoded, where)
    if len(value) <= _HASH_BYTES:
        raise MalformedError(where, "a signature without its bytes")
    return _checked(name, where), value


def _checked(name: str, where: str) -> str:
    if not name or "+" in name or not name.isprintable() or any(map(str.isspace, name)):
        raise MalformedError(where, "want a name without spaces and plus signs")
    return name


def _is_printable(text: str) -> bool:
    return all(character == "\n" or character >= " " for character in text)
