"""Sizes and times as people write them: ``64MiB``, ``30s``.

A unit is required in text, and ``MB`` is none: whether it means 1000 or 1024 is a guess.
"""

from __future__ import annotations

import re

SIZE_PATTERN = r"^[0-9]{1,15}(B|KiB|MiB|GiB|TiB)$"
DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d)$"

_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def size_bytes(text: str) -> int | None:
    """The bytes in *text*, or None if it is no size."""
    found = re.fullmatch(SIZE_PATTERN, text)
    if not found or text.endswith("\n"):
        return None
    return int(text.removesuffix(found[1])) * _BYTES[found[1]]


def duration_s(text: str) -> float | None:
    """The seconds in *text*, or None if it is no time."""
    found = re.fullmatch(DURATION_PATTERN, text)
    if not found or text.endswith("\n"):
        return None
    return float(text.removesuffix(found[2])) * _SECONDS[found[2]]
