"""What an idle keep costs beside the zygote that all keeps share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench import HERE, free_port, guest
from figures import Figure, Skipped, at_most, medians
from keeps import Pool, listening

KEEPS = 4
MIB = 1 << 20


def idle_memory() -> Iterator[Figure]:
    """Private memory of keeps whose guests wait for a connection, from one zygote."""
    module = guest("server")
    with Pool() as pool:
        configs = [listening(free_port()) for _ in range(KEEPS)]
        started = [pool.start(module, config) for config in configs]
        pool.turn_until(lambda: all("running" in each.seen for each in started), "the keeps")
        pool.turn_until(lambda: all(_waits(each.keep.pid) for each in started), "idleness")
        mine, zygote = _private([each.keep.pid for each in started]), _private([pool.zygote.pid])
        for config in configs:
            config.unlink()
    with _bare(module) as process:
        process.stdout.readline()
        (bare,) = medians(_private([process.pid]))
        process.kill()
    yield Figure(
        what=f"private, median of {KEEPS} keeps",
        unit="MiB",
        ours=medians(mine)[0],
        theirs=bare,
        competitor="bare wasmtime process",
        budget=at_most(12, "MiB"),
    )
    yield Figure(what="private, the zygote they share", unit="MiB", ours=zygote[0])


def _bare(module: Path) -> subprocess.Popen[str]:
    """A Python that has instantiated *module* on wasmtime's WASI, and waits."""
    command = [sys.executable, str(HERE / "alone.py"), "--idle", str(module)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def _waits(pid: int) -> bool:
    """Whether the process sleeps, which a keep does when its guest waits for a connection."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")


def _private(pids: list[int]) -> list[float]:
    """MiB that each process has written and no other shares; code is mapped from files."""
    found = []
    with suppress(PermissionError):
        for pid in pids:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
            found.append(sizes["Private_Dirty:"] / MIB)
        return found
    raise Skipped("keeps hide their memory maps from other users than root: run it as root")
