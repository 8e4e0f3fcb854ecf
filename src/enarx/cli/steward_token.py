"""``enarx steward token``: who may operate a Steward over its API."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from enarx.cli.steward_database import Target, date, json_option, now, record_options
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group("token")
def command() -> None:
    """Say who may operate this Steward over its API."""


@command.command("create")
@record_options
@click.option("--name", required=True, metavar="NAME", help="Whose it is.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is valid.  [default: ever]")
def create_token(*, target: Target, name: str, days: int | None) -> None:
    """Print a new token; only its hash is kept."""
    with target.records() as engine:
        from enarx.steward.records import tokens
        from enarx.steward.records.database import retrying

        made = now()
        expires = None if days is None else made + int(timedelta(days=days).total_seconds())
        entropy = os.urandom(tokens.ID_BYTES + tokens.SECRET_BYTES)

        def make(connection: Connection) -> str:
            return tokens.create(connection, name, entropy=entropy, now=made, expires=expires)

        token = retrying(engine, make)
    click.echo(token)


@command.command("list")
@record_options
@json_option
def list_tokens(*, target: Target, as_json: bool) -> None:
    """List all tokens, without their secrets."""
    with target.records() as engine:
        from enarx.steward.records import tokens
        from enarx.steward.records.database import reading

        with reading(engine) as connection:
            found = tokens.every(connection)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    for one in found:
        expires = "never" if one.expires is None else date(one.expires)
        revoked = "" if one.revoked is None else f"  revoked {date(one.revoked)}"
        made = date(one.created)
        click.echo(f"{one.id}  {one.name}  made {made}  expires {expires}{revoked}")


@command.command("revoke")
@record_options
@click.argument("token_id", metavar="ID")
def revoke_token(*, target: Target, token_id: str) -> None:
    """End a token at once; ID is what `list` shows."""
    with target.records() as engine:
        from enarx.steward.records import tokens
        from enarx.steward.records.database import retrying

        if not retrying(engine, lambda connection: tokens.revoke(connection, token_id, now())):
            raise MisconfiguredError("ID", f"no valid token {token_id[:20]!r}")
