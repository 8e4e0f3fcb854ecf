"""The errors for imports that no keep provides and for a module with nothing to run.

Both say what can be told from the names about how the module was built.
"""

from __future__ import annotations

from enarx.errors import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAX_NAMED = 5
_MAX_NAME = 100
_HINTS = (
    (
        ("wasi.thread-spawn",),
        "it was built with threads: build without -pthread, for wasm32-wasip1",
    ),
    (
        ("env.memory",),
        "it was built for threads or with --import-memory: build for wasm32-wasip1 without",
    ),
    (
        ("wasi_unstable.",),
        "wasi_unstable is the version before preview 1: build with a newer compiler",
    ),
    (
        ("wasi:", "wasi_snapshot_preview2"),
        "this core module belongs to a component: give the component instead",
    ),
    (
        ("env.", "GOT.", "wbg.", "__wbindgen", "gojs.", "go.", "rb-js-abi-host."),
        "it was built for a web page or for another host: build for wasm32-wasip1",
    ),
)
# What a command is entered by: ``_start``, or its default function, whose name is empty.
ENTRY_NAMES = ("_start", "")
_DEFAULT_HINT = "keeps provide wasi_snapshot_preview1; build for wasm32-wasip1"


def missing_imports(names: Sequence[str], where: str, hint: str = "") -> MalformedError:
    """The error for *names* (``module.name``, each at most 100 characters shown)."""
    unique = list(dict.fromkeys(name[:_MAX_NAME] for name in names))
    shown = ", ".join(unique[:_MAX_NAMED])
    more = len(unique) - _MAX_NAMED
    return MalformedError(
        where,
        f"imports what the keep does not provide: {shown}"
        + (f" and {more} more" if more > 0 else ""),
        hints=(hint or _hint(unique[0]),),
    )


def missing_entry(functions: Iterable[str], where: str) -> MalformedError:
    """The error for a module whose exported *functions* are none that a command is entered by."""
    names = sorted(functions)
    shown = ", ".join(name[:_MAX_NAME] for name in names[:_MAX_NAMED])
    return MalformedError(
        where,
        f"exports no _start function to run (functions exported: {shown or 'none'})",
        hints=(
            "this is a library (reactor): build a command, an executable with a main function"
            if "_initialize" in names
            else "build an executable, with a main function, for wasm32-wasip1",
        ),
    )


def _hint(name: str) -> str:
    return next((hint for starts, hint in _HINTS if name.startswith(starts)), _DEFAULT_HINT)
