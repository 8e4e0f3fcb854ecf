"""The canary: nothing of what an owner deploys is in the host agent's memory, files or logs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.keep.agent.programs import ECHO

if TYPE_CHECKING:
    from tests.deploy.conftest import Agent, Owner

pytestmark = pytest.mark.slow

PIECE = 1 << 20


def memory_of(pid: int) -> Iterator[bytes]:
    """Every piece of a process's readable memory, with an overlap."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - a pseudo-file
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found is None or "[v" in line:
                continue
            begin, end = (int(word, 16) for word in found.groups())
            for at in range(begin, end, PIECE):
                with suppress(OSError):
                    memory.seek(at)
                    yield memory.read(min(PIECE + 64, end - at))


def processes(agent: Agent) -> dict[str, int]:
    """The host agent's: those that must not know."""
    notes = {name: (agent.state / f"{name}.lock").read_text() for name in ("api", "keeper")}
    return {name: int(note.split()[1].rstrip(",")) for name, note in notes.items()}


def test_the_host_agent_knows_nothing(owner: Owner) -> None:
    """Package, argument, variable, secret, input and output, each with a word of its own."""
    words = {
        name: f"canary-{name}-7d21c0".encode()
        for name in ("package", "argument", "variable", "secret", "input")
    }
    custom = bytes((len(words["package"]) + 2, 1)) + b"c" + words["package"]  # a custom section
    (owner.folder / "c.wasm").write_bytes(ECHO + b"\0" + custom)
    (owner.folder / "secret").write_bytes(words["secret"])
    done = owner.deploy(
        "c.wasm", "--secret", "s=secret", "--env", f"V={words['variable'].decode()}",
        "--arg", words["argument"].decode(), stdin=words["input"] * 100,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, words["input"] * 100), done.stderr
    left = owner.run("deploy", "--insecure-accept-simulated", "--detach", "c.wasm")
    assert left.returncode == 0
    kept = [path for path in owner.agent.state.rglob("*") if path.is_file()]
    assert len(kept) > 3
    for path in kept:
        data = path.read_bytes()
        assert not [name for name, word in words.items() if word in data], path
    if os.geteuid() != 0:
        pytest.skip("only root reads the memory of other processes")
    for name, pid in processes(owner.agent).items():
        pieces = 0
        for piece in memory_of(pid):
            pieces += 1
            assert not [word for word in words if words[word] in piece], name
        assert pieces > 10
    assert owner.run("keep", "delete", left.stdout.decode().strip()).returncode == 0


def test_the_search_finds_what_is_there(owner: Owner) -> None:
    """What the host is told is found in its files and in its memory: the canary would be."""
    label = "label-that-is-told-5a31"
    done = owner.deploy("--detach", "--name", label, "hello.wasm")
    assert done.returncode == 0
    assert any(
        label.encode() in path.read_bytes()
        for path in owner.agent.state.rglob("*")
        if path.is_file()
    )
    if os.geteuid() == 0:  # what both were told on their command lines
        for pid in processes(owner.agent).values():
            assert any(str(owner.agent.state).encode() in piece for piece in memory_of(pid))
    assert owner.run("keep", "delete", done.stdout.decode().strip()).returncode == 0
