"""What a guest itself measures, in a keep and on wasmtime's native WASI: computing, files."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench import ENARX, HERE, STREAMS, guest, output, pinned
from figures import Figure, at_least

COMPUTE_ROUNDS = 7
FILE_ROUNDS = 5
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
