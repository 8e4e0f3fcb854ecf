"""Who must approve a change: names with their keys, and how many of them it takes.

    {"keys": {"alice": "…"}, "profile": "…", "threshold": 1}    canonical JSON (RFC 8785)

Keys are Ed25519, 32 bytes, base64url.  One person has one name and one key, so a key stands there
once.  A threshold of 0 goes with no keys only: then whoever may propose also decides, and every
version says that nobody approved it.

Sources: RFC 8032, section 5.1 (keys); libsodium, ``ge25519_has_small_order`` (keys that are none).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire import canonical
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.wire.document import Fields

PROFILE = "tag:github.com,2026:enarx/approvers/1"
KEY_BYTES = 32
MAX_BYTES = 64 * 1024
MAX_KEYS = 100

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_KEY_TEXT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvers:
    """Those whose approvals count.

    Args:
        threshold: how many of them it takes.
        keys: by name, 32 bytes each.
    """

    threshold: int
    keys: Mapping[str, bytes]

    def encode(self) -> bytes:
        """The document.

        Raises:
            MalformedError: it is none that ``parse`` would take.
        """
        found = canonical.encode(
            {
                "keys": {name: to_base64url(key) for name, key in self.keys.items()},
                "profile": PROFILE,
                "threshold": self.threshold,
            }
        )
        parse(found)
        return found


def parse(data: bytes, where: str = "approvers") -> Approvers:
    """The approvers in *data*.

    Raises:
        MalformedError: it is no such document in its one spelling, or nobody, or too few, could
            approve by it.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = canonical.decode(data, where)
    fields.one_of("profile", (PROFILE,))
    keys = _keys(fields)
    threshold = fields.integer("threshold", 0, MAX_KEYS)
    fields.done()
    least = 1 if keys else 0
    if not least <= threshold <= len(keys):
        want = f"{least} to {len(keys)}, for {len(keys)} keys" if keys else "0, for no keys"
        raise MalformedError(f"{where}: threshold", f"got {threshold}, want {want}")
    return Approvers(threshold=threshold, keys=MappingProxyType(keys))


def check_key(key: bytes, where: str) -> bytes:
    """*key*, which must be an Ed25519 public key by which nobody else can sign.

    Raises:
        MalformedError: it has another size, or a small order: any message has a signature then.
    """
    if len(key) != KEY_BYTES:
        raise MalformedError(where, f"got {len(key)} bytes, want {KEY_BYTES}")
    if key[:-1] + bytes((key[-1] & 0x7F,)) in SMALL_ORDER:
        raise MalformedError(where, "not a key: everybody can sign for it (small order)")
    return key


def _keys(fields: Fields) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, text in fields.table("keys", MAX_KEYS):
        where = f"{fields.where}: keys.{name[:80]}"
        if not _NAME.fullmatch(name):
            raise MalformedError(where, "want a name of a-z, 0-9 and ._-")
        if len(text) > _MAX_KEY_TEXT:
            raise MalformedError(where, f"want {KEY_BYTES} bytes")
        key = check_key(base64url(text, where), where)
        if key in found.values():
            raise MalformedError(where, "another name has this key: one key approves once")
        found[name] = key
    return found


SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
"""Every encoding of a point of order 1, 2, 4 or 8, without the sign."""
