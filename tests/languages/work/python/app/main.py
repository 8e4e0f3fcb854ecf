"""The work program in Python: see ../../reference.py for what it must print."""

import hashlib
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

STATUS = 7
YEAR_2020 = 1_577_836_800


def words() -> None:
    """Count words of standard input; bytes split and lower-case as ASCII does."""
    found = [word.lower().decode() for word in sys.stdin.buffer.read().split()]
    ranked = sorted(Counter(found).items(), key=lambda item: (-item[1], item[0]))
    print(f"words: {len(found)}")
    for word, count in ranked[:3]:
        print(f"{count} {word}")


def document() -> None:
    """Read JSON, write JSON."""
    given = json.loads(Path("/data/in.json").read_text())
    numbers = given["numbers"]
    made = {"name": given["name"], "sum": sum(numbers), "count": len(numbers)}
    text = json.dumps(made, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    print(f"json: {text}")


def scratch(path: Path) -> str:
    """Write a file and read it back."""
    try:
        path.write_text("scratch")
    except OSError:
        return "no scratch"
    return "ok" if path.read_text() == "scratch" else "failed"


words()
document()
megabyte = bytes((i * 7 + 3) % 256 for i in range(1 << 20))
print(f"sha256: {hashlib.sha256(megabyte).hexdigest()}")
print(f"env: {os.environ.get('WORK_GREETING', '')}")
print(f"args: {','.join(sys.argv[1:])}")
print(f"file: {scratch(Path('/scratch/work.txt'))}")
print("time ok" if time.time() > YEAR_2020 else "time wrong")
print("random ok" if os.urandom(16) != os.urandom(16) else "random wrong")
sys.exit(STATUS)
