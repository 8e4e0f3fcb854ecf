"""What a keep has in memory before an application arrives: what is imported is what is measured.

``data/keep_modules.txt`` lists it.  A module that is added to the start of every keep must be
added there, where a reviewer sees it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).parent / "data" / "keep_modules.txt"
SLOW_TO_IMPORT = {
    "OpenSSL", "asyncio", "click", "cryptography", "dataclasses", "datetime", "inspect", "logging",
    "msgspec", "pathlib", "rich", "shutil", "ssl", "subprocess", "tempfile", "tomllib",
    "typing", "wasmtime", "zstandard",
}  # fmt: skip
LOADED = """
import sys
bare = set(sys.modules)
sys.path += {path!r}
from enarx.keep import zygote
zygote._load(())
print(*bare)
print(*sys.modules)
"""


def loaded() -> tuple[set[str], set[str]]:
    """Modules of the bare interpreter, and of a zygote that is ready to fork."""
    command = [sys.executable, "-I", "-S", "-c", LOADED.format(path=sys.path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    bare, ready = run.stdout.splitlines()
    return set(bare.split()), set(ready.split())


def test_a_keep_starts_with_the_listed_modules() -> None:
    """Our own modules in a fresh zygote are exactly the listed ones, and no library's is there."""
    bare, ready = loaded()
    listed = LIST.read_text().split()
    ours = sorted(name for name in ready if name.partition(".")[0] == "enarx")
    assert ours == [name for name in listed if name.startswith("enarx")]
    rest = ready - bare - set(ours)
    assert rest <= set(listed), f"not listed: {sorted(rest - set(listed))}"
    assert {name.partition(".")[0] for name in rest} <= set(sys.stdlib_module_names)


def test_a_keep_starts_with_nothing_slow() -> None:
    """Of what would cost milliseconds of every start, nothing is loaded."""
    bare, ready = loaded()
    assert (ready - bare) & SLOW_TO_IMPORT == set()
