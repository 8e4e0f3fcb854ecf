"""The log, read by somebody who has the specifications and none of our code for logs.

Sources: RFC 6962, section 2.1; C2SP signed-note, tlog-checkpoint, tlog-tiles and tlog-proof.
"""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.steward.log.conftest import ORIGIN, Kept, Serve


def fetch(url: str) -> bytes:
    """GET, by the standard library, without proxies."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        data: bytes = answer.read()
    return data


def sha256(data: bytes) -> bytes:
    """The hash."""
    return hashlib.sha256(data).digest()


def mth(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word."""
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, word by word."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def opened(note: bytes, key: Ed25519PublicKey) -> tuple[int, bytes]:
    """Size and root of a checkpoint whose signature is *key*'s."""
    text, _, signatures = note.decode().rpartition("\n\n")
    origin, size, root = text.split("\n")
    dash, name, encoded = signatures.removesuffix("\n").split(" ")
    assert (origin, dash, name) == (ORIGIN, "\u2014", ORIGIN)
    raw = base64.b64decode(encoded, validate=True)
    public = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert raw[:4] == sha256(f"{ORIGIN}\n\x01".encode() + public)[:4]
    key.verify(raw[4:], f"{text}\n".encode())
    return int(size), base64.b64decode(root, validate=True)


def name_of(level: str, number: int, width: int) -> str:
    """C2SP tlog-tiles, "Merkle Tree", for fewer than a million tiles."""
    groups = f"{number:03}" if number < 1000 else f"x{number // 1000:03}/{number % 1000:03}"
    return f"tile/{level}/{groups}" + (f".p/{width}" if width < 256 else "")


def entries_at(url: str, size: int) -> list[bytes]:
    """Every entry, out of the bundles."""
    found = []
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        data = fetch(f"{url}/{name_of('entries', number, width)}")
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert not data
    return found


@pytest.fixture
def public(key: Ed25519PrivateKey) -> Ed25519PublicKey:
    """The key that the log's operator publishes."""
    return key.public_key()


def test_somebody_else_understands_the_log(
    kept: Kept, serve: Serve, public: Ed25519PublicKey
) -> None:
    """Signature, entries, root, tiles and proofs are as the specifications have them."""
    entries = [json.dumps({"n": n}).encode() for n in range(600)]
    kept.append(*entries)
    url = serve(kept)
    size, root = opened(fetch(f"{url}/checkpoint"), public)
    assert entries_at(url, size) == entries
    assert mth(entries) == root
    for number, (begin, end) in enumerate(pairwise((0, 256, 512, 600))):
        tile = fetch(f"{url}/{name_of('0', number, end - begin)}")
        assert tile == b"".join(mth([entry]) for entry in entries[begin:end])
    tile = fetch(f"{url}/{name_of('1', 0, 2)}")
    assert tile == mth(entries[:256]) + mth(entries[256:512])
    wanted = (0, 255, 256, 599)
    for index, proof in zip(wanted, kept.log.proofs(wanted), strict=True):
        head, _, checkpoint = proof.partition(b"\n\n")
        assert opened(checkpoint, public) == (size, root)
        first, second, *hashes = head.decode().split("\n")
        assert (first, second) == ("c2sp.org/tlog-proof@v1", f"index {index}")
        assert [base64.b64decode(line, validate=True) for line in hashes] == path(index, entries)


def test_every_checkpoint_is_a_prefix(kept: Kept, serve: Serve, public: Ed25519PublicKey) -> None:
    """As the log grows, what was signed before stays true of what is there."""
    url = serve(kept)
    entries: list[bytes] = []
    seen = [opened(fetch(f"{url}/checkpoint"), public)]
    for count in (1, 2, 253, 1, 1):
        new = [f"{len(entries)}.{n}".encode() for n in range(count)]
        kept.append(*new)
        entries += new
        seen.append(opened(fetch(f"{url}/checkpoint"), public))
    final = entries_at(url, seen[-1][0])
    assert [(size, mth(final[:size])) for size, _ in seen] == seen
