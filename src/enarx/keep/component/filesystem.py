"""``wasi:filesystem``: its types and tables; ``files`` answers.

Source: wasi:filesystem 0.2.12, types.wit and preopens.wit.
"""

from __future__ import annotations

from enarx.keep.component.clocks import DATETIME
from enarx.keep.component.error_code import FILESYSTEM
from enarx.keep.component.files import TYPES, Descriptor, DirectoryEntries, Opened
from enarx.keep.component.interface import Interface, func
from enarx.keep.component.streams import InputStream, IoError, OutputStream
from enarx.keep.component.types import (
    BOOL,
    BYTES,
    FLAGS,
    STRING,
    U64,
    Borrow,
    Enum,
    List,
    Option,
    Own,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
)
from enarx.keep.wasi.directories import DirectoryDescriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System
    from enarx.keep.vfs.node import Directory


class _Types:
    def __init__(self, _system: System) -> None:
        pass

    def filesystem_error_code(self, error: IoError) -> str | None:
        return FILESYSTEM.of(error.error)


class _Preopens:
    def __init__(self, system: System) -> None:
        self._system = system

    def get_directories(self) -> list[tuple[Descriptor, str]]:
        """Every tree may be changed as far as the descriptor knows; a read-only one refuses."""
        return [
            (self._open(directory, path), path.decode())
            for path, directory in self._system.preopens
        ]

    def _open(self, directory: Directory, path: bytes) -> Descriptor:
        number = self._system.descriptors.insert(DirectoryDescriptor.preopened(directory, path))
        return Descriptor(Opened(self._system, number), frozenset({"read", "mutate-directory"}))


_DESCRIPTOR_TYPE = Enum(" ".join((*TYPES.values(), "fifo")))
_ADVICE = Enum("normal sequential random will-need dont-need no-reuse")
_NEW_TIMESTAMP = Variant(no_change=None, now=None, timestamp=DATETIME)
_STAT = Record(
    type=_DESCRIPTOR_TYPE,
    link_count=U64,
    size=U64,
    data_access_timestamp=Option(DATETIME),
    data_modification_timestamp=Option(DATETIME),
    status_change_timestamp=Option(DATETIME),
)
_HASH = Record(lower=U64, upper=U64)
_ENTRY = Record(type=_DESCRIPTOR_TYPE, name=STRING)
_OTHER = Borrow(Descriptor)


def _or_error(ok: Type | None = None) -> Result:
    return Result(ok, FILESYSTEM)


INTERFACES = (
    Interface(
        "wasi:filesystem/types",
        _Types,
        functions={"filesystem-error-code": func(Borrow(IoError), returns=Option(FILESYSTEM))},
        methods={
            Descriptor: {
                "read-via-stream": func(U64, returns=_or_error(Own(InputStream))),
                "write-via-stream": func(U64, returns=_or_error(Own(OutputStream))),
                "append-via-stream": func(returns=_or_error(Own(OutputStream))),
                "advise": func(U64, U64, _ADVICE, returns=_or_error()),
                "sync-data": func(returns=_or_error()),
                "get-flags": func(returns=_or_error(FLAGS)),
                "get-type": func(returns=_or_error(_DESCRIPTOR_TYPE)),
                "set-size": func(U64, returns=_or_error()),
                "set-times": func(_NEW_TIMESTAMP, _NEW_TIMESTAMP, returns=_or_error()),
                "read": func(U64, U64, returns=_or_error(Tuple(BYTES, BOOL))),
                "write": func(BYTES, U64, returns=_or_error(U64)),
                "read-directory": func(returns=_or_error(Own(DirectoryEntries))),
                "sync": func(returns=_or_error()),
                "create-directory-at": func(STRING, returns=_or_error()),
                "stat": func(returns=_or_error(_STAT)),
                "stat-at": func(FLAGS, STRING, returns=_or_error(_STAT)),
                "set-times-at": func(
                    FLAGS, STRING, _NEW_TIMESTAMP, _NEW_TIMESTAMP, returns=_or_error()
                ),
                "link-at": func(FLAGS, STRING, _OTHER, STRING, returns=_or_error()),
                "open-at": func(FLAGS, STRING, FLAGS, FLAGS, returns=_or_error(Own(Descriptor))),
                "readlink-at": func(STRING, returns=_or_error(STRING)),
                "remove-directory-at": func(STRING, returns=_or_error()),
                "rename-at": func(STRING, _OTHER, STRING, returns=_or_error()),
                "symlink-at": func(STRING, STRING, returns=_or_error()),
                "unlink-file-at": func(STRING, returns=_or_error()),
                "is-same-object": func(_OTHER, returns=BOOL),
                "metadata-hash": func(returns=_or_error(_HASH)),
                "metadata-hash-at": func(FLAGS, STRING, returns=_or_error(_HASH)),
            },
            DirectoryEntries: {"read-directory-entry": func(returns=_or_error(Option(_ENTRY)))},
        },
    ),
    Interface(
        "wasi:filesystem/preopens",
        _Preopens,
        functions={"get-directories": func(returns=List(Tuple(Own(Descriptor), STRING)))},
    ),
)
