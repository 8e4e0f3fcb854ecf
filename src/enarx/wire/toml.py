"""TOML from bytes, its mistakes told by line and column.  Knows no keys.

Source: TOML 1.0.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enarx.wire.shape_check import Problems


def read_toml(text: bytes, problems: Problems, *, most: int) -> dict[str, object]:
    """The table in *text*, of at most *most* bytes; empty where a problem was added."""
    if len(text) > most:
        problems.add("", f"too large (got {len(text)} bytes, want at most {most})")
        return {}
    try:
        return tomllib.loads(text.decode())
    except UnicodeDecodeError as e:
        line = text.count(b"\n", 0, e.start) + 1
        problems.add("", f"not UTF-8 (line {line}, byte 0x{text[e.start]:02x})")
    except RecursionError:
        problems.add("", "not TOML: nested too deeply")
    except ValueError as e:  # TOMLDecodeError, or a number of thousands of digits
        problems.add("", _syntax_problem(str(e), text.count(b"\n") + 1))
    return {}


def _syntax_problem(message: str, last_line: int) -> str:
    """``not TOML: line 3, column 5: expected '=' after a key``."""
    place = re.search(r" \(at line ([0-9]+), column ([0-9]+)\)$", message)
    what = message[: place.start()] if place else message.removesuffix(" (at end of document)")
    what = (what[:1].lower() + what[1:]).encode("unicode_escape").decode()
    if place:
        return f"not TOML: line {place[1]}, column {place[2]}: {what}"
    if message.endswith("(at end of document)"):
        return f"not TOML: line {last_line}, at the end: {what}"
    return f"not TOML: {what[:80]}"
