"""Proves that AWS's hypervisor made a document.

Steps (AWS, aws-nitro-enclaves-nsm-api, docs/attestation_process.md, section 3.2.3):

1. The path from the document's certificate to AWS's pinned key, valid at the given instant; nothing
   on it is revoked.  The certificate lives for three hours.
2. That certificate is for signatures, and was valid when the document says that it was made.
3. Its key made the signature over the payload as it arrived.

Not decided here: whether the registers, the nonce and the user data are the wanted ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from enarx.errors import Failure, UnauthenticError
from enarx.tee.anchors import of_vendor
from enarx.tee.chain import Path, check_revocation, find_path, name_of
from enarx.tee.claims import Authentic, Claims, Revocation, Tcb
from enarx.tee.nitro.document import WHERE
from enarx.tee.x509 import (
    common_name,
    key_of,
    load_certificate,
    signs_lists,
    usable_certificates,
    usable_crls,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.nitro.document import NitroEvidence

_IDENTIFYING = (0, 1, 2, 3, 4, 8)
"""Image, kernel and boot, application; role, instance and signer of the image."""
_TPM_IDENTIFYING = (4, 7, 12)
"""Boot manager, secure boot policy, command line: those by which AWS tells an attestable image."""


def authenticate(
    evidence: NitroEvidence,
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """The claims of a document, proven as of *now*.

    The caller must still check the registers, and nonce or user data for freshness.

    Raises:
        UnauthenticError: a step fails.
        MalformedError: what the document calls a certificate is none.
    """
    leaf = load_certificate(evidence.certificate, f"{WHERE}: certificate")
    bundle = tuple(
        load_certificate(item, f"{WHERE}: cabundle[{i}]")
        for i, item in enumerate(evidence.cabundle)
    )
    pool = (*bundle, *usable_certificates(endorsements.certificates))
    path = _path(evidence, leaf, pool, of_vendor(anchors, "aws"), now)
    crls = tuple(usable_crls(endorsements.crls))
    unlisted = {common_name(c.subject) for c in path.certificates[1:] if not signs_lists(c)}
    revocation, lists = check_revocation(path, crls, now, unlisted=unlisted)
    _check_leaf(evidence, path)
    if not evidence.message.is_signed_by(key_of(leaf, f"{WHERE}: certificate")):
        want, got = f"a signature of {name_of(leaf)}", "a signature of another key or payload"
        raise UnauthenticError("document signature", Failure("signature", want=want, got=got))
    ends = (path.not_after, *(crl.next_update_utc for crl in lists))
    return Authentic(
        claims=_claims(evidence, path, revocation),
        evidence=evidence.raw,
        chain=path.links(),
        anchor=path.anchor.name,
        collateral_issued=min((crl.last_update_utc for crl in lists), default=None),
        not_after=min(end for end in ends if end is not None),
        verified_at=now,
    )


def _path(
    evidence: NitroEvidence,
    leaf: x509.Certificate,
    pool: tuple[x509.Certificate, ...],
    trusted: tuple[TrustAnchor, ...],
    now: datetime,
) -> Path:
    """The path; a failure says when the document was made, since it is only valid for hours."""
    try:
        return find_path(leaf, pool, trusted, now)
    except UnauthenticError as e:
        if e.step != "certificate validity":
            raise
        hint = f"a Nitro document is valid for 3 hours: verify it --at {_instant(evidence.created)}"
        raise UnauthenticError(e.step, *e.failures, hints=(hint,)) from e


def _check_leaf(evidence: NitroEvidence, path: Path) -> None:
    leaf = path.leaf
    failures = []
    if not _is_for_signatures(leaf):
        want, got = "an end-entity certificate for signatures", "another use"
        failures.append(Failure(name_of(leaf), want=want, got=got))
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    made = evidence.created.replace(microsecond=0)
    if not begin <= made <= end:
        want = f"within the validity of its certificate, {_instant(begin)} to {_instant(end)}"
        failures.append(Failure("nitro.timestamp", want=want, got=_instant(made)))
    if failures:
        raise UnauthenticError("certificate of the document", *failures)


def _is_for_signatures(leaf: x509.Certificate) -> bool:
    usages = [e.value for e in leaf.extensions if isinstance(e.value, x509.KeyUsage)]
    basics = [e.value for e in leaf.extensions if isinstance(e.value, x509.BasicConstraints)]
    return all(u.digital_signature for u in usages) and not any(b.ca for b in basics)


def _claims(evidence: NitroEvidence, path: Path, revocation: Revocation) -> Claims:
    # AWS leaves the registers of an enclave in debug mode at zero; unmeasured counts as debug
    debug = not evidence.pcrs.get(0, b"").strip(b"\0")
    return Claims(
        platform="nitro",
        simulated=path.anchor.simulated,
        measurements=_measurements(evidence),
        report_data=evidence.user_data,
        debug=debug,
        migratable=None,
        smt=None,
        instance=evidence.module_id.encode(),
        tcb=Tcb(components={}),
        revocation=revocation,
        fields={**evidence.fields(), "nitro.debug": debug},
    )


def _measurements(evidence: NitroEvidence) -> Mapping[str, bytes]:
    wanted = _TPM_IDENTIFYING if evidence.is_tpm else _IDENTIFYING
    name = "nitrotpm_pcr" if evidence.is_tpm else "pcr"
    return {f"{name}{i}": evidence.pcrs[i] for i in wanted if i in evidence.pcrs}


def _instant(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
