"""Why dcap-qvl can answer otherwise than we do: every reason that there is, as a predicate.

Each is narrow: it looks at what we found, at what dcap-qvl says, and where that is possible at what
dcap-qvl says once the difference is taken away.  None covers a quote that dcap-qvl refuses for a
signature or a binding and we accept, or the other way round.

"Refuses" and "accepts" are about authenticity with us, which leaves dates of lists, debugging and
status to policy (``enarx.appraisal``); dcap-qvl has some of that built in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.tee.dcap.second_opinion.opinions import theirs
from tests.tee.dcap.second_opinion.rearranged import rearranged

from enarx.errors import MalformedError
from enarx.tee.dcap.collateral import parse_qe_identity, parse_tcb_info
from enarx.tee.dcap.pck import pck_identity
from enarx.tee.dcap.proof import find_pck
from enarx.tee.dcap.quote import parse_quote
from enarx.tee.dcap.status import NOT_SUPPORTED

if TYPE_CHECKING:
    from tests.tee.dcap.second_opinion.opinions import Case, Opinion

    from enarx.tee.claims import Claims

Holds = Callable[["Case", "Opinion", "Opinion"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A reason.

    Args:
        why: in words, with who follows which rule.
    """

    name: str
    why: str
    holds: Holds


def agree(mine: Opinion, other: Opinion) -> bool:
    """Whether both refuse, or both accept with the same facts and advisories."""
    return mine.facts == other.facts and mine.advisories == other.advisories


def explained(case: Case, mine: Opinion, other: Opinion) -> Disagreement | None:
    """The reason why the two do not agree; None if it is none of those that we know."""
    return next((one for one in REASONS if one.holds(case, mine, other)), None)


def only_we_refuse(*words: str) -> Holds:
    """We refuse in one of these words, they accept."""

    def holds(_: Case, mine: Opinion, other: Opinion) -> bool:
        return other.accepted and any(one in mine.refusal for one in words)

    return holds


def only_they_refuse(words: tuple[str, ...], fact: Callable[[Claims], bool]) -> Holds:
    """They refuse in some of *words*, and our claims say the *fact* that these are about."""

    def holds(_: Case, mine: Opinion, other: Opinion) -> bool:
        said = any(one in other.refusal for one in words)
        return mine.claims is not None and said and fact(mine.claims)

    return holds


def _has_attribute(*bits: int) -> Callable[[Claims], bool]:
    """One of these bits of the trust domain's attributes is set."""

    def fact(claims: Claims) -> bool:
        octets = claims.fields["tdx.quote.body.td_attributes"]
        assert isinstance(octets, bytes)
        return any(int.from_bytes(octets, "little") >> bit & 1 for bit in bits)

    return fact


def _is_revoked(claims: Claims) -> bool:
    """The TCB is revoked, at the launch or (with a TD report 1.5) now."""
    return "Revoked" in {claims.tcb.status, claims.fields.get("tdx.current_tcb_status")}


def _is_malformed(case: Case, mine: Opinion, other: Opinion) -> bool:
    """We refuse signed JSON whose shape is not that of its version."""
    found = case.collateral
    return (
        "endorsements" in mine.refusal
        and other.accepted
        and not (
            is_well_formed(parse_tcb_info, found.tcb_info.answer("tcbInfo"))
            and is_well_formed(parse_qe_identity, found.qe_identity.answer("enclaveIdentity"))
        )
    )


def is_well_formed(parse: Callable[[bytes], object], data: bytes) -> bool:
    """Whether *parse* takes *data*."""
    try:
        parse(data)
    except MalformedError:
        return False
    return True


def _is_put_right_by(change: Callable[[Case], Case | None]) -> Holds:
    """Once the *change* is made, nothing is left between us but other reasons."""

    def holds(case: Case, mine: Opinion, _: Opinion) -> bool:
        changed = change(case) if mine.accepted else None
        if changed is None:
            return False
        then = theirs(changed)
        others = (one for one in REASONS if one.holds is not holds)
        return agree(mine, then) or any(one.holds(changed, mine, then) for one in others)

    return holds


