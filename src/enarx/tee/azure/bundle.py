"""Bundles of Azure confidential VMs: HCL report, vTPM quote, and the hardware's endorsement.

The forms that Trustee's attesters write (az-snp-vtpm, az-tdx-vtpm), strictly:

* version 0, without a number: byte strings are arrays of numbers;
  ``{"quote": {"signature", "message", "pcrs"}, "report", "vcek": PEM}`` of SNP,
  ``{"tpm_quote": {…}, "hcl_report", "td_quote"}`` of TDX;
* versions 1 and 2: the quote's parts are hexadecimal, the rest base64url;
  ``{"version", "tpm_quote": {…}, "hcl_report", "vcek": DER}`` and the same with ``"td_quote"``.
  In version 2 the guest had its nonce put into the HCL report's user data, too.

Any of them may stand in ``{"platform": "az-snp" | "az-tdx", "evidence": …}``.  base64url comes with
and without padding (Trustee writes it, attestation-rs does not); quotes of TDX with the zeros that
fill the guest's buffer.

Sources: confidential-containers/trustee, deps/verifier/src/az_snp_vtpm/compat.rs and az_tdx_vtpm;
confidential-dot-ai/attestation-rs; docs/design/adr/0020-further-evidence.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.azure import hcl, tpm
from enarx.wire import document, text
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.azure.hcl import Kind

WHERE = "Azure bundle"
MAX_BYTES = 1024 * 1024
"""Of a bundle; the largest recorded one has 36 KiB."""

USER_DATA_SINCE = 2
"""Version from which the HCL report's user data holds the nonce."""

PLATFORMS: Mapping[Kind, str] = {"snp": "az-snp", "tdx": "az-tdx"}

_MAX_PART = 64 * 1024
_VERSIONS = (1, 2)
_SIGNED_V4, _SIGNED_V5 = 632, 48
_V5 = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle in shape.

    Args:
        version: 0 to 2.
        report: the HCL report.
        quote: of the vTPM.
        certificate: the VCEK, DER; only with SNP.
        td_quote: without what fills the buffer; only with TDX.
    """

    version: int
    report: hcl.HclReport
    quote: tpm.TpmQuote
    certificate: bytes
    td_quote: bytes


def parse(data: bytes, kind: Kind) -> Bundle:
    """*data* as a bundle of a machine with that hardware.

    Raises:
        MalformedError: it is none, of other hardware, or a part of it is not of its form.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = document.load(data, WHERE)
    if "platform" in fields:
        fields.one_of("platform", (PLATFORMS[kind],))
        inner = fields.object("evidence")
        fields.done()
        fields = inner
    if "version" in fields:
        return _numbered(fields, kind)
    return _first(fields, kind)


def _first(fields: document.Fields, kind: Kind) -> Bundle:
    """Version 0."""
    names = ("quote", "report") if kind == "snp" else ("tpm_quote", "hcl_report")
    told = fields.object(names[0])
    pcrs = [
        _octets(values, f"{told.where}: pcrs[{i}]")
        for i, values in enumerate(told.array("pcrs", tpm.MAX_PCRS))
    ]
    message, signature = (
        _octets(told.take(name), f"{told.where}: {name}") for name in ("message", "signature")
    )
    told.done()
    report = hcl.parse(_octets(fields.take(names[1]), f"{WHERE}: {names[1]}"))
    certificate = _pem(fields.text("vcek")) if kind == "snp" else b""
    td_quote = _octets(fields.take("td_quote"), f"{WHERE}: td_quote") if kind == "tdx" else b""
    fields.done()
    quote = tpm.parse(message, signature, pcrs, f"{WHERE}: vTPM quote")
    return _whole(0, kind, report=report, quote=quote, certificate=certificate, td_quote=td_quote)


def _numbered(fields: document.Fields, kind: Kind) -> Bundle:
    """Versions 1 and 2."""
    version = fields.integer("version", *(_VERSIONS))
    told = fields.object("tpm_quote")
    pcrs = [
        text.hexadecimal(value, f"{told.where}: pcrs[{i}]")
        for i, value in enumerate(told.texts("pcrs", most=tpm.MAX_PCRS, longest=200))
    ]
    message, signature = (
        text.hexadecimal(told.text(name, most=4096), f"{told.where}: {name}")
        for name in ("message", "signature")
    )
    told.done()
    report = hcl.parse(_base64url(fields, "hcl_report"))
    certificate = _base64url(fields, "vcek") if kind == "snp" else b""
    td_quote = _base64url(fields, "td_quote") if kind == "tdx" else b""
    fields.done()
    quote = tpm.parse(message, signature, pcrs, f"{WHERE}: vTPM quote")
    return _whole(
        version, kind, report=report, quote=quote, certificate=certificate, td_quote=td_quote
    )


def _whole(
    version: int,
    kind: Kind,
    *,
    report: hcl.HclReport,
    quote: tpm.TpmQuote,
    certificate: bytes,
    td_quote: bytes,
) -> Bundle:
    if report.kind != kind:
        raise MalformedError(WHERE, f"an HCL report of {report.kind} in a bundle of {kind}")
    return Bundle(
        version=version,
        report=report,
        quote=quote,
        certificate=certificate,
        td_quote=_without_filling(td_quote) if kind == "tdx" else b"",
    )


def _octets(value: object, where: str) -> bytes:
    """An array of numbers as bytes."""
    if not isinstance(value, list) or len(value) > _MAX_PART:
        raise MalformedError(where, f"want an array of at most {_MAX_PART} numbers")
    for number in value:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 8:
            raise MalformedError(where, f"got {number!r:.40}, want numbers of 0 to 255")
    return bytes(value)


def _base64url(fields: document.Fields, key: str) -> bytes:
    """With the padding that its length demands, or without any."""
    where = f"{fields.where}: {key}"
    told = fields.text(key, most=2 * _MAX_PART)
    bare = told.rstrip("=")
    if bare != told and len(told) != len(bare) + -len(bare) % 4:
        raise MalformedError(where, "wrong padding")
    return text.base64url(bare, where)


def _pem(told: str) -> bytes:
    where = f"{WHERE}: vcek"
    try:
        blocks = text.pem_blocks(told.encode("ascii"), where, most=1)
    except UnicodeEncodeError as e:
        raise MalformedError(where, "not ASCII") from e
    if [label for label, _ in blocks] != ["CERTIFICATE"]:
        raise MalformedError(where, "want one PEM block, a certificate")
    return blocks[0][1]


def _without_filling(quote: bytes) -> bytes:
    """The quote by its own length (Intel, DCAP quoting library API, A.3 and A.4), then zeros."""
    reader = Reader(quote, f"{WHERE}: td_quote")
    version = reader.uint(2, "version")
    if version == _V5:
        reader.take(_SIGNED_V5, "header and body type")
        reader.sized(4, "body", most=_MAX_PART)
    else:
        reader.take(_SIGNED_V4 - 2, "header and body")
    reader.sized(4, "signature", most=_MAX_PART)
    end = reader.offset
    reader.zeros(reader.left, "end")
    return Reader(quote, reader.where).take(end, "quote")
