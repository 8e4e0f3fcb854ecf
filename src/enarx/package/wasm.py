"""What the first bytes of a program say, and the imports and exports it declares.

Decides core module or component, and reads nothing that the engine must judge.  A plain
``enarx run`` loads this module: it imports nothing.

Sources: WebAssembly core specification 3.0, section 5.5 (binary modules); component model,
Binary.md (layer 1, sections 10 and 11).
"""

from __future__ import annotations

from enarx.errors import MalformedError

MODULE = "module"
COMPONENT = "component"

_MAGIC = b"\0asm"
_VERSIONS = {b"\x01\0\0\0": MODULE, b"\x0d\0\x01\0": COMPONENT}
PREAMBLE_BYTES = 8
_COMPILE = "name the .wasm file that a compiler wrote for the target wasm32-wasip1 or wasm32-wasip2"


def kind_of(program: bytes, where: str = "main.wasm") -> str:
    """``MODULE`` or ``COMPONENT``, by the preamble alone.

    Raises:
        MalformedError: not WebAssembly, cut off, or of a version that is neither.
    """
    head = bytes(program[:PREAMBLE_BYTES])
    if not head.startswith(_MAGIC):
        raise _not_wasm(program, where)
    if len(head) < PREAMBLE_BYTES:
        raise _cut_off(head, where)
    kind = _VERSIONS.get(head[4:])
    if kind is None:
        problem = f"unknown WebAssembly version (got {head[4:].hex()}, want 01000000 or 0d000100)"
        raise MalformedError(where, problem, offset=4, hints=(_COMPILE,))
    return kind


def component_interface(program: bytes) -> tuple[list[str], list[str]]:
    """The names a component imports and exports, in their order.

    Raises:
        MalformedError: its sections cannot be read.
    """
    from enarx.package.wasm_interface import component_names

    return component_names(program)


def _cut_off(head: bytes, where: str) -> MalformedError:
    problem = f"cut off: {len(head)} bytes, and a program has at least {PREAMBLE_BYTES}"
    return MalformedError(where, problem, hints=("copy or build the file again",))


def _not_wasm(program: bytes, where: str) -> MalformedError:
    head = bytes(program[:64])
    if not head:
        return MalformedError(where, "not WebAssembly: the file is empty", hints=(_COMPILE,))
    if _MAGIC.startswith(head):
        return _cut_off(head, where)
    hints: tuple[str, ...] = (_COMPILE,)
    text = head.lstrip()
    if text.startswith((b"(module", b"(component", b";;", b"(;")):
        hints = ("this is WebAssembly text; convert it: wasm-tools parse app.wat -o app.wasm",)
    elif head.startswith(b"\x7fELF"):
        hints = ("this is a native program; compile it for the target wasm32-wasip1",)
    elif head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        hints = ("this is compressed; decompress it first",)
    problem = f"not WebAssembly (starts with {head[:4].hex()}, want 0061736d)"
    return MalformedError(where, problem, hints=hints)
