"""Attested starts: a keep proves itself, gets its package sealed, and its owner sees output."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench import ENARX, HERE, TIMEOUT_S, guest
from figures import Figure, Skipped, at_most, medians, percentile
from hosting import Agent, Owner, hosting
from servers import ask, tls_alone
from start import BARE_START, COMPETITOR, timed

WARM_STARTS = 100
COLD_STARTS = 30
SHELL_STARTS = 15
CLIENTS = 4
DEPLOYS = 200
IDLE = 1000
STREAM_BYTES = 1 << 28
MIB = 1 << 20
PAUSE_S = 0.1
"""Between warm starts, so that the next keep waits already: what is measured is a warm start."""


def launch() -> Iterator[Figure]:
    """From the request for a keep to the first byte of output, through everything in between."""
    hello = guest("hello")
    (bare,) = medians([timed(*BARE_START, hello) for _ in range(SHELL_STARTS)])
    with hosting("--tenant-creations", "100000", "--tenant-keeps", "2000") as agent:
        for platform in ("snp", "tdx", "sgx"):
            yield from _warm(agent, hello, platform, bare)
        yield from _shell(agent, hello, bare)
        yield from _rate(agent, hello)
    with hosting("--warm", "0", "--tenant-creations", "100000") as agent:
        owner = Owner(agent, hello, "snp")
        owner.first_output_ms()
        taken = [owner.first_output_ms() for _ in range(COLD_STARTS)]
        owner.close()
    for percent in (50, 99):
        yield Figure(
            what=f"snp, no keep waiting, p{percent}",
            unit="ms",
            ours=percentile(taken, percent),
            theirs=bare,
            competitor=COMPETITOR,
        )


def channel() -> Iterator[Figure]:
    """Standard output of a keep over its channel, against plain TLS between two processes."""
    flood = guest("flood")
    received = 0

    def show(_name: str, data: bytes) -> None:
        nonlocal received
        received += len(data)

    rates = []
    with hosting() as agent:
        owner = Owner(agent, flood, "snp")
        for _ in range(3):
            received = 0
            start = time.perf_counter()
            owner.run(str(STREAM_BYTES), show=show)
            if received != STREAM_BYTES:
                raise RuntimeError(f"{received} bytes came of {STREAM_BYTES}")
            rates.append(STREAM_BYTES / (time.perf_counter() - start) / 1e6)
        owner.close()
    with tls_alone(None) as port:
        plain = [ask(port, "out", STREAM_BYTES, None, tls=True)[0] / 1e6 for _ in range(3)]
    yield Figure(
        what="stdout over the channel",
        unit="MB/s",
        ours=medians(rates)[0],
        theirs=medians(plain)[0],
        competitor="pyOpenSSL alone",
    )


def idle_keeps() -> Iterator[Figure]:
    """A thousand keeps of one host that wait for an owner: what each costs, and all of them."""
    bare = _bare_idle()
    limits = ("--max-keeps", str(IDLE + 10), "--tenant-keeps", str(IDLE + 10))
    with hosting(*limits, "--tenant-creations", "100000") as agent:
        owner = Owner(agent, guest("hello"), "snp")
        start = time.perf_counter()
        for _ in range(IDLE):
            owner.offered()
        taken = time.perf_counter() - start
        (zygote,) = _children().get(agent.keeper, [])
        keeps = [_private(pid) for pid in _below(zygote)]  # of each keep two: agent and runtime
        shared = _private(zygote)
        after = owner.first_output_ms()
        owner.close()
    yield Figure(what=f"{IDLE} offers made, each", unit="ms", ours=taken / IDLE * 1e3)
    yield Figure(
        what=f"private, each of {IDLE} keeps",
        unit="MiB",
        ours=sum(keeps) / IDLE / MIB,
        theirs=bare / MIB,
        competitor="bare wasmtime process",
        budget=at_most(12, "MiB"),
    )
    yield Figure(what="private, the zygote they share", unit="MiB", ours=shared / MIB)
    yield Figure(what="attested start beside them", unit="ms", ours=after)


def _warm(agent: Agent, module: Path, platform: str, bare: float) -> Iterator[Figure]:
    owner = Owner(agent, module, platform)
    owner.first_output_ms()
    taken = []
    for _ in range(WARM_STARTS):
        time.sleep(PAUSE_S)
        taken.append(owner.first_output_ms())
    owner.close()
    for percent in (50, 99):
        yield Figure(
            what=f"{platform}, a keep waiting, p{percent}",
            unit="ms",
            ours=percentile(taken, percent),
            theirs=bare,
            competitor=COMPETITOR,
            budget=at_most(50 if percent == 50 else 120, "ms"),
        )


def _shell(agent: Agent, module: Path, bare: float) -> Iterator[Figure]:
    token = agent.state.parent / "token"
    token.touch(mode=0o600)
    token.write_text(agent.token)
    words = ("deploy", str(module), "--host", agent.url, "--token-file", str(token))
    command = [str(ENARX), *words, "--insecure-accept-simulated"]
    taken = []
    for _ in range(SHELL_STARTS):
        start = time.perf_counter()
        subprocess.run(
            command, env=agent.environment, check=True, capture_output=True, timeout=TIMEOUT_S
        )
        taken.append((time.perf_counter() - start) * 1e3)
    yield Figure(
        what="enarx deploy, start to end, median",
        unit="ms",
        ours=medians(taken)[0],
        theirs=bare,
        competitor=COMPETITOR,
    )


def _rate(agent: Agent, module: Path) -> Iterator[Figure]:
    """Deploys a second from several clients at once; the clients' work is in it."""
    owners = [Owner(agent, module, "snp") for _ in range(CLIENTS)]

    def work(owner: Owner) -> None:
        for _ in range(DEPLOYS // CLIENTS):
            owner.run(show=lambda _name, _data: None)

    threads = [threading.Thread(target=work, args=(owner,)) for owner in owners]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    for owner in owners:
        owner.close()
    starts = [subprocess.Popen([*BARE_START, module], stdout=subprocess.DEVNULL) for _ in range(2)]
    begin, count = time.perf_counter(), 0
    while count < 2 * SHELL_STARTS:
        starts.pop(0).wait(TIMEOUT_S)
        starts.append(subprocess.Popen([*BARE_START, module], stdout=subprocess.DEVNULL))
        count += 1
    bare = count / (time.perf_counter() - begin)
    for one in starts:
        one.wait(TIMEOUT_S)
    yield Figure(
        what=f"deploys, {CLIENTS} clients at once",
        unit="/s",
        ours=DEPLOYS / taken,
        theirs=bare,
        competitor=COMPETITOR,
    )


def _bare_idle() -> float:
    command = [sys.executable, str(HERE / "alone.py"), "--idle", str(guest("hello"))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        if process.stdout is not None:
            process.stdout.readline()
        size = _private(process.pid)
        process.kill()
    return size


def _private(pid: int) -> float:
    """Bytes that no other process shares: what it has written, and what it alone has mapped."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except PermissionError as error:
        raise Skipped("keeps hide their memory maps from other users than root") from error
    return sum(
        int(line.split()[1]) * 1024
        for line in lines
        if line.startswith(("Private_Clean", "Private_Dirty"))
    )


def _below(pid: int) -> list[int]:
    """Every process that descends from *pid*."""
    children = _children()
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _children() -> dict[int, list[int]]:
    """The children of each process, as they are now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(") ")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    return children
