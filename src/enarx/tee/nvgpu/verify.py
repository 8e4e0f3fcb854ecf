"""Proves that NVIDIA's devices made a report: signature, certificate, firmware, one nonce.

Steps, for each device:

1. A certificate's key made the signature over the transcript as it arrived.
2. That certificate may sign, and its path ends in NVIDIA's pinned key; nothing on it is revoked.
3. The firmware that the report names is the one that the certificate was made for.
4. All devices of one list answered the same nonce, and are of the architecture that it says.

Not decided here: whether the measurements are NVIDIA's.  They are signed in reference manifests
(RIM, SWID in XML) which this program does not read; without them it is unknown whether a device is
in debug mode, so it counts as being.

Source: NVIDIA, nvtrust, cc_admin_utils.py; attestation-sdk, gpu/evidence.cpp.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.anchors import of_vendor
from enarx.tee.chain import Path, check_revocation, find_path, name_of
from enarx.tee.claims import Authentic, Claims, ClaimValue, Revocation, Tcb
from enarx.tee.ecdsa import is_signed
from enarx.tee.nvgpu.device import FWID
from enarx.tee.nvgpu.evidence import ARCHITECTURES
from enarx.tee.nvgpu.identity import device_name, firmware
from enarx.tee.x509 import (
    Certificate,
    Crl,
    common_name,
    key_of,
    load_certificate,
    signs_lists,
    subject_public_key_info,
    usable_certificates,
    usable_crls,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.nvgpu.evidence import Device, NvgpuEvidence

OCSP_UNCHECKED = "NVIDIA OCSP: only asked online, a certificate on hold is not seen"
DEBUG_UNKNOWN = "unknown without NVIDIA's reference measurements; counts as on"

_MOST_SIGNERS = 64
"""Certificates of one bag whose keys are tried for a device, each in 0.4 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proven:
    """One device's proof."""

    path: Path
    revocation: Revocation
    lists: tuple[Crl, ...]
    name: str
    chip: str


