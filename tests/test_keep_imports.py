"""What a keep has in memory before an application arrives: what is imported is what is measured.

``data/keep_modules.txt`` lists it, and ``data/agent_modules.txt`` what keeps that prove themselves
have beside.  A module that is added to the start of a keep must be added there, where a reviewer
sees it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).parent / "data" / "keep_modules.txt"
AGENT_LIST = LIST.with_name("agent_modules.txt")
AGENT_LIBRARIES = {"OpenSSL", "cryptography", "_cffi_backend", "_openssl", "typing_extensions"}
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
zygote._load({preload!r})
print(*bare)
print(*sys.modules)
"""


def loaded(*preload: str) -> tuple[set[str], set[str]]:
    """Modules of the bare interpreter, and of a zygote that is ready to fork."""
    program = LOADED.format(path=sys.path, preload=preload)
    command = [sys.executable, "-I", "-S", "-c", program]
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


def test_a_keep_that_proves_itself_starts_with_the_listed_modules() -> None:
    """Beside a plain keep's: the agent, the formats it speaks, and the libraries for keys and TLS.

    Nothing of a verifier is there: no technology, no appraisal, no evidence.
    """
    _, plain = loaded()
    _, ready = loaded("agent")
    more = ready - plain
    assert sorted(n for n in more if n.startswith("enarx")) == AGENT_LIST.read_text().split()
    libraries = {name.partition(".")[0] for name in more} - set(sys.stdlib_module_names)
    assert libraries - {"enarx"} <= AGENT_LIBRARIES


def test_a_quoter_brings_little_beside_its_agent() -> None:
    """The process that asks a guest's TEE has five modules of its own, and no library."""
    program = (
        f"import sys; sys.path += {sys.path!r}; import enarx.keep.vm.quoter; print(*sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    names = set(run.stdout.split())
    ours = {name for name in names if name.startswith("enarx.")}
    listed = {*LIST.read_text().split(), *AGENT_LIST.read_text().split()}
    assert {name.removeprefix("enarx.keep.vm.") for name in ours - listed - {"enarx.keep.vm"}} == {
        "certificate_table", "quoter", "report_data", "tsm", "wrapper",
    }  # fmt: skip
    assert {name.partition(".")[0] for name in names} & AGENT_LIBRARIES == set()
