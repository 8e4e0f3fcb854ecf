"""What Linux's configfs-tsm hands out: outblob, auxblob and the provider's name.

Sources: Linux 6.7 and later, Documentation/ABI/testing/configfs-tsm-report; veraison's TSM reports
(IANA media types application/vnd.veraison.tsm-report+cbor and +json).
"""

from __future__ import annotations

from collections.abc import Mapping

from enarx.errors import MalformedError
from enarx.evidence.opened import NONE, Content, Piece
from enarx.tee.snp.certificate_table import endorsements_in, parse_table
from enarx.wire import cbor, document, text

PROVIDERS: Mapping[str, str] = {"arm_cca_guest": "cca", "sev_guest": "snp", "tdx_guest": "tdx"}
"""Names of Linux's drivers, and the technology whose evidence each hands out."""

OUTBLOB, AUXBLOB, PROVIDER = "outblob", "auxblob", "provider"

MAX_BLOB_BYTES = 1 << 20
"""Of one attribute; Linux hands out 32 KiB at most (TSM_OUTBLOB_MAX), later kernels 16 MiB."""


def from_tsm(outblob: bytes, auxblob: bytes, provider: str, where: str) -> Content:
    """The evidence of one report of configfs-tsm.

    Args:
        outblob: the evidence.
        auxblob: AMD's certificate table; empty where there is none.
        provider: the name of the driver, without a line break.

    Raises:
        MalformedError: an unknown provider, no evidence, or auxiliary data that is not a table.
    """
    if provider not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise MalformedError(f"{where}: {PROVIDER}", f"got {provider[:40]!r}, want one of {known}")
    if not outblob:
        hint = "write at most 64 bytes to inblob first, then read outblob"
        raise MalformedError(f"{where}: {OUTBLOB}", "is empty", hints=(hint,))
    endorsements = NONE
    if auxblob.strip(b"\0"):
        if provider != "sev_guest":
            problem = f"got {len(auxblob)} bytes, want none from {provider}"
            raise MalformedError(f"{where}: {AUXBLOB}", problem)
        place = f"{where}: {AUXBLOB}"
        endorsements = endorsements_in(parse_table(auxblob, place), place)
    return Content(
        evidence=(Piece(data=outblob, technology=PROVIDERS[provider]),),
        endorsements=endorsements,
        containers=("configfs-tsm report",),
    )


def is_report(value: object) -> bool:
    """Whether a decoded JSON or CBOR value is such a report, rather than a wrapper."""
    return isinstance(value, Mapping) and OUTBLOB in value


def from_json(data: bytes, where: str) -> Content:
    """The evidence of a TSM report in JSON, its blobs in base64.

    Raises:
        MalformedError: it is not one.
    """
    fields = document.load(data, where)
    blobs = {
        name: text.base64(fields.text(name), f"{where}: {name}")
        for name in (OUTBLOB, AUXBLOB)
        if name in fields
    }
    provider = fields.text(PROVIDER, most=64)
    fields.done()
    if OUTBLOB not in blobs:
        raise MalformedError(where, f"key {OUTBLOB!r} is missing")
    return from_tsm(blobs[OUTBLOB], blobs.get(AUXBLOB, b""), provider, where)


def from_cbor(data: bytes, where: str) -> Content:
    """The evidence of a TSM report in CBOR, its blobs as byte strings.

    Raises:
        MalformedError: it is not one.
    """
    found = cbor.decode(data, where)
    if not isinstance(found, Mapping):
        raise MalformedError(where, f"got {type(found).__name__}, want a map")
    outblob, auxblob = found.get(OUTBLOB), found.get(AUXBLOB, b"")
    provider = found.get(PROVIDER)
    for key in found:
        if key not in (OUTBLOB, AUXBLOB, PROVIDER):
            raise MalformedError(where, f"unknown key {str(key)[:40]!r}")
    if not isinstance(outblob, bytes) or not isinstance(auxblob, bytes):
        raise MalformedError(where, f"want {OUTBLOB} and {AUXBLOB} as byte strings")
    if not isinstance(provider, str):
        raise MalformedError(where, f"want {PROVIDER} as text")
    return from_tsm(outblob, auxblob, provider, where)