def _with_levels_in_order(case: Case) -> Case | None:
    """*case* with the levels of quoting enclave and modules highest first; None if they are."""
    bodies = (case.collateral.tcb_info.body, case.collateral.qe_identity.body)
    ordered = tuple(map(levels_in_order, bodies))
    if case.sign is None or ordered == bodies:
        return None
    tcb_info, identity = map(case.sign, ordered)
    return replace(
        case, collateral=replace(case.collateral, tcb_info=tcb_info, qe_identity=identity)
    )


def levels_in_order(body: bytes) -> bytes:
    """JSON in which levels of one number are sorted by it, highest first; the same if they are."""
    value = json.loads(body)
    lists = [one["tcbLevels"] for one in (value, *value.get("tdxModuleIdentities", ()))]
    changed = False
    for levels in lists:
        if all("isvsvn" in level["tcb"] for level in levels):
            ordered = sorted(levels, key=lambda level: level["tcb"]["isvsvn"], reverse=True)
            changed |= ordered != levels
            levels[:] = ordered
    return json.dumps(value, separators=(",", ":")).encode() if changed else body


def _is_outside_of_the_mask(case: Case, mine: Opinion, other: Opinion) -> bool:
    """We refuse the quoting enclave, for bits of the identity that its own mask leaves out."""
    if "not authentic: QE identity" not in mine.refusal or not other.accepted:
        return False
    identity = parse_qe_identity(case.collateral.qe_identity.answer("enclaveIdentity"))
    pairs = (
        (identity.misc_select, identity.misc_select_mask),
        (identity.attributes, identity.attributes_mask),
    )
    return any(value & ~mask & 0xFF for pair in pairs for value, mask in zip(*pair, strict=True))


def _is_of_another_pce(case: Case, mine: Opinion, other: Opinion) -> bool:
    """We miss a TCB info, and the one that is there has another PCE-ID than the certificate."""
    if "TCB info: got none" not in mine.refusal or not other.accepted:
        return False
    info = parse_tcb_info(case.collateral.tcb_info.answer("tcbInfo"))
    pck = find_pck(parse_quote(case.quote), ())
    return info.pce_id != pck_identity(pck, "PCK").pce_id


def _list_is_unchecked(_: Case, mine: Opinion, other: Opinion) -> bool:
    listed = any(word in other.refusal for word in ("CRL", "Crl", "Revocation"))
    return mine.claims is not None and bool(mine.claims.revocation.unchecked) and listed


def _authentication_has_another_size(case: Case, mine: Opinion, other: Opinion) -> bool:
    said = "Invalid QE auth data length" in other.refusal
    return mine.accepted and said and len(parse_quote(case.quote).qe_auth) != 32


def _is_later_sgx_quote(case: Case, mine: Opinion, other: Opinion) -> bool:
    said = "SGX TEE quote must have version 3" in other.refusal
    return mine.accepted and said and parse_quote(case.quote).header.version != 3


