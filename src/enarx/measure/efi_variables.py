"""The variables that a UEFI firmware is delivered with, such as the keys of Secure Boot.

They lie in its configuration volume: a volume's header, a store's header, then the variables one
behind another, each aligned to 4 bytes, up to bytes that were never written (0xFF).

    volume    zeros, 16 | GUID, 16 | length, 8 | "_FVH" | attributes, 4 | size of this header, 2 | …
    store     GUID, 16 | size, 4 | format 0x5A, 1 | state, 1 | reserved, 6
    variable  0x55AA, 2 | state, 1 | reserved, 1 | attributes, 4 | count, 8 | time, 16 | key, 4
              size of the name, 4 | size of the data, 4 | GUID, 16;  then the name, then the data

numbers little-endian.

Sources: UEFI PI specification 1.8, volume 3, section 3.2.1 (volumes); EDK II,
MdeModulePkg/Include/Guid/VariableFormat.h (``AUTHENTICATED_VARIABLE_HEADER``).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

GLOBAL = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
PLATFORM_KEY = "PK"

_VOLUME_SIGNATURE = b"_FVH"
_STORE = UUID("aaf32c78-947b-439a-a180-2e144ec37792")
_FORMATTED = 0x5A
_START = 0x55AA
_ALIVE = (0x3F, 0x3E)  # added; added, and about to be deleted
_ALIGNMENT = 4
_MAX_NAME_BYTES = 1024


def variables(volume: bytes, where: str = "firmware") -> Mapping[tuple[UUID, str], bytes]:
    """The variables in *volume* that are not deleted, by their owner and name.

    Raises:
        MalformedError: it is no such volume, or damaged.
    """
    where = f"{where}: variables"
    reader = Reader(volume, where)
    reader.take(40, "volume")
    if reader.take(4, "signature") != _VOLUME_SIGNATURE:
        raise MalformedError(where, "is no firmware volume")
    reader.take(4, "attributes")
    reader.take(reader.uint(2, "length of the header") - reader.offset, "header")
    store, size = UUID(bytes_le=reader.take(16, "store")), reader.uint(4, "size of the store")
    form = reader.uint(1, "format")
    if store != _STORE or form != _FORMATTED:
        raise MalformedError(where, f"got the store {store}, format {form:#x}, want {_STORE}")
    reader.take(7, "reserved")
    inside = Reader(reader.take(size - 28, "store"), where)
    found: dict[tuple[UUID, str], bytes] = {}
    while inside.left >= _ALIGNMENT and inside.uint(2, "start") == _START:
        key, data, is_alive = _variable(inside)
        if is_alive:
            found[key] = data
    return MappingProxyType(found)


def _variable(reader: Reader) -> tuple[tuple[UUID, str], bytes, bool]:
    at = reader.offset
    state = reader.uint(1, "state")
    reader.take(33, "header")
    name_size, size = reader.uint(4, "size of the name"), reader.uint(4, "size of the data")
    owner = UUID(bytes_le=reader.take(16, "owner"))
    if name_size > _MAX_NAME_BYTES:
        problem = f"a name of {name_size} bytes, want at most {_MAX_NAME_BYTES}"
        raise MalformedError(reader.where, problem, offset=at)
    name = reader.take(name_size, "name").decode("utf-16-le", "replace").rstrip("\0")
    data = reader.take(size, "data")
    reader.take(min(-reader.offset % _ALIGNMENT, reader.left), "alignment")
    return (owner, name), data, state in _ALIVE
