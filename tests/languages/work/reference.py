"""Says what every work program must print; written without looking at the programs.

``python reference.py`` prints it.  White space is ASCII's; lower case, too; words of one count are
in the order of their code points, which in UTF-16 is not that of the units.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

ANY = Path(__file__).parent / "any"
GREETING = "grüß dich"
STATUS = 7


def expected(*more: str) -> str:
    """The output, with the arguments of Enarx.toml and *more*."""
    words = [lower(word) for word in (ANY / "stdin.txt").read_bytes().split()]
    ranked = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
    given = json.loads((ANY / "files" / "data" / "in.json").read_text())
    made = {"count": len(given["numbers"]), "name": given["name"], "sum": sum(given["numbers"])}
    megabyte = bytes((i * 7 + 3) % 256 for i in range(1 << 20))
    lines = [
        f"words: {len(words)}",
        *(f"{count} {word}" for word, count in ranked[:3]),
        f"json: {json.dumps(made, ensure_ascii=False, separators=(',', ':'))}",
        f"sha256: {sha256(megabyte).hexdigest()}",
        f"env: {GREETING}",
        f"args: {','.join(('one', 'two', *more))}",
        "file: ok",
        "time ok",
        "random ok",
    ]
    return "\n".join(lines) + "\n"


def lower(word: bytes) -> str:
    """ASCII letters of *word* in lower case, others as they are."""
    return word.lower().decode()


if __name__ == "__main__":
    sys.stdout.write(expected())
