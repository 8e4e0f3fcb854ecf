"""Why the engine refuses a module, when it compiles or links it, in words a developer can use.

The engine's texts are matched because it offers nothing else; a text that no row knows is
passed on whole, so nothing is hidden when the engine changes its wording.
"""

from __future__ import annotations

from enarx.errors import MalformedError

_LEGACY_EXCEPTIONS = (
    "build with the standard encoding (-mllvm -wasm-use-legacy-eh=false), or convert the module: "
    "wasm-opt -all --disable-compact-imports --translate-to-exnref OLD.wasm -o NEW.wasm"
)
# fragment of the engine's text, feature, what a developer can do
_FEATURES = (
    (
        "threads must be enabled",
        "threads (shared memory)",
        "build without -pthread, for wasm32-wasip1 rather than wasm32-wasip1-threads",
    ),
    ("shared memory", "threads (shared memory)", "build for wasm32-wasip1, without threads"),
    ("legacy exceptions", "legacy exception handling", _LEGACY_EXCEPTIONS),
    ("legacy_exceptions", "legacy exception handling", _LEGACY_EXCEPTIONS),
    ("stack switching", "stack switching", "build without continuations"),
    ("continuation", "stack switching", "build without continuations"),
    ("custom page sizes", "custom page sizes", "build with pages of 64 KiB"),
    ("component model async", "asynchronous components (preview 3)", "build for wasm32-wasip2"),
    ("async component", "asynchronous components (preview 3)", "build for wasm32-wasip2"),
    ("shared-everything", "shared-everything threads", "build without threads"),
)
_TYPE_CLASH = "incompatible import type for `"
_OUT_OF_MEMORY = ("exceeds table limits", "GC heap out of memory")
_TRUNCATED = ("unexpected end", "unexpected eof", "extends past end", "unexpected-eof")


def refusal(text: str, *, where: str) -> MalformedError:
    """The error for a module that the engine would not compile; *text* is the engine's."""
    cause = _cause(text)
    lowered = cause.lower()
    missing = _missing_feature(cause, where)
    if missing is not None:
        return missing
    if any(fragment in lowered for fragment in _TRUNCATED):
        return MalformedError(
            where,
            f"the module is truncated ({cause})",
            hints=("copy or build the file again",),
        )
    if "not enabled" in lowered or "support is disabled" in lowered or "feature" in lowered:
        return MalformedError(where, f"needs a feature that keeps do not have ({cause})")
    return MalformedError(
        where, f"not a valid WebAssembly module ({cause})", hints=("build the file again",)
    )


def link_refusal(text: str, *, where: str) -> MalformedError:
    """The error for a module that compiles and that the engine would not link or start."""
    flat = " ".join(text.split())
    missing = _missing_feature(_cause(text), where)
    if missing is not None:
        return missing
    if flat.startswith(_TYPE_CLASH):
        name = flat.removeprefix(_TYPE_CLASH).partition("`")[0].replace("::", ".")
        types = flat.partition("types incompatible: ")[2].replace("`", "")
        types = types.replace("expected type", "the module wants").replace("found type", "got")
        return MalformedError(
            where,
            f"imports {name} with a type that it does not have: {types}",
            hints=("build it again, with a compiler for wasm32-wasip1",),
        )
    return MalformedError(where, f"the engine refused to run it: {flat}")


def is_out_of_memory(text: str) -> bool:
    """Whether a table or the heap of garbage-collected objects would be larger than it may be."""
    return any(fragment in text for fragment in _OUT_OF_MEMORY)


def _missing_feature(cause: str, where: str) -> MalformedError | None:
    lowered = cause.lower()
    for fragment, feature, advice in _FEATURES:
        if fragment in lowered:
            return MalformedError(
                where,
                f"needs a feature that keeps do not have: {feature} ({cause})",
                hints=(advice,),
            )
    return None


def _cause(text: str) -> str:
    """The last of the engine's causes, on one line, without its number."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    last = lines[-1]
    number, separator, rest = last.partition(": ")
    return rest if separator and number.isdigit() else last
