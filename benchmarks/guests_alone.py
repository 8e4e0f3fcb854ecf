"""What a guest itself measures, in a keep and on wasmtime's native WASI: computing, files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench import (
    ENARX,
    HERE,
    STREAMS,
    TIMEOUT_S,
    alternate,
    component,
    environment,
    guest,
    output,
    pinned,
)
from figures import Figure, at_least, medians

COMPUTE_ROUNDS = 7
FILE_ROUNDS = 5
WRITTEN_BYTES = 32 << 20
COMPETITOR = "wasmtime"
BARE = (sys.executable, HERE / "alone.py")

Times = dict[str, list[float]]


def computing() -> Iterator[Figure]:
    """A computing guest against wasmtime's own speed: four kernels, timed by the guest."""
    module = guest("compute")
    ours, theirs = _interleaved(
        COMPUTE_ROUNDS, lambda: _report(ENARX, "run", module), lambda: _report(*BARE, module)
    )
    for name in ours:
        # the fastest of several: what disturbs a computation only ever makes it slower
        mine, bare = (1e3 / (min(times[name]) / 1e6) for times in (ours, theirs))
        yield Figure(
            what=name,
            unit="runs/s",
            ours=mine,
            theirs=bare,
            competitor=COMPETITOR,
            budget=at_least(0.97),
        )


def files() -> Iterator[Figure]:
    """Files in the keep's file system against wasmtime's native WASI on a host folder."""
    module = guest("files")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "scratch.toml"
        config.write_text(
            f'{STREAMS}[[mounts]]\npath = "/data"\nsource = "scratch"\nsize = "128MiB"\n'
        )
        place = Path(folder) / "data"
        place.mkdir()
        scratch, mounted, theirs = _interleaved(
            FILE_ROUNDS,
            lambda: _report(ENARX, "run", "--wasmcfgfile", config, module),
            lambda: _report(ENARX, "run", "--mount", f"{place}:/data:rw", module),
            lambda: _report(*BARE, module, str(place), "/data"),
        )
        shutil.rmtree(place)
    for where, ours in (("scratch", scratch), ("host folder", mounted)):
        for name in ours:
            yield Figure(
                what=f"{where}: {name.replace('_', ' ')}",
                unit="µs",
                ours=median(ours[name]) / 1e3,
                theirs=median(theirs[name]) / 1e3,
                competitor=COMPETITOR,
            )


def components() -> Iterator[Figure]:
    """A component's output, 4 KiB a call, against wasmtime's own preview 2."""
    written = component("stdout")

    def rate(*command: str | Path) -> float:
        start = time.perf_counter()
        subprocess.run(
            [*command, written],
            stdout=subprocess.DEVNULL,
            check=True,
            env=environment(),
            timeout=TIMEOUT_S,
        )
        return WRITTEN_BYTES / (time.perf_counter() - start) / 1e6

    ours, theirs = alternate(
        FILE_ROUNDS,
        lambda: rate(ENARX, "run"),
        lambda: rate(sys.executable, HERE / "component_alone.py"),
    )
    mine, bare = medians(ours, theirs)
    yield Figure(
        what="32 MiB to stdout, with the start",
        unit="MB/s",
        ours=mine,
        theirs=bare,
        competitor="wasmtime's wasip2",
    )


def _interleaved(rounds: int, *runs: Callable[[], dict[str, float]]) -> list[Times]:
    """Run each once a round; every figure of each."""
    found: list[Times] = [{} for _ in runs]
    with pinned(1):
        for _ in range(rounds):
            for times, run in zip(found, runs, strict=True):
                for name, value in run().items():
                    times.setdefault(name, []).append(value)
    return found


def _report(*command: str | Path) -> dict[str, float]:
    """The ``name nanoseconds`` lines that a guest prints."""
    lines = (line.split() for line in output(list(command)).splitlines())
    return {name: float(value) for name, value in lines}
