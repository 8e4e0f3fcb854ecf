"""Requirements of versions (``abi``), as far as they are a minimum.

Source: the semver crate 1.0, ``VersionReq``: comparators with commas between, each an operator and
one to three numbers, the missing ones standing for any; without an operator it is a caret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from enarx.wire.shape_check import shown

if TYPE_CHECKING:
    from enarx.wire.shape_check import Problems

_COMPARATOR = re.compile(
    r" *(>=|>|<=|<|=|\^|~)? *([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))? *"
)
_MAX_TEXT = 100
_MAX_NUMBER = 255
"""Major and minor are a byte each (AMD 56860, GUEST_POLICY)."""
_PATH = "snp.abi"


def minimum_abi(text: str, problems: Problems) -> str:
    """The least "major.minor" that *text* requires; empty where it requires none.

    A report has no patch number, so it counts as 0.
    """
    if text.strip() == "*":
        return ""
    if len(text) > _MAX_TEXT:
        problems.add(_PATH, f"got {len(text)} characters, want at most {_MAX_TEXT}")
        return ""
    least = (0, 0)
    for part in text.split(","):
        one = _least(part, problems)
        if one is None:
            return ""
        least = max(least, one)
    if max(least) > _MAX_NUMBER:
        problems.add(_PATH, f"got {shown(text)}, which no firmware has")
    return f"{least[0]}.{least[1]}"


def _least(part: str, problems: Problems) -> tuple[int, int] | None:
    found = _COMPARATOR.fullmatch(part)
    if not found:
        problems.add(_PATH, f"got {shown(part)}, want a requirement like >=1.51")
        return None
    operator = found[1]
    if operator not in (">=", ">"):
        number = ".".join(number for number in found.groups()[1:3] if number)
        problem = f"got {shown(part.strip())}, which has an upper bound (no operator is a caret)"
        problems.add(_PATH, problem, f"state the minimum only: >={number}")
        return None
    major, minor, patch = int(found[2]), int(found[3] or 0), int(found[4] or 0)
    if operator == ">=":
        return (major, minor + 1 if patch else minor)
    return (major, minor + 1) if found[3] else (major + 1, 0)
