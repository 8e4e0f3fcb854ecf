"""The deny list: workloads, chips, keys and certificates that nothing is issued for any more.

It acts in the transaction that decides, so no request that begins after an entry was made gets
through, on any instance; and it revokes what was issued for the same thing before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from enarx.errors import Failure, MisconfiguredError
from enarx.steward.records.tables import certificates, denials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection

Kind = Literal["certificate", "chip", "key", "workload"]
KINDS: tuple[Kind, ...] = ("certificate", "chip", "key", "workload")
"""By serial number (hexadecimal), the instance that the evidence names (hexadecimal), SHA-256 of
the SubjectPublicKeyInfo (hexadecimal), workload digest ("sha256:…")."""

_COLUMNS: Mapping[Kind, ColumnElement[str]] = {
    "certificate": certificates.c.serial,
    "chip": certificates.c.instance,
    "key": certificates.c.key,
    "workload": certificates.c.workload,
}
_DIGITS: Mapping[Kind, tuple[int, int]] = {
    "certificate": (1, 40),
    "chip": (2, 256),
    "key": (64, 64),
    "workload": (64, 64),
}
_DIGEST = "sha256:"
_MAX_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One entry; times are seconds since 1970, *lifted* is None while it counts."""

    number: int
    kind: Kind
    value: str
    reason: str
    by: str
    time: int
    lifted: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a request is about, as the deny list names it; empty where it is not known."""

    chip: str
    key: str
    workload: str


def check_value(kind: Kind, value: str) -> str:
    """*value* in the spelling of the list.

    Raises:
        MisconfiguredError: it is no *kind*.
    """
    problem = value_problem(kind, value)
    if problem:
        raise MisconfiguredError("deny", problem, path=kind)
    digits = _digits(kind, value)
    if kind == "workload":
        return _DIGEST + digits
    return digits.lstrip("0") or "0" if kind == "certificate" else digits


def value_problem(kind: Kind, value: str) -> str:
    """Why *value* is no *kind*; empty if it is one."""
    digits = _digits(kind, value)
    least, most = _DIGITS[kind]
    if not least <= len(digits) <= most or set(digits) - set("0123456789abcdef"):
        return f"got {value[:80]!r}, want {least} to {most} hexadecimal digits"
    return ""


def _digits(kind: Kind, value: str) -> str:
    text = value.strip().lower()
    return text.removeprefix(_DIGEST) if kind == "workload" else text.replace(":", "")


def deny(
    connection: Connection, kind: Kind, value: str, *, reason: str, by: str, now: int
) -> tuple[str, ...]:
    """Deny *value* from now on; the serials of the certificates that this revokes.

    Raises:
        MisconfiguredError: *value* is no *kind*, or the reason is too long.
    """
    spelled = check_value(kind, value)
    if len(reason) > _MAX_REASON:
        raise MisconfiguredError("deny", f"want at most {_MAX_REASON} characters", path="reason")
    if _entry(connection, kind, spelled) is None:
        connection.execute(
            sa.insert(denials).values(kind=kind, value=spelled, reason=reason, by=by, time=now)
        )
    affected = connection.scalars(
        sa.select(certificates.c.serial).where(
            _COLUMNS[kind] == spelled,
            certificates.c.revoked.is_(None),
            certificates.c.not_after >= now,
        )
    ).all()
    if affected:
        connection.execute(
            sa.update(certificates)
            .where(certificates.c.serial.in_(affected))
            .values(revoked=now, reason=f"denied {kind}")
        )
    return tuple(affected)


def lift(connection: Connection, number: int, now: int) -> bool:
    """End an entry; certificates that it revoked stay revoked.  False if there is none."""
    done = connection.execute(
        sa.update(denials)
        .where(denials.c.number == number, denials.c.lifted.is_(None))
        .values(lifted=now)
    )
    return done.rowcount == 1


def every(connection: Connection) -> tuple[Denial, ...]:
    """All entries, the lifted ones too, oldest first."""
    rows = connection.execute(sa.select(denials).order_by(denials.c.number)).mappings()
    return tuple(Denial(**row) for row in rows)


_DENIED = sa.select(denials.c.kind, denials.c.value, denials.c.reason).where(
    denials.c.value.in_(sa.bindparam("values", expanding=True)), denials.c.lifted.is_(None)
)


def failures(connection: Connection, subject: Subject) -> tuple[Failure, ...]:
    """What of *subject* is denied now."""
    named: dict[Kind, str] = {
        "chip": subject.chip, "key": subject.key, "workload": subject.workload,
    }  # fmt: skip
    rows = connection.execute(_DENIED, {"values": [value for value in named.values() if value]})
    return tuple(
        Failure(kind, want="one that is not denied", got=f"denied: {reason or 'no reason given'}")
        for kind, value, reason in rows
        if named.get(kind) == value
    )


def _entry(connection: Connection, kind: Kind, value: str) -> object | None:
    return connection.execute(
        sa.select(denials.c.number).where(
            denials.c.kind == kind, denials.c.value == value, denials.c.lifted.is_(None)
        )
    ).first()
