"""The languages of ``enarx new`` in a keep: how soon they are there, how fast, how large.

The task is the template ``filter`` over 16 MiB of text: read, change every letter, write.  What is
native is the same source, by the same compiler where it makes native programs; a language whose
own compiler makes none is held against C.

``python benchmarks/languages.py [NAME]...`` writes ``languages.json``, from which the table in the
documentation is made.  Of several runs the fastest counts: what else goes on makes none faster.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from bench import BUILT, ENARX, HERE, TIMEOUT_S, alternate, environment, needs
from figures import Figure, Skipped

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES

RECORD = HERE / "languages.json"
INPUT_BYTES = 16 << 20
LINE = b"a keep is a place where nobody looks over your shoulder, they said\n"
STARTS = 15
FEW_STARTS = 5
SLOW_MS = 2000.0
PASSES = 5
PROJECTS = BUILT / "languages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One language."""

    language: str
    tools: str
    size_bytes: int
    start_ms: float
    first_start_ms: float
    filter_mb_s: float
    native_mb_s: float
    native: str


def languages() -> Iterator[Figure]:
    """Each language that can be built here: start, size, and work against a native program."""
    measured = 0
    for language in LANGUAGES:
        try:
            found = measure(language)
        except Skipped as reason:
            print(f"  skipped: {reason}", flush=True)
            continue
        measured += 1
        yield from figures(language.title, found)
    if not measured:
        raise Skipped("no compiler for any language")


def figures(title: str, found: Measured) -> Iterator[Figure]:
    """The figures of one language."""
    yield Figure(what=f"{title}: hello, from the cache", unit="ms", ours=found.start_ms)
    yield Figure(what=f"{title}: hello, compiled first", unit="ms", ours=found.first_start_ms)
    yield Figure(what=f"{title}: hello, size", unit="KiB", ours=found.size_bytes / 1024)
    yield Figure(
        what=f"{title}: filter",
        unit="MB/s",
        ours=found.filter_mb_s,
        theirs=found.native_mb_s,
        competitor=found.native,
        native=True,
    )


