"""``python benchmarks/run.py [--full] [--json FILE] [NAME]...``: measures against the budgets.

Each benchmark prints our figure, the named competitor's of the same run, their ratio, and whether
the budget of DESIGN section 15 is met.  A missing budget is a comparison only.  Exit status 0 says
that everything was measured or skipped for the reason shown, not that every budget was met: a
shared machine must not fail a build.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dcap
import guests_alone
import http_serving
import launch
import log
import memory
import network
import snp
import start
import tls
import verifying
from bench import BUILT
from figures import Figure, Skipped

import languages
import measure as measuring
import steward
import tunnel
import vm

BENCHMARKS: dict[str, Callable[[], Iterator[Figure]]] = {
    "cold": start.cold,
    "interpreter": start.interpreter,
    "warm": start.warm,
    "help": start.show_help,
    "ping": network.ping,
    "keep-alive": network.keep_alive,
    "streaming": network.streaming,
    "tls": tls.tls,
    "computing": guests_alone.computing,
    "files": guests_alone.files,
    "components": guests_alone.components,
    "handlers": http_serving.handlers,
    "memory": memory.idle_memory,
    "snp": snp.snp,
    "tdx": dcap.tdx,
    "sgx": dcap.sgx,
    "verify": verifying.verify,
    "measure": measuring.measure,
    "launch": launch.launch,
    "channel": launch.channel,
    "idle-keeps": launch.idle_keeps,
    "vm": vm.vm,
    "languages": languages.languages,
    "log": log.log,
    "steward": steward.steward,
    "tunnel": tunnel.tunnel,
}
LONG: dict[str, Callable[[], Iterator[Figure]]] = {"log-full": log.full}
"""Those that run only when they are named, or with --full."""


def main() -> int:
    """Run what was named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[1].strip())
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS | LONG))
    parser.add_argument("--full", action="store_true", help=f"all, and {', '.join(LONG)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - {*BENCHMARKS, *LONG})
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r} (there are: {', '.join(BENCHMARKS | LONG)})")
    BUILT.mkdir(parents=True, exist_ok=True)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}", flush=True)
    taken: dict[str, list[dict[str, object]]] = {}
    missed = unreachable = 0
    for name in options.names or (BENCHMARKS | LONG if options.full else BENCHMARKS):
        figures = measure(name)
        taken[name] = [figure.as_dict() for figure in figures]
        missed += sum(figure.verdict == "NOT MET" for figure in figures)
        unreachable += sum(figure.verdict.startswith("out") for figure in figures)
    if options.json:
        options.json.write_text(json.dumps(taken, indent=1, ensure_ascii=False) + "\n")
    print(f"\nbudgets not met: {missed}; out of this machine's reach: {unreachable}")
    return 0


def measure(name: str) -> list[Figure]:
    """Run one benchmark, printing as it goes."""
    function = (BENCHMARKS | LONG)[name]
    print(f"\n{name}: {(function.__doc__ or '').splitlines()[0]}", flush=True)
    figures = []
    begin = time.monotonic()
    try:
        for figure in function():
            figures.append(figure)
            print(figure.line(), flush=True)
    except Skipped as reason:
        print(f"  skipped: {reason}", flush=True)
    except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
        print(f"  FAILED: {failure}", flush=True)
        raise SystemExit(1) from failure
    print(f"  ({time.monotonic() - begin:.0f} s)", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
