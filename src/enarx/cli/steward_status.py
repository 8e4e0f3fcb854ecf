"""``enarx steward status``: how much there is of what was decided."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from enarx.cli.steward_database import Target, json_option, now, record_options


@click.command("status")
@record_options
@json_option
def command(*, target: Target, as_json: bool) -> None:
    """Say how much was decided, issued, revoked and denied, and which database it is in."""
    with target.records() as engine:
        from enarx.steward.records.database import reading
        from enarx.steward.records.status import count

        with reading(engine) as connection:
            counts = count(connection, now())
        database = engine.dialect.name
    if as_json:
        click.echo(json.dumps({"database": database, **asdict(counts)}, indent=2))
        return
    click.echo(f"database      {database}")
    click.echo(
        f"certificates  {counts.live} live, {counts.revoked} revoked, {counts.issued} in all"
    )
    click.echo(f"decisions     {counts.accepted} accepted, {counts.refused} refused")
    click.echo(f"denied        {counts.denied}")
