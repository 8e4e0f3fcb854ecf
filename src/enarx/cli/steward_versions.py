"""``enarx steward policy``: the versions in a Steward's database, and proposals for the next."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from enarx.adapters.package_files import read_file
from enarx.adapters.policy_files import read_files
from enarx.cli.exit import report_hint, report_note, report_warning
from enarx.cli.steward_database import (
    database_option,
    open_records,
    state_directory,
    state_option,
)
from enarx.cli.stewarding import key_options, log_of, opener_of
from enarx.errors import MalformedError, MisconfiguredError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from enarx.steward.policies.changes import Policies
    from enarx.steward.policies.dry_run import Result
    from enarx.steward.policies.statement import Kind
    from enarx.steward.policies.store import Proposal

_Result = TypeVar("_Result")

KIND = click.option(
    "--kind",
    type=click.Choice(["approvers", "policy"]),
    default="policy",
    show_default=True,
    help="Which of the Steward's documents.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a Steward's records are, as the options say."""

    directory: str
    url_file: str
    passphrase_file: str = ""
    pin_file: str = ""

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The database."""
        found = open_records(self.directory, self.url_file)
        try:
            yield found
        finally:
            found.dispose()

    def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """What *work* reads."""
        with self.engine() as engine:
            from enarx.steward.records.database import reading

            with reading(engine) as connection:
                return work(connection)

    def change(self, work: Callable[[Connection, Policies], _Result]) -> _Result:
        """What *work* does, in one transaction with the log's entry about it."""
        with self.engine() as engine:
            from enarx.steward.records.database import retrying

            policies = self.policies(engine)
            return retrying(engine, lambda connection: work(connection, policies))

    def policies(self, engine: Engine) -> Policies:
        """What changes documents, and tells the Steward's log."""
        from enarx.steward.authority.authority import load
        from enarx.steward.policies.changes import Policies

        opener = opener_of(self.directory, self.passphrase_file, self.pin_file)
        log = log_of(load(self.directory, opener), engine, self.directory)
        return Policies(origin=log.origin, append=log.append)


def place_of(
    state: str, database_url_file: str, passphrase_file: str = "", pin_file: str = ""
) -> Place:
    """The place that options name.

    Raises:
        MisconfiguredError, UnavailableError: it cannot be used, or the role is not installed.
    """
    try:
        import enarx.steward.policies.changes  # noqa: F401 - whether the role is installed
    except ModuleNotFoundError as error:
        hint = "pip install 'enarx[steward]'"
        raise MisconfiguredError(
            f"module {error.name}", "is not installed", hints=(hint,)
        ) from error
    return Place(
        directory=state_directory(state),
        url_file=database_url_file,
        passphrase_file=passphrase_file,
        pin_file=pin_file,
    )


@click.command("show")
@click.option(
    "--version", type=click.IntRange(1), help="Which one.  [default: the one that counts]"
)
@KIND
@state_option
@database_option
def show(version: int | None, kind: Kind, state: str, database_url_file: str) -> None:
    """Print the policy that counts, or another version of it, as it was approved."""
    from enarx.steward.policies import store

    def find(connection: Connection) -> Proposal | None:
        number = version or store.active(connection, kind).version
        return store.version(connection, kind, number)

    found = place_of(state, database_url_file).read(find)
    if found is None:
        hint = "see which there are: enarx steward policy history"
        raise MisconfiguredError("--version", f"there is no version {version}", hints=(hint,))
    report_note(_line(found))
    click.echo(found.document, nl=not found.document.endswith(b"\n"))


@click.command("history")
@KIND
@_JSON
@state_option
@database_option
def history(kind: Kind, *, as_json: bool, state: str, database_url_file: str) -> None:
    """List the versions, the newest first, with who approved them."""
    from enarx.steward.policies import store

    place = place_of(state, database_url_file)
    _list(place.read(lambda connection: _all(connection, kind, store.history)), as_json=as_json)


@click.command("proposals")
@_JSON
@state_option
@database_option
def proposals(*, as_json: bool, state: str, database_url_file: str) -> None:
    """List what can be approved."""
    from enarx.steward.policies import store

    _list(place_of(state, database_url_file).read(store.pending), as_json=as_json)


@click.command("install")
@click.argument("file")
@click.option(
    "--approvers",
    metavar="FILE",
    default="",
    help="Who must approve changes (enarx steward policy approver list).",
)
@click.option("--nobody-approves", is_flag=True, help="Whoever has the state directory decides.")
@state_option
@database_option
@key_options
def install(  # one parameter per option
    file: str,
    *,
    approvers: str,
    nobody_approves: bool,
    state: str,
    database_url_file: str,
    passphrase_file: str,
    pin_file: str,
) -> None:
    """Make FILE the first policy of a Steward, and say who must approve changes of it."""
    place = place_of(state, database_url_file, passphrase_file, pin_file)
    if bool(approvers) == nobody_approves:
        raise MisconfiguredError("--approvers", "want it, or --nobody-approves")
    from enarx.steward.policies.approvers import Approvers

    listed = document_in(approvers, "approvers") if approvers else None
    text = listed or Approvers(threshold=0, keys={}).encode()
    policy = document_in(file, "policy")
    place.change(
        lambda connection, policies: policies.initialise(
            connection, policy=policy, approvers=text, by=_user(), now=now()
        )
    )
    report_note("the policy counts")
    if nobody_approves:
        report_warning("UNAPPROVED: nobody has to approve changes of it")


