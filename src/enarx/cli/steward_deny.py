"""``enarx steward deny``: what nothing is issued for any more.

It writes to the database and speaks to no Steward: those that use it act by what is written from
the next request on.
"""

from __future__ import annotations

import json
import os
import pwd
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from enarx.cli.exit import report_note
from enarx.cli.steward_database import Target, date, json_option, now, record_options
from enarx.errors import MisconfiguredError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from sqlalchemy import Connection

KINDS = ("certificate", "chip", "key", "workload")
"""`records.denials.KINDS`, which is not imported before it is needed."""


@click.group("deny")
def command() -> None:
    """Say what nothing is issued for any more."""


@command.command("add")
@record_options
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("value")
@click.option("--reason", default="", metavar="TEXT", help="Why; whoever is refused is told.")
def add_denial(*, target: Target, kind: str, value: str, reason: str) -> None:
    """Deny VALUE from now on, and revoke what was issued for it.

    VALUE is a serial number, the instance that evidence names, SHA-256 of a public key, or a
    workload's digest.
    """
    with target.records() as engine:
        from enarx.steward.records import denials
        from enarx.steward.records.database import retrying

        chosen = next(one for one in denials.KINDS if one == kind)

        def deny(connection: Connection) -> tuple[str, ...]:
            return denials.deny(connection, chosen, value, reason=reason, by=_operator(), now=now())

        revoked = retrying(engine, deny)
    report_note(f"certificates that this revoked: {len(revoked)}")
    for serial in revoked:
        click.echo(serial)


@command.command("list")
@record_options
@json_option
def list_denials(*, target: Target, as_json: bool) -> None:
    """List what is denied, and what no longer is."""
    with target.records() as engine:
        from enarx.steward.records import denials
        from enarx.steward.records.database import reading

        with reading(engine) as connection:
            found = denials.every(connection)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    for one in found:
        lifted = "" if one.lifted is None else f"  lifted {date(one.lifted)}"
        words = f"{one.number}  {one.kind}  {one.value}  {date(one.time)}  by {one.by}"
        click.echo(legible(f"{words}{lifted}  {one.reason}".rstrip()))


@command.command("lift")
@record_options
@click.argument("number", type=click.IntRange(1, (1 << 31) - 1))
def lift_denial(*, target: Target, number: int) -> None:
    """End an entry; NUMBER is what `list` shows. What it revoked stays revoked."""
    with target.records() as engine:
        from enarx.steward.records import denials
        from enarx.steward.records.database import retrying

        if not retrying(engine, lambda connection: denials.lift(connection, number, now())):
            raise MisconfiguredError("NUMBER", f"no entry {number} that counts")


def _operator() -> str:
    """Who is at the command line, for the record."""
    uid = os.geteuid()
    try:
        return f"local:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"local:{uid}"