REASONS = (
    Disagreement(
        name="trailing bytes",
        why="we refuse what follows a quote, or the data inside of one; dcap-qvl reads what it"
        " needs and ignores the rest",
        holds=only_we_refuse("trailing bytes"),
    ),
    Disagreement(
        name="envelope of another type",
        why="versions 4 and 5 have certification data of type 6 around the others (A.4, table"
        " 'QE certification data'); dcap-qvl does not look at that type",
        holds=only_we_refuse("quote.certification.type: got"),
    ),
    Disagreement(
        name="text around PEM",
        why="a chain is PEM blocks of certificates and blanks; dcap-qvl's reader skips other text,"
        " and takes blocks of any label",
        holds=only_we_refuse(
            "neither a PEM block nor blank",
            "quote.certification: got a PEM block",
            "quote.certification: not the DER of its type",
        ),
    ),
    Disagreement(
        name="spare certificates in the quote",
        why="we refuse a chain with two PCK certificates, or with one that cannot be read; dcap-qvl"
        " takes the first as the leaf and reads of the others what it needs",
        holds=only_we_refuse(
            *(f"PCK certificate: got {count}, want one" for count in range(2, 9)),
            "quote.certification: not a certificate",
        ),
    ),
    Disagreement(
        name="strict JSON",
        why="we refuse keys, dates, numbers, versions and levels twice that the service's interface"
        " does not have, as Intel's library does for most; dcap-qvl reads what it needs",
        holds=_is_malformed,
    ),
    Disagreement(
        name="bits outside of a mask",
        why="the report's bits under the mask must be the identity's (4.1.2.9.5 and 4.1.2.9.6);"
        " dcap-qvl masks both, so that an identity fits which has other bits, as none of Intel's",
        holds=_is_outside_of_the_mask,
    ),
    Disagreement(
        name="PCE-ID",
        why="TCB info is about an FMSPC and a PCE-ID (4.1.2.5.11); dcap-qvl compares the former",
        holds=_is_of_another_pce,
    ),
    Disagreement(
        name="list missing or not current",
        why="whether a certificate is revoked is unknown without a list of that time: we claim so"
        " (revocation.unchecked) and policy decides; dcap-qvl refuses",
        holds=_list_is_unchecked,
    ),
    Disagreement(
        name="no TCB level",
        why="a platform, module or enclave below every level is authentic, with the status"
        " TcbNotSupported; dcap-qvl refuses",
        holds=only_they_refuse(
            (
                "No matching TCB level found",
                "is below minimum required",
                "No TDX module identity",
            ),
            lambda claims: claims.tcb.status == NOT_SUPPORTED,
        ),
    ),
    Disagreement(
        name="revoked TCB",
        why="we claim the status, at the launch and now, and policy decides; dcap-qvl refuses",
        holds=only_they_refuse(("TCB status is invalid: Revoked",), _is_revoked),
    ),
    Disagreement(
        name="debuggable",
        why="we claim it (debug) and policy decides; dcap-qvl refuses",
        holds=only_they_refuse(("Debug mode is enabled",), lambda claims: claims.debug),
    ),
    Disagreement(
        name="attributes of a trust domain",
        why="we claim profiling, migration and bits without a name, and policy decides (TDX modules"
        " refuse what they do not support); dcap-qvl refuses them",
        holds=only_they_refuse(
            ("TD profiling", "TD migration", "Reserved bits in TD attributes"),
            _has_attribute(*(set(range(64)) - {0, 28, 30, 31, 63})),
        ),
    ),
    Disagreement(
        name="SEPT_VE_DISABLE",
        why="we claim it and policy decides; dcap-qvl refuses, with it every paravisor of Azure's",
        holds=only_they_refuse(
            ("SEPT_VE_DISABLE is not enabled",),
            lambda claims: claims.fields["tdx.td_attributes.sept_ve_disable"] is False,
        ),
    ),
    Disagreement(
        name="bound service domain",
        why="we claim MRSERVICETD and policy decides; dcap-qvl refuses one that is not zero",
        holds=only_they_refuse(
            ("Invalid MR service TD",),
            lambda claims: claims.fields["tdx.quote.body.mr_servicetd"] != bytes(48),
        ),
    ),
    Disagreement(
        name="TCB info version 2",
        why="of version 3 of Intel's service; dcap-qvl reads version 3 only",
        holds=lambda case, mine, other: (
            mine.accepted
            and "missing field `sgxtcbcomponents`" in other.refusal
            and b'"version":2' in case.collateral.tcb_info.body
        ),
    ),
    Disagreement(
        name="size of the authentication data",
        why="it is variable (A.4, 'QE authentication data'); dcap-qvl wants Intel's 32 bytes",
        holds=_authentication_has_another_size,
    ),
    Disagreement(
        name="SGX in a later version",
        why="versions 4 and 5 have SGX bodies too (A.3.1, A.4.1); dcap-qvl takes version 3 only",
        holds=_is_later_sgx_quote,
    ),
    Disagreement(
        name="order of levels",
        why="Intel's library looks through all lists of levels highest first, and so do we;"
        " dcap-qvl sorts those of the platform only",
        holds=_is_put_right_by(_with_levels_in_order),
    ),
    Disagreement(
        name="order and place",
        why="we find certificates and lists by content; dcap-qvl by order and place",
        holds=_is_put_right_by(rearranged),
    ),
)