@click.command("propose")
@click.argument("file")
@KIND
@click.option("--note", default="", help="Why, for those who approve.")
@state_option
@database_option
@key_options
def propose(  # one parameter per option
    file: str,
    *,
    kind: Kind,
    note: str,
    state: str,
    database_url_file: str,
    passphrase_file: str,
    pin_file: str,
) -> None:
    """Propose FILE, with everything that it includes, to replace the version that counts.

    Prints the number of the proposal.
    """
    place = place_of(state, database_url_file, passphrase_file, pin_file)
    from enarx.steward.policies import store
    from enarx.steward.policies.changes import Draft
    from enarx.steward.policies.document import digest

    text = document_in(file, kind)
    seen = place.read(lambda connection: store.active(connection, kind))
    draft = Draft(kind=kind, document=text, replaces=digest(seen.document), note=note, by=_user())
    made = place.change(lambda connection, policies: policies.propose(connection, draft, now=now()))
    click.echo(str(made.number))
    tell(made)


@click.command("dry-run")
@click.argument("file")
@_JSON
@click.option(
    "--insecure-accept-simulated",
    "simulated",
    is_flag=True,
    help="As the Steward is told; then simulations pass where the policies accept them.",
)
@state_option
@database_option
def dry_run(
    file: str, *, as_json: bool, simulated: bool, state: str, database_url_file: str
) -> None:
    """Run FILE against the last decisions: whom it would refuse or let in, and why."""
    place = place_of(state, database_url_file)
    from enarx.attestation import VENDOR_ANCHORS
    from enarx.cli.trust_roots import simulated_roots
    from enarx.steward.policies import dry_run as runs
    from enarx.steward.policies import store
    from enarx.steward.policies.document import parse
    from enarx.steward.policies.shown import result_document

    proposed = parse(document_in(file, "policy"), file)
    past, (_, current) = place.read(
        lambda connection: (runs.past(connection), store.active_policy(connection))
    )
    result = runs.compare(
        past,
        current=current,
        proposed=proposed,
        anchors=VENDOR_ANCHORS + simulated_roots() if simulated else VENDOR_ANCHORS,
        accept_simulated=simulated,
    )
    if as_json:
        click.echo(json.dumps(result_document(result), indent=2))
    else:
        _explain(result)


COMMANDS = (show, history, proposals, install, propose, dry_run)


def document_in(file: str, kind: Kind) -> bytes:
    """The document in *file*: a policy with what it includes, or approvers.

    Raises:
        MisconfiguredError: it is none.
    """
    from enarx.steward.policies import approvers
    from enarx.steward.policies.flatten import flatten

    if kind == "policy":
        return flatten(file, read_files(file))
    try:
        data = read_file(file, approvers.MAX_BYTES).rstrip(b"\n")
        approvers.parse(data, file)
    except MalformedError as e:
        hint = "make it with: enarx steward policy approver list"
        raise MisconfiguredError(file, e.problem, hints=(hint,)) from e
    return data


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def tell(one: Proposal) -> None:
    """Say what became of a proposal, and what is next."""
    if one.version is None:
        report_note(f"proposal {one.number} waits for approvals ({len(one.approvals)} so far)")
        report_hint(f"enarx steward policy approve {one.number} --key FILE --name NAME")
    elif one.approvals:
        report_note(f"{one.kind} version {one.version} counts")
    else:
        report_warning(f"UNAPPROVED: {one.kind} version {one.version} counts, nobody approved it")


def _all(
    connection: Connection,
    kind: Kind,
    page: Callable[..., tuple[Proposal, ...]],
) -> tuple[Proposal, ...]:
    """Every version, page by page."""
    found = page(connection, kind)
    while found and (found[-1].version or 1) > 1:
        found += page(connection, kind, before=found[-1].version)
    return found


def _list(found: tuple[Proposal, ...], *, as_json: bool) -> None:
    if as_json:
        from enarx.steward.policies.shown import proposal_document

        click.echo(json.dumps([proposal_document(one) for one in found], indent=2))
        return
    for one in found:
        click.echo(legible(_line(one)))


def _line(one: Proposal) -> str:
    when = datetime.fromtimestamp(one.activated or one.time, UTC)
    which = f"proposal {one.number}" if one.version is None else f"version {one.version}"
    names = ", ".join(approval.name for approval in one.approvals)
    approved = f"approved by {names}" if names else "UNAPPROVED"
    by = f"proposed by {one.by}" if one.by else ""
    parts = (
        f"{one.kind} {which}",
        f"{when:%Y-%m-%dT%H:%M:%SZ}",
        one.sha256,
        by,
        approved,
        one.note,
    )
    return "; ".join(" ".join(part.split()) for part in parts if part)


def _explain(result: Result) -> None:
    click.echo(
        f"{len(result.compared)} decisions: {result.newly_refused} would be refused, "
        f"{result.newly_accepted} would be accepted, {result.given_otherwise} would be given "
        f"something else, {result.unverified} cannot be verified anew"
    )
    for claim, count in result.reasons.items():
        click.echo(f"{count} fail anew: {claim}")
    for one in result.compared:
        if not one.changes and not one.error:
            continue
        failed = one.proposed.failures or one.current.failures
        what = "would be accepted" if one.proposed.accepted else "would be refused"
        if one.error:
            what = f"cannot be verified anew: {one.error}"
        elif one.current.accepted and one.proposed.accepted:
            what = "would be given other names or secrets"
        why = "" if one.error else "; ".join(map(str, failed))
        click.echo(legible(" ".join(f"{one.decision}: {what}{f' ({why})' if why else ''}".split())))


def _user() -> str:
    """Who asks, as far as this machine knows."""
    from getpass import getuser

    try:
        return getuser()[:64]
    except (KeyError, OSError):
        return f"user {os.getuid()}"
