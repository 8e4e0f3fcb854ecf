"""``enarx verify`` from the shell: time and memory, against a bare Python that calls dcap-qvl.

Each is a process that starts, reads one TDX quote with its collateral, verifies it and ends.  The
competitor parses no arguments, appraises nothing and prints one word: it is the floor for Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench import ENARX, HERE, alternate, needs, output
from figures import Figure, medians
from recorded import recorded
from start import timed

ROUNDS = 25
RUST = "python + dcap-qvl"
KIB_PER_MIB = 1024


def verify() -> Iterator[Figure]:
    """``enarx verify`` of a TDX quote from the shell, against a bare Python that calls dcap-qvl."""
    needs("dcap_qvl")
    vector = recorded(
        "tdx/tdx-v4-phala-sample", "quote.bin", "2025-07-04T10:16:31Z", "collateral-1"
    )
    quote, folder = vector.folder / vector.file, vector.folder / vector.collateral
    at = f"{vector.now:%Y-%m-%dT%H:%M:%SZ}"
    ours = (ENARX, "verify", quote, "-e", folder, "--at", at, "--no-cache")
    theirs = (sys.executable, HERE / "dcap_qvl_alone.py", quote, folder, str(vector.at))
    columns = alternate(ROUNDS, lambda: timed(*ours), lambda: timed(*theirs))
    mine, bare = medians(*columns)
    yield Figure(what="start to end, median", unit="ms", ours=mine, theirs=bare, competitor=RUST)
    peaks = alternate(3, lambda: _peak_mib(*ours), lambda: _peak_mib(*theirs))
    mine, bare = medians(*peaks)
    yield Figure(what="peak resident memory", unit="MiB", ours=mine, theirs=bare, competitor=RUST)


def _peak_mib(*command: str | Path) -> float:
    """The largest resident size of the process that *command* starts.

    A small process in between starts it: what a parent has resident counts for its child, too.
    """
    return float(output([sys.executable, "-c", _PEAK, *command])) / KIB_PER_MIB


_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
