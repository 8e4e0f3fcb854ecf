"""What ``enarx evidence show`` says about evidence: the facts, and the facts as text."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from enarx.errors import MalformedError
from enarx.tee.x509 import common_name, load_certificate, load_crl
from enarx.wire import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from enarx.evidence.opened import KeyBinding, Opened
    from enarx.tee.claims import ClaimValue
    from enarx.tee.endorsements import Endorsements

Report = dict[str, Any]  # a JSON document

_COLLATERAL_KEYS = (
    "id", "fmspc", "version", "issueDate", "nextUpdate", "tcbEvaluationDataNumber",
)  # fmt: skip


def describe(opened: Opened, path: str) -> Report:
    """The facts about *opened*, as a JSON document.

    Raises:
        MalformedError: the evidence has not the shape of its technology.
    """
    evidence = opened.technology.parse(opened.evidence)
    return {
        "verified": False,
        "path": path,
        "containers": list(opened.containers),
        "technology": opened.technology.name,
        "title": opened.technology.title,
        "size": len(opened.evidence),
        "sha256": hashlib.sha256(opened.evidence).hexdigest(),
        "fields": {name: _shown(value) for name, value in evidence.fields().items()},
        "endorsements": _endorsements(opened.endorsements + evidence.carried),
        "claims": opened.claims.hex(),
        "key": _key(opened.binding),
    }


def lines(report: Report) -> Iterator[str]:
    """*report* for people."""
    yield "NOT VERIFIED"
    yield f"file        {report['path']}"
    for name in report["containers"]:
        yield f"container   {name}"
    yield f"evidence    {report['title']} ({report['technology']}), {report['size']} bytes"
    yield f"sha256      {report['sha256']}"
    width = max((len(name) for name in report["fields"]), default=0)
    for name, value in report["fields"].items():
        yield f"  {name:{width}}  {_text(value)}".rstrip()
    for item in report["endorsements"]:
        yield f"{item['kind']:<11} {_pairs(item)}"
    if report["claims"]:
        yield f"claims      {report['claims']}"
    if report["key"] is not None:
        yield from _key_lines(report["key"])


def _key_lines(key: Report) -> Iterator[str]:
    yield f"key         sha256 {key['sha256']}" if key["spki"] else "key         none"
    yield f"  bound if  {key['rule']}"
    for value in key["accepted"]:
        yield f"  accepted  {value}"
    for failure in key["failures"]:
        yield f"  NOT BOUND {failure}"


def _key(binding: KeyBinding | None) -> Report | None:
    if binding is None:
        return None
    return {
        "sha256": hashlib.sha256(binding.spki).hexdigest(),
        "spki": binding.spki.hex(),
        "rule": binding.rule,
        "accepted": [value.hex() for value in binding.accepted],
        "failures": [str(failure) for failure in binding.failures],
    }


def _shown(value: ClaimValue) -> bool | int | str | list[str]:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return _instant(value)
    return list(value) if isinstance(value, tuple) else value


def _text(value: bool | int | str | list[str]) -> str:  # noqa: FBT001 - a value to show
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _pairs(item: Report) -> str:
    return ", ".join(f"{name} {value}" for name, value in item.items() if name != "kind")


def _endorsements(found: Endorsements) -> list[Report]:
    kinds: tuple[tuple[str, Sequence[bytes], Callable[[bytes], Report]], ...] = (
        ("certificate", found.certificates, _certificate),
        ("crl", found.crls, _crl),
        ("tcb info", found.tcb_infos, _collateral),
        ("qe identity", found.qe_identities, _collateral),
    )
    return [
        {"kind": kind, **_legibly(reader, value)}
        for kind, values, reader in kinds
        for value in values
    ]


def _legibly(reader: Callable[[bytes], Report], value: bytes) -> Report:
    """What *reader* finds, or why it finds nothing: damaged endorsements are shown, too."""
    try:
        return reader(value)
    except MalformedError as e:
        return {"unreadable": e.problem, "sha256": hashlib.sha256(value).hexdigest()}


def _certificate(der: bytes) -> Report:
    found = load_certificate(der, "certificate")
    return {
        "subject": common_name(found.subject) or found.subject.rfc4514_string(),
        "issuer": common_name(found.issuer) or found.issuer.rfc4514_string(),
        "not before": _instant(found.not_valid_before_utc),
        "not after": _instant(found.not_valid_after_utc),
        "sha256": hashlib.sha256(der).hexdigest(),
    }


def _crl(der: bytes) -> Report:
    found = load_crl(der, "revocation list")
    ends = found.next_update_utc
    return {
        "issuer": common_name(found.issuer) or found.issuer.rfc4514_string(),
        "this update": _instant(found.last_update_utc),
        "next update": "never" if ends is None else _instant(ends),
        "revoked": len(found),
        "sha256": hashlib.sha256(der).hexdigest(),
    }


def _collateral(data: bytes) -> Report:
    """What dates and identifies Intel's collateral; the rest is the verifier's."""
    answer = document.load_any(data, "collateral")
    body = next(iter(answer.values()), None) if isinstance(answer, dict) else None
    if not isinstance(body, dict):
        raise MalformedError("collateral", "is not an answer of Intel's PCS")
    scalars = {
        name: body[name] for name in _COLLATERAL_KEYS if isinstance(body.get(name), str | int)
    }
    return {**scalars, "sha256": hashlib.sha256(data).hexdigest()}


def _instant(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"
