"""What a keep image is made of, by hash: the file ``inputs.toml`` beside this module.

    version = 1
    zstd = "1.5.7"          the library that compresses: another one gives other bytes

    [[input]]
    role = "kernel"         what it is for, one of ROLES
    kind = "deb"            or "wheel"
    name = "linux-image-…"
    release = "6.12.95-1"
    archive = "debian"      which of Debian's archives has it; "" for a wheel
    file = "pool/main/…"    where it is there; a wheel's file name
    size = 33925512         in bytes
    sha256 = "…"

No address stands in it: who builds says where files come from, and only their hashes count.  What
has a role of ``OPTIONAL`` is for one platform, and an image can be built without.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire.document import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable

ROLES = (
    "kernel", "library", "interpreter", "firmware-vm", "firmware-snp", "firmware-tdx",
)  # fmt: skip
OPTIONAL = frozenset(("firmware-snp", "firmware-tdx"))
KINDS = ("deb", "wheel")
MAX_INPUT_BYTES = 256 * 1024 * 1024
MAX_INPUTS = 256

_VERSION = 1
_NAME_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._~%:"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file that an image is made of; see the module for its fields."""

    role: str
    kind: str
    name: str
    release: str
    archive: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All of them, and the release of the library that compresses."""

    zstd: str
    inputs: tuple[Input, ...]


def parse(text: bytes, where: str) -> Inputs:
    """Read the file.

    Raises:
        MalformedError: it is of a wrong shape, or names a thing twice.
    """
    try:
        document = Fields(tomllib.loads(text.decode()), where)
    except ValueError as error:  # of the text's bytes, or of its syntax
        raise MalformedError(where, f"not TOML: {error}") from error
    document.integer("version", _VERSION, _VERSION)
    zstd = document.text("zstd", most=32)
    found = tuple(_input(each) for each in document.objects("input", MAX_INPUTS))
    document.done()
    names = [each.name for each in found]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise MalformedError(where, f"{twice[0]} stands there twice")
    return Inputs(zstd=zstd, inputs=found)


def write(inputs: Inputs) -> str:
    """The text of the file, for ``parse``."""
    parts = [
        "# What a keep image is made of; written by `enarx image lock`.",
        f"version = {_VERSION}",
        f'zstd = "{inputs.zstd}"',
    ]
    for each in inputs.inputs:
        parts += ["", "[[input]]"]
        for field in fields(each):
            value = getattr(each, field.name)
            parts.append(
                f'{field.name} = "{value}"' if field.type == "str" else f"{field.name} = {value}"
            )
    return "\n".join(parts) + "\n"


def with_roles(inputs: Iterable[Input], *roles: str) -> tuple[Input, ...]:
    """Those that are for one of *roles*."""
    return tuple(each for each in inputs if each.role in roles)


def _input(entry: Fields) -> Input:
    kind = entry.one_of("kind", KINDS)
    found = Input(
        role=entry.one_of("role", ROLES),
        kind=kind,
        name=_name(entry, "name"),
        release=_name(entry, "release"),
        archive=entry.text("archive", most=64),
        file="/".join(_part(entry, part) for part in entry.text("file", most=512).split("/")),
        size=entry.integer("size", 1, MAX_INPUT_BYTES),
        sha256=entry.hexadecimal("sha256", 64),
    )
    entry.done()
    if bool(found.archive) != (kind == "deb"):
        entry.refuse("archive", "a package of Debian's has one, and a wheel has none")
    return found


def _name(entry: Fields, key: str) -> str:
    return _part(entry, entry.text(key, most=256), key)


def _part(entry: Fields, text: str, key: str = "file") -> str:
    if not text or text.startswith(".") or not _NAME_CHARACTERS.issuperset(text):
        entry.refuse(key, f"got {text[:80]!r}, want plain names")
    return text
