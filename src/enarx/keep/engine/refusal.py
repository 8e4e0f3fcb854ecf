"""Why the engine refuses a module, in words that name the missing feature.

The engine's texts are matched because it offers nothing else; a text that no row knows is
passed on whole, so nothing is hidden when the engine changes its wording.
"""

from __future__ import annotations

from enarx.errors import MalformedError

# fragment of the engine's text, feature, what a developer can do
_FEATURES = (
    (
        "threads must be enabled",
        "threads (shared memory)",
        "build without -pthread, for wasm32-wasip1 rather than wasm32-wasip1-threads",
    ),
    ("shared memory", "threads (shared memory)", "build for wasm32-wasip1, without threads"),
    (
        "legacy exceptions",
        "legacy exception handling",
        "build with the standard encoding: -mllvm -wasm-use-legacy-eh=false",
    ),
    (
        "legacy_exceptions",
        "legacy exception handling",
        "build with the standard encoding: -mllvm -wasm-use-legacy-eh=false",
    ),
    ("stack switching", "stack switching", "build without continuations"),
    ("continuation", "stack switching", "build without continuations"),
    ("custom page sizes", "custom page sizes", "build with pages of 64 KiB"),
    ("component model async", "asynchronous components (preview 3)", "build for wasm32-wasip2"),
    ("async component", "asynchronous components (preview 3)", "build for wasm32-wasip2"),
    ("shared-everything", "shared-everything threads", "build without threads"),
)
_TRUNCATED = ("unexpected end", "unexpected eof", "extends past end", "unexpected-eof")


def refusal(text: str, *, where: str) -> MalformedError:
    """The error for a module that the engine would not compile; *text* is the engine's."""
    cause = _cause(text)
    lowered = cause.lower()
    for fragment, feature, advice in _FEATURES:
        if fragment in lowered:
            return MalformedError(
                where,
                f"needs a feature that keeps do not have: {feature} ({cause})",
                hints=(advice,),
            )
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


def _cause(text: str) -> str:
    """The last of the engine's causes, on one line, without its number."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    last = lines[-1]
    number, separator, rest = last.partition(": ")
    return rest if separator and number.isdigit() else last
