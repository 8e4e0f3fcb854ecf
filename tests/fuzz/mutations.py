"""Damage of bytes, the same in every run: flips, cuts, doublings, lies about lengths, crossings."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

LIES = (
    b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"0" * 40,
    b"9" * 5_000, b"[" * 2_000, b"\x9f" * 600, b"\xc3\x28", b"\xed\xa0\x80", b"-1", b"1e999",
    b"NaN", b'{"a":1,"a":2}', b"\\u0000", b"\n", b"\x1b[2J",
)  # fmt: skip


def damaged(seeds: Sequence[bytes], number: int, seed: int) -> Iterator[bytes]:
    """*number* damaged forms of *seeds*, each of one to three injuries."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    for _ in range(number):
        data = chance.choice(seeds)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            data = chance.choice(_INJURIES)(data, seeds, chance)
        yield data


def _flip(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    if not data:
        return data
    flipped = bytearray(data)
    bit = chance.randrange(len(data) * 8)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def _replace(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    begin, lie = chance.randrange(len(data) + 1), chance.choice(LIES)
    return data[:begin] + lie + data[begin + len(lie) :]


def _insert(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    begin = chance.randrange(len(data) + 1)
    return data[:begin] + chance.choice(LIES) + data[begin:]


def _cut(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    begin, size = chance.randrange(len(data) + 1), chance.choice((1, 2, 4, 16, 100))
    return data[:begin] + data[begin + size :]


def _shorten(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _double(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    begin, size = chance.randrange(len(data) + 1), chance.choice((1, 4, 32, 300))
    part = data[begin : begin + size]
    return data[:begin] + part + data[begin:]


def _cross(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(seeds)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


_INJURIES = (_flip, _flip, _flip, _replace, _replace, _insert, _cut, _shorten, _double, _cross)
