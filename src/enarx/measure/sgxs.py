r"""MRENCLAVE of an enclave that is given as a stream of what is done to build it (SGXS).

Records of 64 bytes, numbers little-endian, in the order of the processor's instructions:

    "ECREATE\0"     SSAFRAMESIZE, pages, 4 | SIZE, bytes, 8 | zeros;  once, at first
    "EADD\0\0\0\0"  offset, 8 | SECINFO.FLAGS, 8 | zeros
    "EEXTEND\0"     offset, 8 | zeros;  then the 256 bytes there
    "UNMEASRD"      the same for bytes that are loaded and not measured

Pages come in ascending order and chunks inside the page before them, each once: an enclave has one
stream.  One that begins with "UNSIZED\0" has no size yet and is none.

Sources: fortanix/rust-sgx, intel-sgx/sgxs/src/sgxs.rs; Intel SDM, volume 3D, chapter 40.
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.measure.pages import PAGE_BYTES
from enarx.measure.sgx import CHUNK_BYTES, MrEnclave
from enarx.wire.reader import Reader

MAX_BYTES = 4 * 1024 * 1024 * 1024

_TAG_BYTES = 8
_CREATE = b"ECREATE\0"
_ADD = b"EADD\0\0\0\0"
_EXTEND = b"EEXTEND\0"
_UNMEASURED = b"UNMEASRD"


def mr_enclave(stream: bytes, where: str = "SGXS stream") -> bytes:
    """The register at EINIT, 32 bytes.

    Raises:
        MalformedError: it is no such stream.
    """
    if len(stream) > MAX_BYTES:
        raise MalformedError(where, f"got {len(stream)} bytes, want at most {MAX_BYTES}")
    reader = Reader(stream, where)
    if reader.take(_TAG_BYTES, "first record") != _CREATE:
        raise MalformedError(where, "want ECREATE as the first record, with the enclave's size")
    frame, size = reader.uint(4, "SSAFRAMESIZE"), reader.uint(8, "SIZE")
    reader.zeros(44, "ECREATE")
    if not frame or size < PAGE_BYTES or size & (size - 1):
        problem = f"got SSAFRAMESIZE {frame} and SIZE {size:#x}, want at least 1, and a power of 2"
        raise MalformedError(where, problem)
    return _Builder(MrEnclave(size, frame), size, reader).built()


class _Builder:
    """An enclave between ECREATE and EINIT."""

    def __init__(self, register: MrEnclave, size: int, reader: Reader) -> None:
        self._register, self._size, self._reader = register, size, reader
        self._page = -1
        self._chunks: set[int] = set()

    def built(self) -> bytes:
        """The register after all records."""
        while self._reader.left:
            at = self._reader.offset
            tag, offset = self._reader.take(_TAG_BYTES, "tag"), self._reader.uint(8, "offset")
            if tag == _ADD:
                self._add(offset, at)
            elif tag in (_EXTEND, _UNMEASURED):
                self._chunk(offset, at, is_measured=tag == _EXTEND)
            else:
                problem = f"got a record {tag!r}, want EADD, EEXTEND or UNMEASRD"
                raise self._malformed(problem, at)
        return self._register.value

    def _add(self, offset: int, at: int) -> None:
        flags = self._reader.uint(8, "SECINFO.FLAGS")
        self._reader.zeros(40, "EADD")
        if offset % PAGE_BYTES or not self._page < offset < self._size:
            problem = f"a page at {offset:#x}, want whole pages in ascending order in the enclave"
            raise self._malformed(problem, at)
        self._register.add(offset, flags)
        self._page = offset
        self._chunks.clear()

    def _chunk(self, offset: int, at: int, *, is_measured: bool) -> None:
        self._reader.zeros(48, "EEXTEND")
        data = self._reader.take(CHUNK_BYTES, "chunk")
        inside = 0 <= self._page <= offset < self._page + PAGE_BYTES
        if not inside or offset % CHUNK_BYTES or offset in self._chunks:
            problem = f"a chunk at {offset:#x}, want each of the page at {self._page:#x} once"
            raise self._malformed(problem, at)
        self._chunks.add(offset)
        if is_measured:
            self._register.chunk(offset, data)

    def _malformed(self, problem: str, at: int) -> MalformedError:
        return MalformedError(self._reader.where, problem, offset=at)