def measure(language: Language) -> Measured:
    """Build the templates of *language* and measure them.

    Raises:
        Skipped: there is no compiler for it here.
    """
    hello, built = project(language, "hello")
    worker, _ = project(language, "filter")
    kind, native = native_filter(language)
    text = LINE * (INPUT_BYTES // len(LINE))
    passed((ENARX, "run", worker), LINE)  # compiles it, the first time
    slow = started((ENARX, "run", hello)) > SLOW_MS  # an interpreter takes seconds to compile
    cached, first = alternate(
        FEW_STARTS if slow else STARTS,
        lambda: started((ENARX, "run", hello)),
        lambda: started((ENARX, "run", "--no-cache", hello)),
    )
    ours, theirs = alternate(
        PASSES, lambda: passed((ENARX, "run", worker), text), lambda: passed((native,), text)
    )
    tools = built["tools"]
    assert isinstance(tools, dict)
    size = built["size"]
    assert isinstance(size, int)
    return Measured(
        language=language.name,
        tools=", ".join(f"{name} {version}" for name, version in tools.items()),
        size_bytes=size,
        start_ms=round(min(cached), 1),
        first_start_ms=round(min(first), 1),
        filter_mb_s=round(max(ours), 1),
        native_mb_s=round(max(theirs), 1),
        native=kind,
    )


def project(language: Language, template: str) -> tuple[Path, dict[str, object]]:
    """The package of a template of *language*, and what the build said."""
    folder = sources(language.name, template)
    done = enarx("build", "--json", str(folder))
    if done.returncode:
        reason = done.stderr.decode().splitlines()[-1 if done.returncode == 1 else 0]
        raise Skipped(f"{language.title}: {reason}")
    built = json.loads(done.stdout)
    assert isinstance(built, dict)
    return folder / "build" / "package.tar", built


def sources(language: str, template: str) -> Path:
    """A template, as ``enarx new`` makes it."""
    folder = PROJECTS / f"{language}-{template}"
    if not folder.exists():
        enarx("new", "--lang", language, "--template", template, str(folder))
    return folder


def enarx(*words: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``enarx``, with the user's own caches: a compiler's library takes a minute to make."""
    return subprocess.run(
        (ENARX, *words), capture_output=True, check=False, timeout=10 * TIMEOUT_S, env=os.environ
    )


def native_filter(language: Language) -> tuple[str, Path]:
    """What the filter of *language* is held against, and its program."""
    make = NATIVES.get(language.name)
    if make is None:
        return "native C", native_c()
    return "native", make()


@cache
def native_c() -> Path:
    """The filter in C."""
    return zig_native("c", "cc", "main.c", "-O2", "-o")


@cache
def native_cpp() -> Path:
    """The filter in C++."""
    return zig_native("cpp", "c++", "main.cpp", "-O2", "-std=c++20", "-fno-exceptions", "-o")


@cache
def native_zig() -> Path:
    """The filter in Zig."""
    return zig_native("zig", "build-exe", "main.zig", "-O", "ReleaseSmall", "-femit-bin=")


def zig_native(language: str, *command: str) -> Path:
    """The filter of *language*, by zig; the last word of *command* takes what is made."""
    needs("ziglang")
    folder, made = sources(language, "filter"), PROJECTS / f"native-{language}"
    *before, last = command
    target = (f"{last}{made}",) if last.endswith("=") else (last, str(made))
    compile_native(sys.executable, "-m", "ziglang", *before, *target, folder=folder)
    return made


@cache
def native_rust() -> Path:
    """The filter in Rust, with the profile of its Cargo.toml."""
    rustc = shutil.which("rustc")
    if rustc is None:
        raise Skipped("Rust: rustc, for the native program, is not installed")
    folder, made = sources("rust", "filter"), PROJECTS / "native-rust"
    flags = ("--edition", "2021", "-C", "opt-level=s", "-C", "lto", "-C", "panic=abort")
    compile_native(rustc, *flags, "src/main.rs", "-o", str(made), folder=folder)
    return made


@cache
def native_go() -> Path:
    """The filter in Go."""
    go = shutil.which("go")
    if go is None:
        raise Skipped("Go: go, for the native program, is not installed")
    made = PROJECTS / "native-go"
    compile_native(go, "build", "-o", str(made), ".", folder=PROJECTS / "go-filter")
    return made


def compile_native(*command: str, folder: Path) -> None:
    """Run a compiler."""
    subprocess.run(command, cwd=folder, check=True, timeout=10 * TIMEOUT_S)


NATIVES: dict[str, Callable[[], Path]] = {
    "c": native_c,
    "cpp": native_cpp,
    "go": native_go,
    "rust": native_rust,
    "zig": native_zig,
}


def started(command: tuple[str | Path, ...]) -> float:
    """Milliseconds until *command* has said hello and ended."""
    begin = time.perf_counter_ns()
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment(), timeout=TIMEOUT_S
    )
    assert done.stdout.startswith(b"hello from ")
    return (time.perf_counter_ns() - begin) / 1e6


def passed(command: tuple[str | Path, ...], text: bytes) -> float:
    """Megabytes a second of *text* through the filter *command*."""
    begin = time.perf_counter_ns()
    done = subprocess.run(
        command, check=True, input=text, stdout=subprocess.PIPE, env=environment(),
        timeout=TIMEOUT_S,
    )  # fmt: skip
    taken = (time.perf_counter_ns() - begin) / 1e9
    assert len(done.stdout) > len(text)
    return len(text) / taken / 1e6


def record(names: list[str]) -> None:
    """Measure *names*, or all, and write it down; what cannot be built stays as it was."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for language in LANGUAGES:
        if names and language.name not in names:
            continue
        try:
            known[language.name] = asdict(measure(language))
        except Skipped as reason:
            print(f"skipped: {reason}")
    RECORD.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    PROJECTS.mkdir(parents=True, exist_ok=True)
    record(sys.argv[1:])
