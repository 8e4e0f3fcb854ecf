"""Give up root's powers: a keep that root started can do no more than one that a user started.

Mounted folders are the exception.  Whoever mounts a folder as root means to reach the files in
it, whoever owns them; Landlock keeps the exception inside the folder.

Source: Linux, include/uapi/linux/capability.h; capabilities(7), capset(2).
"""

from __future__ import annotations

import ctypes
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION_3 = 0x2008_0522
_header = struct.Struct("=Ii")  # version, process (0: this one)
_data = struct.Struct("=6I")  # effective, permitted, inheritable; then their upper halves

# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
_FILES = 1 << 1 | 1 << 2 | 1 << 3


def drop(*, mounts: bool) -> Sequence[str]:
    """Keep no capability, or with *mounts* those over files that this process has.

    Returns:
        What was applied, one line.

    Raises:
        OSError: the kernel refused.
    """
    library = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(_header.pack(_VERSION_3, 0))
    data = ctypes.create_string_buffer(_data.size)
    _insist(library.capget(header, data), "capget")
    permitted = _data.unpack(data.raw[: _data.size])[1]
    kept = permitted & _FILES if mounts else 0
    wanted = ctypes.create_string_buffer(_data.pack(kept, kept, 0, 0, 0, 0))
    _insist(library.capset(header, wanted), "capset")
    return ["capabilities: " + ("those over files in mounted folders" if kept else "none")]


def _insist(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")
