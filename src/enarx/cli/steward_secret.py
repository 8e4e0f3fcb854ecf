"""``enarx steward secret``: put secrets into a Steward's vault, and see who was given them.

They speak to the database and not to a Steward: one that is running acts by what was changed from
the next request on.  A value is read from a file or standard input, never from an argument, which
others on this machine can see, and no command shows one.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from enarx.adapters.package_files import read_file
from enarx.adapters.private_files import (
    OTHERS,
    base_directory,
    open_directory,
    open_owned,
    read_small,
    write_small,
)
from enarx.cli.exit import report_note
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.wire.sizes import duration_s
from enarx.wire.text import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from enarx.steward.broker.ledger import Release
    from enarx.steward.broker.vault import Entry, Rules, Vault

KEY_FILE = "secrets.key"
"""In the state directory: 32 random bytes, with which the values in the database are encrypted."""

_DATABASE = "steward.sqlite"
_KEY_BYTES = 32
_MAX_USES = 2**53
_MAX_URL = 4096
_END_OF_TIME = 253_402_300_799
"""The last second of the year 9999, since 1970."""

_OPTIONS = (
    click.option("--state", metavar="DIR", default="",
                 help="State directory.  [default: ~/.local/state/enarx/steward]"),
    click.option("--database-url-file", "url_file", metavar="FILE", default="",
                 help="A file with the URL of a PostgreSQL database, instead of a file in DIR."),
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group("secret")
def command() -> None:
    """Keep secrets, and see which keeps were given them."""


@command.command("put")
@_options
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
def put_command(
    *,
    state: str,
    url_file: str,
    name: str,
    path: str,
    uses: int | None,
    not_before: str,
    not_after: str,
) -> None:
    """Put the bytes of standard input into the vault as NAME, exactly as they are.

    What NAME was before is removed. TIME is one such as 2026-01-31T00:00:00Z, or how far from now:
    30m, 12h, 7d. Which workloads may have it is said by the policy.
    """
    with _records(state, url_file) as (directory, engine):
        from enarx.steward.records.database import retrying

        now = int(time.time())
        _check_name(name)
        rules = _rules(uses, not_before, not_after, now)
        value = _value(path)
        vault = open_vault(directory, make=not _entries(engine))

        def put(connection: Connection) -> int:
            _check_key(connection, vault, directory)
            return vault.put(connection, name, value, rules=rules, now=now)

        version = retrying(engine, put)
    report_note(f"{name}: version {version}, {len(value)} bytes")


@command.command("list")
@_options
@_JSON
def list_command(*, state: str, url_file: str, as_json: bool) -> None:
    """List what is in the vault, without the values."""
    with _records(state, url_file) as (_, engine):
        found = _entries(engine)
    if as_json:
        _print_json({"secrets": [_described(entry) for entry in found]})
        return
    for entry in found:
        click.echo(_line(entry))


@command.command("ledger")
@_options
@click.argument("name")
@_JSON
def ledger_command(*, state: str, url_file: str, name: str, as_json: bool) -> None:
    """Say to whom NAME was released, the oldest first, whatever became of it since."""
    with _records(state, url_file) as (_, engine):
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
@_options
@click.argument("name")
def remove_command(*, state: str, url_file: str, name: str) -> None:
    """Forget the value of NAME. Who was given it stays on record, and keeps what it has."""
    with _records(state, url_file) as (_, engine):
        from enarx.steward.broker import vault
        from enarx.steward.records.database import retrying

        _check_name(name)
        now = int(time.time())
        if not retrying(engine, lambda connection: vault.remove(connection, name, now)):
            raise MisconfiguredError("NAME", f"no secret {name}")


def open_vault(directory: str, *, make: bool) -> Vault:
    """The vault whose key is in the state *directory*.

    Args:
        make: a new key where there is none; only for a database without secrets, for nobody could
            open those that are there.

    Raises:
        MisconfiguredError: the key is missing, damaged, or others can read it.
        UnavailableError: it cannot be read or written.
    """
    from enarx.steward.broker.vault import Vault

    where = f"{directory}/{KEY_FILE}"
    try:
        place = open_directory(directory, OTHERS)
        try:
            if make:
                _make_key(place)
            return Vault(read_small(place, KEY_FILE, _KEY_BYTES, OTHERS))
        finally:
            os.close(place)
    except FileNotFoundError as error:
        hint = "copy it from where the secrets of this database were put"
        raise MisconfiguredError(where, "no such file", hints=(hint,)) from error
    except ValueError as error:
        raise MisconfiguredError(where, f"got more than {_KEY_BYTES} bytes") from error
    except PermissionError as error:
        hint = f"only you may have access to it: chmod 600 {where}"
        raise MisconfiguredError(where, "not private", hints=(hint,)) from error
    except OSError as error:
        raise UnavailableError(where, (error.strerror or str(error)).lower()) from error


def _check_key(connection: Connection, vault: Vault, directory: str) -> None:
    """Insist that what is in the database can be opened by whoever opens what is put now."""
    from enarx.steward.broker.tables import secrets

    row = connection.execute(secrets.select().where(secrets.c.removed.is_(None))).first()
    if row is None:
        return
    try:
        vault.open(row.name, row.version, row.sealed)
    except UnavailableError as error:
        hint = "use the state directory that they were put with, or remove them"
        problem = f"is not the key of the secrets that are there, such as {row.name}"
        raise MisconfiguredError(f"{directory}/{KEY_FILE}", problem, hints=(hint,)) from error


def _make_key(place: int) -> None:
    """Make a key if there is none; it is on the disk before anything is encrypted with it."""
    write_small(place, KEY_FILE, os.urandom(_KEY_BYTES), replace=False)
    written = open_owned(place, KEY_FILE, OTHERS)
    try:
        os.fsync(written)
    finally:
        os.close(written)
    os.fsync(place)


@contextmanager
def _records(state: str, url_file: str) -> Iterator[tuple[str, Engine]]:
    """The state directory and the database, with its tables."""
    directory = _state_directory(state)
    try:
        import enarx.steward.broker.tables  # are then among those that are made
        import enarx.steward.records.tables  # noqa: F401 - likewise
        from enarx.steward.records.database import open_engine
        from enarx.steward.records.migrations import migrate
    except ModuleNotFoundError as error:
        hint = "pip install 'enarx[steward]'"
        problem = "is not installed"
        raise MisconfiguredError(f"module {error.name}", problem, hints=(hint,)) from error
    engine = open_engine(_url(directory, url_file))
    try:
        migrate(engine)
        yield directory, engine
    finally:
        engine.dispose()


def _state_directory(chosen: str) -> str:
    base = base_directory(os.environ, "XDG_STATE_HOME", ".local/state")
    path = os.path.abspath(chosen or f"{base}/enarx/steward")  # noqa: PTH100 - no link is followed
    try:
        os.close(open_directory(path, OTHERS))
    except PermissionError as error:
        hint = f"only you may have access to it: chmod 700 {path}"
        raise MisconfiguredError(path, "not private", hints=(hint,)) from error
    except OSError as error:
        raise UnavailableError(path, (error.strerror or str(error)).lower()) from error
    return path


def _url(directory: str, url_file: str) -> str:
    """Where the database is; a URL may hold a password, so it is in no argument."""
    if url_file:
        try:
            return read_file(url_file, _MAX_URL).decode("ascii").strip()
        except ValueError as error:
            problem = "want one line, the URL of a database"
            raise MisconfiguredError(url_file, problem) from error
    if "?" in directory:  # begins the parameters of a URL
        raise MisconfiguredError("--state", "its path must not contain '?'")
    return f"sqlite:///{directory}/{_DATABASE}"


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
    return {**found, **found.pop("rules")}


def _released(version: int, one: Release) -> dict[str, object]:
    """As the API has it; nothing that was sealed."""
    keys = ("id", "time", "workload", "key", "decision", "log_index", "received")
    return {"version": version, **{key: getattr(one, key) for key in keys}}


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
