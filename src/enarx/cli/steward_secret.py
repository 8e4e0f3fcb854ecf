"""``enarx steward secret``: put secrets into a Steward's vault, and see who was given them.

They speak to the database and not to a Steward: one that is running acts by what was changed from
the next request on.  A value is read from a file or standard input, never from an argument, which
others on this machine can see, and no command shows one.
"""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import read_file
from enarx.cli.exit import report_note
from enarx.cli.steward_database import (
    database_option,
    open_records,
    state_directory,
    state_option,
)
from enarx.cli.stewarding import key_options, opener_of
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.wire.sizes import duration_s
from enarx.wire.text import instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from enarx.steward.broker.ledger import Release
    from enarx.steward.broker.vault import Entry, Rules, Vault

_MAX_USES = 2**53
_END_OF_TIME = 253_402_300_799
"""The last second of the year 9999, since 1970."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("secret")
def command() -> None:
    """Keep secrets, and see which keeps were given them."""


@command.command("put")
@state_option
@database_option
@click.argument("name")
@click.option("--file", "path", metavar="FILE", default="", help="Its bytes, not standard input.")
@click.option(
    "--uses",
    type=click.IntRange(1, _MAX_USES),
    help="How often it may be released.  [default: any number]",
)
@click.option(
    "--not-before", default="", metavar="TIME", help="From when on.  [default: from now on]"
)
@click.option("--not-after", default="", metavar="TIME", help="Until when.  [default: for ever]")
@key_options
def put_command(  # one parameter per option
    *,
    state: str,
    database_url_file: str,
    name: str,
    path: str,
    uses: int | None,
    not_before: str,
    not_after: str,
    passphrase_file: str,
    pin_file: str,
) -> None:
    """Put the bytes of standard input into the vault as NAME, exactly as they are.

    What NAME was before is removed. TIME is one such as 2026-01-31T00:00:00Z, or how far from now:
    30m, 12h, 7d. Which workloads may have it is said by the policy.
    """
    with _records(state, database_url_file) as (directory, engine):
        from enarx.steward.records.database import retrying

        now = int(time.time())
        _check_name(name)
        rules = _rules(uses, not_before, not_after, now)
        value = _value(path)
        vault = open_vault(directory, passphrase_file, pin_file)

        def put(connection: Connection) -> int:
            _check_key(connection, vault)
            return vault.put(connection, name, value, rules=rules, now=now)

        version = retrying(engine, put)
    report_note(f"{name}: version {version}, {len(value)} bytes")


@command.command("list")
@state_option
@database_option
@_JSON
def list_command(*, state: str, database_url_file: str, as_json: bool) -> None:
    """List what is in the vault, without the values."""
    with _records(state, database_url_file) as (_, engine):
        found = _entries(engine)
    if as_json:
        _print_json({"secrets": [_described(entry) for entry in found]})
        return
    for entry in found:
        click.echo(_line(entry))


@command.command("ledger")
@state_option
@database_option
@click.argument("name")
@_JSON
def ledger_command(*, state: str, database_url_file: str, name: str, as_json: bool) -> None:
    """Say to whom NAME was released, the oldest first, whatever became of it since."""
    with _records(state, database_url_file) as (_, engine):
        from enarx.steward.broker import ledger
        from enarx.steward.records.database import reading

        _check_name(name)
        with reading(engine) as connection:
            found = ledger.of_secret(connection, name)
    if as_json:
        _print_json({"releases": [_released(version, one) for version, one in found]})
        return
    for version, one in found:
        received = "no receipt" if one.received is None else f"received {_time(one.received)}"
        click.echo(
            f"{_time(one.time)}  version {version}  {one.workload}  key sha256:{one.key}"
            f"  log {one.log_index}  {received}"
        )


@command.command("remove")
@state_option
@database_option
@click.argument("name")
def remove_command(*, state: str, database_url_file: str, name: str) -> None:
    """Forget the value of NAME. Who was given it stays on record, and keeps what it has."""
    with _records(state, database_url_file) as (_, engine):
        from enarx.steward.broker import vault
        from enarx.steward.records.database import retrying

        _check_name(name)
        now = int(time.time())
        if not retrying(engine, lambda connection: vault.remove(connection, name, now)):
            raise MisconfiguredError("NAME", f"no secret {name}")


def open_vault(directory: str, passphrase_file: str, pin_file: str) -> Vault:
    """The vault of the Steward whose authority is in the state *directory*.

    Raises:
        MisconfiguredError: there is no authority, or its keys cannot be opened.
    """
    from enarx.steward.authority.authority import load
    from enarx.steward.broker.vault import Vault

    opener = opener_of(directory, passphrase_file, pin_file)
    return Vault(load(directory, opener).secrets_key)


def _check_key(connection: Connection, vault: Vault) -> None:
    """Insist that what is in the database can be opened by whoever opens what is put now."""
    from enarx.steward.broker.tables import secrets

    row = connection.execute(secrets.select().where(secrets.c.removed.is_(None))).first()
    if row is None:
        return
    try:
        vault.open(row.name, row.version, row.sealed)
    except UnavailableError as error:
        hint = "use the state directory that they were put with, or remove them"
        problem = f"another authority's secrets are in the database, such as {row.name}"
        raise MisconfiguredError("--state", problem, hints=(hint,)) from error


@contextmanager
def _records(state: str, url_file: str) -> Iterator[tuple[str, Engine]]:
    """The state directory and the database."""
    directory = state_directory(state)
    engine = open_records(directory, url_file)
    try:
        yield directory, engine
    finally:
        engine.dispose()


def _check_name(name: str) -> None:
    from enarx.steward.broker.vault import check_name

    try:
        check_name(name)
    except MalformedError as error:
        raise MisconfiguredError("NAME", error.problem) from error


def _value(path: str) -> bytes:
    """The bytes to be put."""
    from enarx.steward.broker.vault import MAX_VALUE_BYTES

    if path:
        value = read_file(path, MAX_VALUE_BYTES)
    elif sys.stdin.isatty():
        hint = "pipe it in, or use --file FILE"
        problem = "is a terminal, which would show it"
        raise MisconfiguredError("standard input", problem, hints=(hint,))
    else:
        value = sys.stdin.buffer.read(MAX_VALUE_BYTES + 1)
    where = path or "standard input"
    if len(value) > MAX_VALUE_BYTES:
        raise MalformedError(where, f"too large (want at most {MAX_VALUE_BYTES} bytes)")
    if not value:
        raise MisconfiguredError(where, "is empty")
    return value


def _rules(uses: int | None, not_before: str, not_after: str, now: int) -> Rules:
    from enarx.steward.broker.vault import Rules

    begin = _seconds("--not-before", not_before, now)
    end = _seconds("--not-after", not_after, now)
    if end is not None and end <= max(begin or 0, now):
        problem = f"got {_time(end)}, want a time to come, after --not-before"
        raise MisconfiguredError("--not-after", problem)
    return Rules(uses=uses, not_before=begin, not_after=end)


def _seconds(option: str, text: str, now: int) -> int | None:
    """The time in *text*, since 1970: an instant, or how far from *now*."""
    if not text:
        return None
    after = duration_s(text)
    try:
        found = int(instant(text, option).timestamp()) if after is None else now + math.ceil(after)
    except MalformedError as error:
        hint = "or how far from now: 30m, 12h, 7d"
        raise MisconfiguredError(option, error.problem, hints=(hint,)) from error
    if not 0 <= found <= _END_OF_TIME:
        raise MisconfiguredError(option, f"got {text}, want a time from 1970 to 9999")
    return found


def _entries(engine: Engine) -> list[Entry]:
    from enarx.steward.broker import vault
    from enarx.steward.records.database import reading

    with reading(engine) as connection:
        return list(vault.entries(connection))


def _line(entry: Entry) -> str:
    rules = entry.rules
    used = f"used {entry.used}" if rules.uses is None else f"used {entry.used} of {rules.uses}"
    begin = "" if rules.not_before is None else f"  from {_time(rules.not_before)}"
    end = "" if rules.not_after is None else f"  until {_time(rules.not_after)}"
    made = f"version {entry.version}  put {_time(entry.created)}"
    return f"{entry.name}  {made}  {used}{begin}{end}"


def _described(entry: Entry) -> dict[str, object]:
    """As the API has it."""
    found = asdict(entry)
    rules = found.pop("rules")
    return {**found, **rules}


def _released(version: int, one: Release) -> dict[str, object]:
    """As the API has it; nothing that was sealed."""
    keys = ("id", "time", "workload", "key", "decision", "log_index", "received")
    return {"version": version, **{key: getattr(one, key) for key in keys}}


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
