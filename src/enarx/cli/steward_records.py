"""``enarx steward backup``, ``restore``, ``deny``, ``token`` and ``status``: the records' keeping.

They speak to the database and not to a Steward: whoever has it decides.  A Steward that is
running, or several, act by what was changed from the next request on.
"""

from __future__ import annotations

import json
import os
import pwd
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from enarx.adapters.private_files import aside_of, create, remove
from enarx.cli.exit import report_note
from enarx.cli.steward_state import records, state_options
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

    from sqlalchemy import Connection

KINDS = ("certificate", "chip", "key", "workload")
"""`records.denials.KINDS`, which is not imported before it is needed."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("backup")
@state_options
@click.argument("file")
def backup_command(*, state: str, url_file: str, file: str) -> None:
    """Write everything in the database to FILE, which must not be there, as of one moment.

    A Steward may be at work. Keys are not in the database: keep the state directory's key files
    apart. FILE is readable for you only, and can be restored to either kind of database.
    """
    with records(state, url_file) as engine:
        from enarx.steward.records import backup

        rows = _write_new(file, lambda out: backup.dump(engine, out, where=file))
    report_note(f"{file}: {_summary(rows)}")


@click.command("restore")
@state_options
@click.argument("file")
def restore_command(*, state: str, url_file: str, file: str) -> None:
    """Fill an empty database from FILE: all of it, or nothing if the file is damaged.

    Do it before a Steward is started on that database.
    """
    try:
        source = open(file, "rb")  # noqa: PTH123, SIM115 - closed below
    except OSError as error:
        raise MisconfiguredError(file, (error.strerror or str(error)).lower()) from error
    with source, records(state, url_file) as engine:
        from enarx.steward.records import backup

        try:
            rows = backup.restore(engine, source, where=file)
        except OSError as error:
            raise UnavailableError(file, (error.strerror or str(error)).lower()) from error
    report_note(f"{file}: {_summary(rows)}")


@click.group("deny")
def deny_command() -> None:
    """Say what nothing is issued for any more."""


@deny_command.command("add")
@state_options
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("value")
@click.option("--reason", default="", metavar="TEXT", help="Why; whoever is refused is told.")
def add_denial(*, state: str, url_file: str, kind: str, value: str, reason: str) -> None:
    """Deny VALUE from now on, and revoke what was issued for it.

    VALUE is a serial number, the instance that evidence names, SHA-256 of a public key, or a
    workload's digest.
    """
    with records(state, url_file) as engine:
        from enarx.steward.records import denials
        from enarx.steward.records.database import retrying

        chosen = next(one for one in denials.KINDS if one == kind)

        def deny(connection: Connection) -> tuple[str, ...]:
            return denials.deny(
                connection, chosen, value, reason=reason, by=_operator(), now=_now()
            )

        revoked = retrying(engine, deny)
    report_note(f"certificates that this revoked: {len(revoked)}")
    for serial in revoked:
        click.echo(serial)


@deny_command.command("list")
@state_options
@_JSON
def list_denials(*, state: str, url_file: str, as_json: bool) -> None:
    """List what is denied, and what no longer is."""
    with records(state, url_file) as engine:
        from enarx.steward.records import denials
        from enarx.steward.records.database import reading

        with reading(engine) as connection:
            found = denials.every(connection)
    if as_json:
        _print_json([asdict(one) for one in found])
        return
    for one in found:
        lifted = "" if one.lifted is None else f"  lifted {_date(one.lifted)}"
        words = f"{one.number}  {one.kind}  {one.value}  {_date(one.time)}  by {one.by}"
        click.echo(legible(f"{words}{lifted}  {one.reason}".rstrip()))


@deny_command.command("lift")
@state_options
@click.argument("number", type=click.IntRange(1, (1 << 31) - 1))
def lift_denial(*, state: str, url_file: str, number: int) -> None:
    """End an entry; NUMBER is what `list` shows. What it revoked stays revoked."""
    with records(state, url_file) as engine:
        from enarx.steward.records import denials
        from enarx.steward.records.database import retrying

        if not retrying(engine, lambda connection: denials.lift(connection, number, _now())):
            raise MisconfiguredError("NUMBER", f"no entry {number} that counts")


@click.group("token")
def token_command() -> None:
    """Say who may operate this Steward over its API."""


@token_command.command("create")
@state_options
@click.option("--name", required=True, metavar="NAME", help="Whose it is.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is valid.  [default: ever]")
def create_token(*, state: str, url_file: str, name: str, days: int | None) -> None:
    """Print a new token; only its hash is kept."""
    with records(state, url_file) as engine:
        from enarx.steward.records import tokens
        from enarx.steward.records.database import retrying

        now = _now()
        expires = None if days is None else now + int(timedelta(days=days).total_seconds())
        entropy = os.urandom(tokens.ID_BYTES + tokens.SECRET_BYTES)

        def make(connection: Connection) -> str:
            return tokens.create(connection, name, entropy=entropy, now=now, expires=expires)

        token = retrying(engine, make)
    click.echo(token)


@token_command.command("list")
@state_options
@_JSON
def list_tokens(*, state: str, url_file: str, as_json: bool) -> None:
    """List all tokens, without their secrets."""
    with records(state, url_file) as engine:
        from enarx.steward.records import tokens
        from enarx.steward.records.database import reading

        with reading(engine) as connection:
            found = tokens.every(connection)
    if as_json:
        _print_json([asdict(one) for one in found])
        return
    for one in found:
        expires = "never" if one.expires is None else _date(one.expires)
        revoked = "" if one.revoked is None else f"  revoked {_date(one.revoked)}"
        made = _date(one.created)
        click.echo(f"{one.id}  {one.name}  made {made}  expires {expires}{revoked}")


@token_command.command("revoke")
@state_options
@click.argument("token_id", metavar="ID")
def revoke_token(*, state: str, url_file: str, token_id: str) -> None:
    """End a token at once; ID is what `list` shows."""
    with records(state, url_file) as engine:
        from enarx.steward.records import tokens
        from enarx.steward.records.database import retrying

        if not retrying(engine, lambda connection: tokens.revoke(connection, token_id, _now())):
            raise MisconfiguredError("ID", f"no valid token {token_id[:20]!r}")


@click.command("status")
@state_options
@_JSON
def status_command(*, state: str, url_file: str, as_json: bool) -> None:
    """Say how much was decided, issued, revoked and denied, and which database it is in."""
    with records(state, url_file) as engine:
        from enarx.steward.records.database import reading
        from enarx.steward.records.status import count

        with reading(engine) as connection:
            counts = count(connection, _now())
        database = engine.dialect.name
    if as_json:
        _print_json({"database": database, **asdict(counts)})
        return
    click.echo(f"database      {database}")
    click.echo(
        f"certificates  {counts.live} live, {counts.revoked} revoked, {counts.issued} in all"
    )
    click.echo(f"decisions     {counts.accepted} accepted, {counts.refused} refused")
    click.echo(f"denied        {counts.denied}")


COMMANDS: tuple[click.Command, ...] = (
    backup_command,
    deny_command,
    restore_command,
    status_command,
    token_command,
)
"""For the group ``enarx steward``."""


def _write_new(path: str, write: Callable[[BinaryIO], Mapping[str, int]]) -> Mapping[str, int]:
    """Write a file aside and put it in place when it is whole and on the disk."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - descriptors, not paths
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return _put(directory, name, write)
        finally:
            os.close(directory)
    except FileExistsError as error:
        raise MisconfiguredError(path, "does already exist") from error
    except OSError as error:
        raise UnavailableError(path, (error.strerror or str(error)).lower()) from error


def _put(
    directory: int, name: str, write: Callable[[BinaryIO], Mapping[str, int]]
) -> Mapping[str, int]:
    if name in os.listdir(directory):
        raise FileExistsError
    aside = aside_of(name)
    with os.fdopen(create(directory, aside), "wb") as file:
        try:
            result = write(file)
            file.flush()
            os.fsync(file.fileno())
            os.link(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
        finally:
            remove(directory, aside)
    os.fsync(directory)
    return result


def _summary(rows: Mapping[str, int]) -> str:
    return f"{sum(rows.values())} rows of {len(rows)} tables"


def _operator() -> str:
    """Who is at the command line, for the record."""
    uid = os.geteuid()
    try:
        return f"local:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"local:{uid}"


def _print_json(value: Iterable[Any] | Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2))


def _now() -> int:
    return int(time.time())


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
