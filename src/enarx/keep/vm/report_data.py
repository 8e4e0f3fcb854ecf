"""Which bytes a report was made for, read where each provider's format has them.

No more is read of a report here: what it is worth is for the verifier to find out.

Sources: AMD 56860 rev. 1.58, table 23 (REPORT_DATA at 0x50); Intel TDX DCAP Quoting Library API
1.22, appendix A.3 and A.4 (quote versions 4 and 5; REPORTDATA at 520 of every body of a TD).
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SIZE = 64
_SNP_OFFSET = 0x50
_TDX_OFFSET = 520  # in the body
_HEADER_BYTES = 48
_DESCRIPTOR_BYTES = 6  # type and size of the body, before it since version 5
_V4, _V5 = 4, 5


def report_data_of(provider: str, outblob: bytes) -> bytes:
    """The 64 bytes that the TEE was given, as *outblob* says.

    Raises:
        MalformedError: the provider is unknown, or *outblob* no beginning of its format.
    """
    if provider not in _READERS:
        known = " or ".join(_READERS)
        raise MalformedError("configfs-tsm: provider", f"got {provider[:40]!r}, want {known}")
    return _READERS[provider](Reader(outblob, "configfs-tsm: outblob"))


def technology_of(provider: str) -> str:
    """Whose evidence a known provider hands out, as evidence is named elsewhere."""
    return _TECHNOLOGIES[provider]


def _snp(reader: Reader) -> bytes:
    reader.take(_SNP_OFFSET, "fields before report_data")
    return reader.take(_SIZE, "report_data")


def _tdx(reader: Reader) -> bytes:
    version = reader.uint(2, "version")
    if version not in (_V4, _V5):
        raise MalformedError(f"{reader.where}.version", f"got {version}, want 4 or 5", offset=0)
    reader.take(_HEADER_BYTES - 2, "header")
    if version == _V5:
        reader.take(_DESCRIPTOR_BYTES, "body descriptor")
    reader.take(_TDX_OFFSET, "fields before report_data")
    return reader.take(_SIZE, "report_data")


_READERS: dict[str, Callable[[Reader], bytes]] = {"sev_guest": _snp, "tdx_guest": _tdx}
_TECHNOLOGIES = {"sev_guest": "snp", "tdx_guest": "tdx"}
