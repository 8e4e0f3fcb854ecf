"""What the certificate of a device's attestation key says of the device.

Sources: TCG DICE Attestation Architecture r22, section 6.1 (TcbInfo, FWID); NVIDIA, nvtrust,
cc_admin_utils.py and attestation-sdk, nv_x509.cpp (which identifier holds which structure);
DMTF DSP0274 1.1.0, table 33 (id-DMTF-device-info).
"""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier  # noqa: TC002 - @sequence reads annotations

from enarx.errors import MalformedError
from enarx.tee.x509 import Certificate, extension
from enarx.wire import der

_COMPOSITE_DEVICE_ID, _TCB_INFO = "2.23.133.5.4.1", "2.23.133.5.4.1.1"
_DEVICE_INFO = "1.3.6.1.4.1.412.274.1"


@asn1.sequence
class _Fwid:
    hash_algorithm: ObjectIdentifier
    digest: bytes


@asn1.sequence
class _CompositeDeviceId:
    version: int
    device_id: asn1.TLV
    fwid: _Fwid


@asn1.sequence
class _TcbInfo:
    vendor: Annotated[str | None, asn1.Implicit(0)]
    model: Annotated[str | None, asn1.Implicit(1)]
    version: Annotated[str | None, asn1.Implicit(2)]
    svn: Annotated[int | None, asn1.Implicit(3)]
    layer: Annotated[int | None, asn1.Implicit(4)]
    index: Annotated[int | None, asn1.Implicit(5)]
    fwids: Annotated[list[_Fwid] | None, asn1.Implicit(6)]
    flags: Annotated[asn1.BitString | None, asn1.Implicit(7)]
    vendor_info: Annotated[bytes | None, asn1.Implicit(8)]
    type: Annotated[bytes | None, asn1.Implicit(9)]


def firmware(certificate: Certificate) -> bytes:
    """The firmware's digest that the certificate was made for; empty if it names none.

    Of several in a TcbInfo it is the first, as in NVIDIA's verifier.

    Raises:
        MalformedError: the extension is not of its form.
    """
    if (found := extension(certificate, _TCB_INFO)) is not None:
        info = der.decode(_TcbInfo, found, "TcbInfo")
        return info.fwids[0].digest if info.fwids else b""
    if (found := extension(certificate, _COMPOSITE_DEVICE_ID)) is not None:
        return der.decode(_CompositeDeviceId, found, "CompositeDeviceID").fwid.digest
    return b""


def device_name(certificate: Certificate) -> str:
    """The device's name, ``manufacturer:product:serial``; empty if the certificate has none.

    Raises:
        MalformedError: the name is not of its form.
    """
    for found in certificate.extensions:
        if isinstance(found.value, x509.SubjectAlternativeName):
            for name in found.value.get_values_for_type(x509.OtherName):
                if name.type_id.dotted_string == _DEVICE_INFO:
                    return _text(name.value)
    return ""


def _text(value: bytes) -> str:
    found = der.decode(str, value, "device name")
    if not found.isprintable():
        raise MalformedError("device name", "not printable")
    return found
