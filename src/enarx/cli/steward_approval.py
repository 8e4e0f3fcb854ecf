"""``enarx steward policy approve``: look at a change, and sign it; here, or where the key is."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import read_file
from enarx.cli.steward_approver import read_key
from enarx.cli.steward_database import database_option, state_option
from enarx.cli.steward_versions import now, place_of, tell
from enarx.cli.stewarding import key_options
from enarx.errors import MalformedError, MisconfiguredError
from enarx.protocol.outcome import legible
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from enarx.steward.policies.statement import Change
    from enarx.steward.policies.store import Proposal

_MAX_DOCUMENT = 1_000_000


@click.command("statement")
@click.argument("number", type=click.IntRange(1))
@state_option
@database_option
@key_options
def statement(
    number: int, state: str, database_url_file: str, passphrase_file: str, pin_file: str
) -> None:
    """Print what an approver of proposal NUMBER signs, for a machine that has the key."""
    place = place_of(state, database_url_file, passphrase_file, pin_file)
    found = place.change(
        lambda connection, policies: _known(connection, number).change(policies.origin)
    )
    click.echo(found.encode())


@click.command("approve")
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--name", default="", help="Whose approval it is.")
@click.option("--key", "key_file", metavar="FILE", default="", help="The approver's key, PEM.")
@click.option(
    "--key-passphrase-file", metavar="FILE", default="", help="What that key is encrypted with."
)
@click.option("--signature", default="", help="Made elsewhere, with --statement.")
@click.option(
    "--statement", "statement_file", metavar="FILE", default="", help="Sign it, and print that."
)
@click.option(
    "--document", "document_file", metavar="FILE", default="", help="What --statement is about."
)
@click.option(
    "--previous", "previous_file", metavar="FILE", default="", help="What that one replaces."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@state_option
@database_option
@key_options
def approve(  # one parameter per option
    number: int | None,
    *,
    name: str,
    key_file: str,
    key_passphrase_file: str,
    signature: str,
    statement_file: str,
    document_file: str,
    previous_file: str,
    yes: bool,
    state: str,
    database_url_file: str,
    passphrase_file: str,
    pin_file: str,
) -> None:
    """Show what proposal NUMBER changes, and approve it with your key.

    Where the key is on another machine: take the statement and the document there, sign with
    --statement and --document, and bring the signature back with --signature.
    """
    if statement_file:
        click.echo(
            _signed_elsewhere(
                statement_file,
                document_file,
                previous_file,
                _Signer(key_file, key_passphrase_file, yes=yes),
            )
        )
        return
    if number is None or not name or bool(key_file) == bool(signature):
        raise click.UsageError("want NUMBER, --name, and --key or --signature")
    place = place_of(state, database_url_file, passphrase_file, pin_file)
    proposal, current = place.read(lambda connection: _with_current(connection, number))
    signer = _Signer(key_file, key_passphrase_file, yes=yes)
    if key_file:
        signer.look(proposal.change(""), proposal.document, current)
    given = base64url(signature, "--signature")
    made = place.change(
        lambda connection, policies: policies.approve(
            connection,
            number,
            name=name,
            signature=given or signer.sign(proposal.change(policies.origin)),
            now=now(),
        )
    )
    tell(made)


COMMANDS = (statement, approve)


class _Signer:
    """A key, and whoever looks at what it signs."""

    def __init__(self, key_file: str, passphrase_file: str, *, yes: bool) -> None:
        self._key = read_key(key_file, passphrase_file) if key_file else None
        self._yes = yes

    def look(self, change: Change, document: bytes, previous: bytes | None) -> None:
        """Show what *change* does, of which these are the documents, and ask.

        Raises:
            MisconfiguredError: they are other ones: what would be signed is not what is shown.
            click.Abort: the answer is no.
        """
        from enarx.steward.policies.document import digest

        if digest(document) != change.sha256:
            raise MisconfiguredError("document", f"got {digest(document)}, want {change.sha256}")
        if previous is not None and digest(previous) != change.previous:
            problem = f"got {digest(previous)}, want {change.previous}"
            hint = "another version counts by now: propose it anew"
            raise MisconfiguredError("previous", problem, hints=(hint,))
        for line in _difference(previous or b"", document):
            click.echo(legible(line), err=True)
        where = f" of {change.origin}" if change.origin else ""
        if not self._yes:
            question = f"approve this as {change.kind} version {change.version}{where}?"
            click.confirm(legible(question), abort=True, err=True)

    def sign(self, change: Change) -> bytes:
        """The approval."""
        from enarx.steward.policies.statement import sign

        if self._key is None:
            raise click.UsageError("want --key")
        return sign(change, self._key)


def _signed_elsewhere(
    statement_file: str, document_file: str, previous_file: str, signer: _Signer
) -> str:
    """The signature under a statement, by someone who has seen what it is about."""
    from enarx.steward.policies import statement as statements

    if not document_file:
        hint = "look at what you sign: --document FILE, and --previous FILE for the difference"
        raise MisconfiguredError("--document", "is missing", hints=(hint,))
    data = _read(statement_file, statements.MAX_BYTES).rstrip(b"\n")
    change = statements.parse(data, statement_file)
    previous = _read(previous_file, _MAX_DOCUMENT) if previous_file else None
    signer.look(change, _read(document_file, _MAX_DOCUMENT), previous)
    return to_base64url(signer.sign(change))


def _read(path: str, most: int) -> bytes:
    try:
        return read_file(path, most)
    except MalformedError as e:
        raise MisconfiguredError(path, e.problem) from e


def _known(connection: Connection, number: int) -> Proposal:
    from enarx.steward.policies import store

    found = store.find(connection, number)
    if found is None:
        hint = "see which there are: enarx steward policy proposals"
        raise MisconfiguredError("NUMBER", f"there is no proposal {number}", hints=(hint,))
    return found


def _with_current(connection: Connection, number: int) -> tuple[Proposal, bytes]:
    """A proposal, and the document that it would replace."""
    from enarx.steward.policies import store

    found = _known(connection, number)
    if found.version is not None:
        raise MisconfiguredError("NUMBER", f"it is version {found.version} already")
    return found, store.active(connection, found.kind).document


def _difference(old: bytes, new: bytes) -> Iterator[str]:
    """What changes, line by line."""
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (old, new))
    yield from difflib.unified_diff(before, after, "current", "proposed", lineterm="")
