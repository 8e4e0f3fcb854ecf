"""A core module without its custom sections: names, debugging information, what made it.

They change nothing that runs and may be most of a file.  A component is left as it is: its
modules are inside sections of their own.

Source: WebAssembly core specification 3.0, section 5.5.3 (custom sections).
"""

from __future__ import annotations

from enarx.package import wasm
from enarx.package.wasm_interface import sections

_CUSTOM = 0


def strip(program: bytes) -> bytes:
    """*program* without custom sections.

    Raises:
        MalformedError: it is not WebAssembly, or a section ends early.
    """
    if wasm.kind_of(program) != wasm.MODULE:
        return program
    kept = [program[start:end] for number, start, end in sections(program) if number != _CUSTOM]
    return b"".join((program[: wasm.PREAMBLE_BYTES], *kept))
