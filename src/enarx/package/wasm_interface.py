"""The imports and exports that a core module or a component declares, by name.

Reads only the sections that list them and skips the rest by length; says nothing about whether
the program is valid.

Sources: WebAssembly core specification 3.0, sections 5.3 (types) and 5.5 (sections 2 and 7);
component model, Binary.md, "Import and Export Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.package.wasm import PREAMBLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_LEB_BYTES = 5  # 32 bits, 7 a byte

_CORE_IMPORT, _CORE_EXPORT = 2, 7
_COMPONENT_IMPORT, _COMPONENT_EXPORT = 10, 11
FUNC, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)  # FUNC is the kind of a function
_REF_TYPES = (0x63, 0x64)  # (ref null ht), (ref ht): a heap type follows


def module_names(program: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, int]]]:
    """A core module's imports as (module, name), and its exports as (name, kind).

    Raises:
        MalformedError: a section ends early or holds an entry we cannot step over.
    """
    imports: list[tuple[str, str]] = []
    exports: list[tuple[str, int]] = []
    for number, section in _sections(program):
        if number == _CORE_IMPORT:
            for _ in range(section.number("imports")):
                imports.append((section.name("module"), section.name("import")))
                _skip_core_type(section)
        elif number == _CORE_EXPORT:
            for _ in range(section.number("exports")):
                exports.append((section.name("export"), section.byte("export kind")))
                section.number("export index")
    return imports, exports


def component_names(program: bytes) -> tuple[list[str], list[str]]:
    """A component's imported and exported names, in their order.

    Raises:
        MalformedError: a section ends early or holds an entry we cannot step over.
    """
    imports: list[str] = []
    exports: list[str] = []
    for number, section in _sections(program):
        if number == _COMPONENT_IMPORT:
            for _ in range(section.number("imports")):
                imports.append(_extern_name(section))
                _skip_extern_type(section)
        elif number == _COMPONENT_EXPORT:
            for _ in range(section.number("exports")):
                exports.append(_extern_name(section))
                _skip_sort(section)
                section.number("export index")
                if section.byte("ascription") == 1:
                    _skip_extern_type(section)
    return imports, exports


def sections(program: bytes) -> Iterator[tuple[int, int, int]]:
    """Each section of *program*: its number, and where it begins and ends, its header included.

    Raises:
        MalformedError: one ends early.
    """
    whole = _Cursor(memoryview(program)[PREAMBLE_BYTES:], PREAMBLE_BYTES)
    while whole.left():
        start = whole.offset
        number, _ = whole.section()
        yield number, start, whole.offset


class _Cursor:
    """Bytes of one section, taken from the front."""

    def __init__(self, data: memoryview, offset: int) -> None:
        self._data, self._at, self._offset = data, 0, offset

    @property
    def offset(self) -> int:
        """Of the next byte in the program."""
        return self._offset + self._at

    def left(self) -> int:
        return len(self._data) - self._at

    def byte(self, what: str) -> int:
        return self.take(1, what)[0]

    def number(self, what: str) -> int:
        """An unsigned LEB128 of up to 32 bits."""
        value = 0
        for index in range(_MAX_LEB_BYTES):
            byte = self.byte(what)
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:  # noqa: PLR2004 - LEB128's continuation bit
                return value
        raise self.error(f"{what}: number longer than {_MAX_LEB_BYTES} bytes")

    def skip_signed(self, what: str) -> None:
        while self.byte(what) & 0x80:
            pass

    def take(self, size: int, what: str) -> memoryview:
        if size > self.left():
            raise self.error(f"{what}: cut off (want {size} bytes, got {self.left()})")
        self._at += size
        return self._data[self._at - size : self._at]

    def name(self, what: str) -> str:
        raw = bytes(self.take(self.number(f"{what} length"), what))
        try:
            return raw.decode()
        except UnicodeDecodeError as e:
            raise self.error(f"{what}: not UTF-8") from e

    def error(self, problem: str) -> MalformedError:
        return MalformedError("main.wasm", problem, offset=self.offset)

    def section(self) -> tuple[int, _Cursor]:
        number = self.byte("section")
        size = self.number("section size")
        start = self.offset
        return number, _Cursor(self.take(size, f"section {number}"), start)


def _sections(program: bytes) -> Iterator[tuple[int, _Cursor]]:
    whole = _Cursor(memoryview(program)[PREAMBLE_BYTES:], PREAMBLE_BYTES)
    while whole.left():
        yield whole.section()


def _skip_core_type(section: _Cursor) -> None:
    kind = section.byte("import kind")
    if kind == FUNC:
        section.number("type index")
    elif kind == _TABLE:
        _skip_value_type(section)
        _skip_limits(section)
    elif kind == _MEMORY:
        _skip_limits(section)
    elif kind == _GLOBAL:
        _skip_value_type(section)
        section.byte("mutability")
    elif kind == _TAG:
        section.byte("tag attribute")
        section.number("type index")
    else:
        raise section.error(f"unknown import kind (got {kind}, want 0 to {_TAG})")


def _skip_value_type(section: _Cursor) -> None:
    if section.byte("type") in _REF_TYPES:
        section.skip_signed("heap type")


def _skip_limits(section: _Cursor) -> None:
    flags = section.byte("limits")
    section.skip_signed("minimum")
    if flags & 1:
        section.skip_signed("maximum")
    if flags & 8:  # custom page sizes
        section.number("page size")


def _extern_name(section: _Cursor) -> str:
    form = section.byte("name form")
    name = section.name("name")
    if form in (0, 1):
        return name
    if form == 2:  # noqa: PLR2004 - the third form of Binary.md: a version suffix follows
        return name + section.name("version suffix")
    raise section.error(f"unknown form of name (got {form}, want 0, 1 or 2)")


def _skip_extern_type(section: _Cursor) -> None:
    kind = section.byte("type")
    if kind == 0:
        section.byte("core type")
        section.number("type index")
    elif kind in (1, 4, 5):  # function, component, instance
        section.number("type index")
    elif kind == 2:  # noqa: PLR2004 - a value, equal to another or of a type
        if section.byte("value bound"):
            section.skip_signed("value type")
        else:
            section.number("value index")
    elif kind == 3:  # noqa: PLR2004 - a type, equal to another or a fresh resource
        if not section.byte("type bound"):
            section.number("type index")
    else:
        raise section.error(f"unknown kind of type (got {kind}, want 0 to 5)")


def _skip_sort(section: _Cursor) -> None:
    if section.byte("sort") == 0:
        section.byte("core sort")