def authenticate(
    evidence: NvgpuEvidence,
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """The claims of every device in *evidence*, proven as of *now*.

    The caller must still check the nonce (``report_data``) and the measurements.

    Raises:
        UnauthenticError: a step fails for a device; the first one counts.
        MalformedError: a certificate that came with the evidence is not one.
    """
    trusted = of_vendor(anchors, "nvidia")
    given = tuple(usable_certificates(endorsements.certificates))
    signers = tuple(c for c in given if _may_sign(c))[:_MOST_SIGNERS]
    crls = tuple(usable_crls(endorsements.crls))
    _same_nonce(evidence.devices)
    proven = tuple(
        _prove(number, device, given=given, signers=signers, crls=crls, trusted=trusted, now=now)
        for number, device in enumerate(evidence.devices)
    )
    paths = tuple(one.path for one in proven)
    lists = tuple(crl for one in proven for crl in one.lists)
    ends = (*(p.not_after for p in paths), *(c.next_update_utc for c in lists))
    links = tuple(link for path in paths for link in path.links())
    return Authentic(
        claims=_claims(evidence, proven),
        evidence=evidence.raw,
        chain=tuple(dict.fromkeys(reversed(links)))[::-1],
        anchor=", ".join(dict.fromkeys(path.anchor.name for path in paths)),
        collateral_issued=min((crl.last_update_utc for crl in lists), default=None),
        not_after=min(end for end in ends if end is not None),
        verified_at=now,
    )


def _same_nonce(devices: Sequence[Device]) -> None:
    first = devices[0].transcript.nonce
    failures = [
        Failure(f"device {number}: nonce", want=first.hex(), got=device.transcript.nonce.hex())
        for number, device in enumerate(devices)
        if device.transcript.nonce != first
    ]
    if failures:
        raise UnauthenticError("one nonce for all devices", *failures)


def _prove(
    number: int,
    device: Device,
    *,
    given: tuple[Certificate, ...],
    signers: tuple[Certificate, ...],
    crls: tuple[Crl, ...],
    trusted: tuple[TrustAnchor, ...],
    now: datetime,
) -> _Proven:
    where = f"device {number}"
    own = tuple(load_certificate(c, f"{where}: certificate") for c in device.certificates)
    pool = (*own, *given)
    leaf = _signer(device, (*filter(_may_sign, own), *signers), where)
    path = find_path(leaf, pool, trusted, now)
    revocation, lists = check_revocation(path, crls, now, unlisted=_without_lists(path))
    _check_firmware(device, leaf, where)
    chip = _check_architecture(device, path, where)
    return _Proven(path=path, revocation=revocation, lists=lists, name=device_name(leaf), chip=chip)


def _signer(device: Device, candidates: Sequence[Certificate], where: str) -> Certificate:
    """The certificate whose key signed the transcript."""
    transcript = device.transcript
    for certificate in candidates:
        key = certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and is_signed(
            transcript.signed, transcript.signature, key, hashes.SHA384()
        ):
            return certificate
    if candidates:
        names = " or ".join(dict.fromkeys(name_of(c) for c in candidates[:3]))
        got, hint = "a signature of another key, or of other bytes", ""
    else:
        names, got = "the certificate of an attestation key", "none"
        hint = "give the chain that came with the report (PEM) as endorsements"
    failure = Failure(f"{where}: report signature", want=f"made by {names}", got=got, hint=hint)
    raise UnauthenticError("report signature", failure)


def _may_sign(certificate: Certificate) -> bool:
    """Whether it is of an attestation key: P-384, for signatures, and no authority's."""
    with suppress(MalformedError):
        key = key_of(certificate, "certificate")
        for found in certificate.extensions:
            if isinstance(found.value, x509.BasicConstraints) and found.value.ca:
                return False
            if isinstance(found.value, x509.KeyUsage) and not found.value.digital_signature:
                return False
        return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp384r1"
    return False


def _without_lists(path: Path) -> frozenset[str]:
    """The authorities that sign no lists: the device itself, which certifies its firmware's key."""
    return frozenset(common_name(c.subject) for c in path.certificates[1:] if not signs_lists(c))


def _check_firmware(device: Device, leaf: Certificate, where: str) -> None:
    named = device.transcript.opaque.get(FWID)
    if named is not None and (made_for := firmware(leaf)) != named:
        want = made_for.hex() or "a certificate that names a firmware"
        failure = Failure(f"{where}: fwid", want=want, got=named.hex())
        raise UnauthenticError("firmware of the attestation key", failure)


def _check_architecture(device: Device, path: Path, where: str) -> str:
    """The chip's name in its certificates, which must fit what the list calls it."""
    chip = path.anchor.vendors_name(name_of(path.leaf)).partition(" ")[0]
    if device.arch and not chip.startswith(ARCHITECTURES[device.arch]):
        want = f"a chip {ARCHITECTURES[device.arch]}… for {device.arch}"
        raise UnauthenticError("architecture", Failure(f"{where}: arch", want=want, got=chip))
    return chip


def _claims(evidence: NvgpuEvidence, proven: tuple[_Proven, ...]) -> Claims:
    measurements = {
        f"device{number}.measurement_{found.index}": found.value
        for number, device in enumerate(evidence.devices)
        for found in device.transcript.measurements.values()
    }
    unchecked = tuple(u for one in proven for u in one.revocation.unchecked)
    lists = tuple(name for one in proven for name in one.revocation.lists)
    return Claims(
        platform="nvgpu",
        simulated=any(one.path.anchor.simulated for one in proven),
        measurements=measurements,
        report_data=evidence.devices[0].transcript.nonce,
        debug=True,
        migratable=None,
        smt=None,
        instance=",".join(one.name for one in proven if one.name).encode(),
        tcb=Tcb(components={}),
        revocation=Revocation(
            unchecked=tuple(dict.fromkeys((*unchecked, OCSP_UNCHECKED))),
            lists=tuple(dict.fromkeys(lists)),
        ),
        fields=_fields(evidence, proven),
    )


def _fields(evidence: NvgpuEvidence, proven: tuple[_Proven, ...]) -> Mapping[str, ClaimValue]:
    derived: dict[str, ClaimValue] = {
        "nvgpu.debug": DEBUG_UNKNOWN,
        "nvgpu.distinct_devices": len({subject_public_key_info(one.path.leaf) for one in proven}),
    }
    for number, one in enumerate(proven):
        derived[f"nvgpu.device{number}.chip"] = one.chip
        derived[f"nvgpu.device{number}.name"] = one.name
    return {**evidence.fields(), **derived}
