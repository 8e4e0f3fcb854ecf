"""``enarx steward policy approver``: the keys of those who approve, and the list of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from enarx.adapters.package_files import read_file, write_new
from enarx.cli.exit import report_hint, report_note
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

PASSPHRASE = click.option(
    "--passphrase-file", metavar="FILE", default="", help="What the key is encrypted with."
)
_MAX_BYTES = 16 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_OTHERS = 0o077


@click.group("approver")
def command() -> None:
    """Make keys of those who approve changes, and say how many of them it takes."""


@command.command("new")
@click.argument("name")
@click.option("-o", "--output", "output", metavar="FILE", required=True, help="Where the key goes.")
@PASSPHRASE
def new(name: str, output: str, passphrase_file: str) -> None:
    """Make a key for the approver NAME, and print what others list: NAME=PUBLIC-KEY.

    The key is in FILE, for you only; without a passphrase it is not encrypted.
    """
    _check_name(name)
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase_file:
        encryption = BestAvailableEncryption(_passphrase(passphrase_file))
    key = Ed25519PrivateKey.generate()
    _write_private(output, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    if not passphrase_file:
        report_note(f"{output} is not encrypted; --passphrase-file encrypts it")
    click.echo(f"{name}={to_base64url(key.public_key().public_bytes_raw())}")


@command.command("list")
@click.argument("approvers", nargs=-1, required=True, metavar="NAME=PUBLIC-KEY…")
@click.option("--threshold", type=click.IntRange(1), required=True, help="How many must approve.")
@click.option("-o", "--output", "output", metavar="FILE", required=True, help="Where it goes.")
def listed(approvers: tuple[str, ...], threshold: int, output: str) -> None:
    """Write the document that says who approves, for install, or for propose --kind approvers."""
    from enarx.steward.policies.approvers import Approvers

    keys: dict[str, bytes] = {}
    for one in approvers:
        name, equals, text = one.partition("=")
        _check_name(name)
        if not equals or name in keys:
            problem = f"{name} twice" if name in keys else f"got {one[:80]!r}, want NAME=PUBLIC-KEY"
            raise MisconfiguredError("approvers", problem)
        keys[name] = _public(name, text)
    try:
        found = Approvers(threshold=threshold, keys=keys).encode()
    except MalformedError as e:
        raise MisconfiguredError("approvers", str(e)) from e
    write_new(output, found + b"\n")
    report_hint(f"enarx steward policy propose --kind approvers {output}")


def read_key(path: str, passphrase_file: str) -> Ed25519PrivateKey:
    """The key in the file *path*.

    Raises:
        MisconfiguredError: it is none, others may read it, or the passphrase is another.
    """
    try:
        data = read_file(path, _MAX_BYTES)
        if Path(path).stat().st_mode & _OTHERS:
            hint = f"only you may read it: chmod 600 {path}"
            raise MisconfiguredError(path, "others may read it", hints=(hint,))
        passphrase = _passphrase(passphrase_file) if passphrase_file else None
        key = load_pem_private_key(data, passphrase)
    except TypeError as e:
        hint = "with --key-passphrase-file where it is encrypted, and without where it is not"
        raise MisconfiguredError(path, "cannot be opened so", hints=(hint,)) from e
    except (MalformedError, ValueError, UnsupportedAlgorithm) as e:
        raise MisconfiguredError(path, "is no private key in PEM for this passphrase") from e
    if not isinstance(key, Ed25519PrivateKey):
        hint = "make one: enarx steward policy approver new NAME -o FILE"
        raise MisconfiguredError(path, "want an Ed25519 key", hints=(hint,))
    return key


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise MisconfiguredError("approver", f"got {name[:80]!r}, want a name of a-z, 0-9 and ._-")


def _public(name: str, text: str) -> bytes:
    from enarx.steward.policies.approvers import check_key

    try:
        return check_key(base64url(text, name), name)
    except MalformedError as e:
        raise MisconfiguredError("approvers", str(e)) from e


def _passphrase(path: str) -> bytes:
    try:
        found = read_file(path, _MAX_BYTES).rstrip(b"\r\n")
    except MalformedError as e:
        raise MisconfiguredError(path, e.problem) from e
    if not found:
        raise MisconfiguredError(path, "is empty, want a passphrase")
    return found


def _write_private(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(data)
    except FileExistsError as e:
        raise MisconfiguredError(path, "does already exist") from e
    except OSError as e:
        raise UnavailableError(path, str(e.strerror or e).lower()) from e
