"""What an authority has: its certificates, and which keys belong to them.

One small document, which is replaced whole: what it does not list is not there.  Keys are named by
the SHA-256 of their SubjectPublicKeyInfo, so a file with another key in it is found out.

Canonical: only what ``encode`` writes is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire import document, text

if TYPE_CHECKING:
    from enarx.wire.document import Fields

FILE = "authority.json"
KINDS = ("p256", "p384")
PROTECTIONS = ("passphrase", "sealed")
MAX_NAME = 64
MAX_ROOTS = 8
MAX_INTERMEDIATES = 64

_VERSION = 1
_ID = 64
_MAX_CERTIFICATE = 8192
_LATEST = 1 << 40
_MAX_PATH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """Where the keys of the certificates are, if not in files: a token of a PKCS#11 module."""

    path: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root.

    Args:
        key: its identifier.
        certificate: on itself, DER.
        by_older: on its key by the root before it, DER; empty for the first one.
        by_newer: on its key by the root after it; empty for the one in use.
    """

    key: str
    certificate: bytes
    by_older: bytes = b""
    by_newer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intermediate:
    """An authority below a root.

    Args:
        key: its identifier.
        certificate: DER.
        until: seconds since 1970 when its last certificate will have ended; 0 if it issues.
    """

    key: str
    certificate: bytes
    until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What an authority has.

    Args:
        name: part of the names in its certificates.
        trust_domain: of SPIFFE, without the scheme.
        kind: of the keys of its certificates: "p256" or "p384".
        protection: how files with keys are encrypted.
        module: where keys of certificates are, None if in files.
        result, log, secrets: identifiers of keys that are always in files.
        roots, intermediates: the one in use first.
    """

    name: str
    trust_domain: str
    kind: str
    protection: str
    module: Module | None
    result: str
    log: str
    secrets: str
    roots: tuple[Root, ...]
    intermediates: tuple[Intermediate, ...]


def encode(state: State) -> bytes:
    """The document, with a line's end."""
    found: dict[str, object] = {
        "version": _VERSION,
        "name": state.name,
        "trust_domain": state.trust_domain,
        "kind": state.kind,
        "protection": state.protection,
    }
    if state.module is not None:
        found["module"] = {"path": state.module.path, "token": state.module.token}
    found["keys"] = {"log": state.log, "result": state.result, "secrets": state.secrets}
    found["roots"] = [
        {
            "key": root.key,
            "certificate": text.to_base64(root.certificate),
            "by_older": text.to_base64(root.by_older),
            "by_newer": text.to_base64(root.by_newer),
        }
        for root in state.roots
    ]
    found["intermediates"] = [
        {"key": one.key, "certificate": text.to_base64(one.certificate), "until": one.until}
        for one in state.intermediates
    ]
    return document.dump(found) + b"\n"


def decode(data: bytes, where: str) -> State:
    """The state in *data*.

    Raises:
        MalformedError: it is none, of another version, or not canonical.
    """
    fields = document.load(data, where)
    fields.integer("version", _VERSION, _VERSION)
    keys = fields.object("keys")
    found = State(
        name=fields.text("name", most=MAX_NAME, least=1),
        trust_domain=fields.text("trust_domain", most=255, least=1),
        kind=fields.one_of("kind", KINDS),
        protection=fields.one_of("protection", PROTECTIONS),
        module=_module(fields.object("module")) if "module" in fields else None,
        result=keys.hexadecimal("result", _ID),
        log=keys.hexadecimal("log", _ID),
        secrets=keys.hexadecimal("secrets", _ID),
        roots=tuple(_root(one) for one in fields.objects("roots", MAX_ROOTS)),
        intermediates=tuple(
            _intermediate(one) for one in fields.objects("intermediates", MAX_INTERMEDIATES)
        ),
    )
    keys.done()
    fields.done()
    if not found.roots or not found.intermediates:
        raise MalformedError(where, "no root, or no intermediate")
    if encode(found) != data:
        raise MalformedError(where, "not as this version writes it")
    return found


def _module(fields: Fields) -> Module:
    found = Module(
        path=fields.text("path", most=_MAX_PATH, least=1),
        token=fields.text("token", most=32, least=1),
    )
    fields.done()
    return found


def _root(fields: Fields) -> Root:
    found = Root(
        key=fields.hexadecimal("key", _ID),
        certificate=_certificate(fields, "certificate"),
        by_older=_certificate(fields, "by_older"),
        by_newer=_certificate(fields, "by_newer"),
    )
    fields.done()
    return found


def _intermediate(fields: Fields) -> Intermediate:
    found = Intermediate(
        key=fields.hexadecimal("key", _ID),
        certificate=_certificate(fields, "certificate"),
        until=fields.integer("until", 0, _LATEST),
    )
    fields.done()
    return found


def _certificate(fields: Fields, name: str) -> bytes:
    encoded = fields.text(name, most=_MAX_CERTIFICATE)
    return text.base64(encoded, f"{fields.where}: {name}")
