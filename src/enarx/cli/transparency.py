"""``enarx log``: check a transparency log, prove what is in it, and watch it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from enarx.cli.exit import report_note, report_warning
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.cli.log_following import Following, Seen
    from enarx.transparency.note import Verifier

_MAX_CERTIFICATE = 1 << 16
_MAX_GROWTH = 1 << 20
_MAX_ANSWER = 1 << 20
_LAST_SECOND = 253_402_300_799  # of the year 9999

_source = click.argument("source", metavar="SOURCE")
_key = click.option(
    "--key",
    required=True,
    metavar="NAME+HASH+KEY",
    help="The log's key, as its operator publishes it.",
)
_ca_file = click.option(
    "--ca-file",
    default="",
    envvar="ENARX_CA_FILE",
    metavar="FILE",
    help="Authorities to trust beside the public ones, for TLS.",
)


@click.group("log")
def command() -> None:
    """Check a transparency log, prove what is in it, and watch it.

    SOURCE is a URL or a directory that has the log's checkpoint. What a log showed is remembered,
    and whatever it shows later must extend that.
    """


@command.command("verify")
@_source
@_key
@_ca_file
def verify(source: str, key: str, ca_file: str) -> None:
    """Read the whole log at SOURCE and compute every hash anew.

    Exit status: 0 if all is right, 1 if not; then the checkpoints that contradict each other are
    kept.
    """
    from enarx.transparency.audit import recompute

    with _following(source, key, ca_file) as log:
        known, new = log.known(), log.newest()  # in this order: another command may run
        with log.judging(known, new):
            recompute(new.checkpoint, log.source.tile, known.checkpoint if known else None)
        log.remember(known, new)
    before = f"the {known.checkpoint.size} entries seen before are among them" if known else ""
    head = new.checkpoint
    click.echo(f"{head.origin}: {head.size} entries, root {head.root.hex()}")
    click.echo(f"every entry and every tile was checked; {before or 'none was seen before'}")


@command.command("prove")
@click.argument("source", metavar="[SOURCE]", default="")
@_key
@click.option("--index", type=click.IntRange(0), default=None, metavar="N", help="Which entry.")
@click.option(
    "--certificate",
    default="",
    metavar="FILE",
    help="A keep's certificate (PEM or DER), which carries a proof.",
)
@click.option("-o", "--output", default="", metavar="FILE", help="Where to write the proof.")
@_ca_file
def prove(
    *, source: str, key: str, index: int | None, certificate: str, output: str, ca_file: str
) -> None:
    """Print a proof that an entry is in a log, which can be checked without the log.

    The proof is made for entry N of the log at SOURCE, or taken from a certificate. What was
    checked of it is said; of a certificate's proof all is checked only if SOURCE is given.
    """
    from enarx.adapters.package_files import write_new

    if (index is None) == (not certificate):
        raise click.UsageError("give either --index or --certificate")
    if not certificate and not source:
        raise click.UsageError("give the SOURCE of the log")
    if not source:
        data = _unlogged(_proof_in(certificate), key)
    else:
        with _following(source, key, ca_file) as log:
            if index is None:
                data = _carried(log, _proof_in(certificate), _verifier(key))
            else:
                data = _made(log, index)
    if output:
        write_new(output, data)
    else:
        click.echo(data, nl=False)


@command.command("open")
@click.argument("answer", metavar="ANSWER")
@_key
def open_command(*, answer: str, key: str) -> None:
    """Open the entry of a decision: is what the Steward said about it in its log?

    ANSWER is the file with the Steward's answer, or what GET /v1/decisions gave: JSON with salt,
    payload and proof. Prints the decision.
    """
    from enarx.adapters.package_files import read_file
    from enarx.transparency import leaf, proof
    from enarx.wire import canonical, document
    from enarx.wire.text import base64url

    fields = document.load(read_file(answer, _MAX_ANSWER), answer)
    logged = fields.object("log") if "payload" not in fields else fields
    payload = logged.text("payload").encode()
    salt = base64url(logged.text("salt"), f"{answer}: salt")
    told = canonical.decode(payload, f"{answer}: payload")
    held = (fields.object("log") if logged is fields else logged).text("proof").encode()
    if len(salt) != leaf.SALT_BYTES:
        raise MalformedError(f"{answer}: salt", f"want {leaf.SALT_BYTES} bytes")
    entry = leaf.Entry(
        kind="decision",
        time=told.integer("time", 0, _LAST_SECOND),
        subject=told.text("id"),
        salted_sha256=leaf.salted(salt, payload),
    )
    verifier = _verifier(key)
    checkpoint = proof.check(entry.encode(), held, verifier.name, (verifier,))
    report_note(f"in the log {checkpoint.origin} of {checkpoint.size} entries, as its key signed")
    click.echo(payload.decode())


@command.command("watch")
@_source
@_key
@click.option("--once", is_flag=True, help="Look once and end.")
@click.option(
    "--interval",
    type=click.IntRange(1, 86400),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait before looking again.",
)
@_ca_file
def watch(*, source: str, key: str, once: bool, interval: int, ca_file: str) -> None:
    """Print what is new in the log at SOURCE, and look again and again.

    Each checkpoint must extend the one before, with exactly the entries that are printed: number,
    time, kind, subject. If one does not, both are kept, and the exit status is 1.
    """
    from enarx.adapters.system_clock import SystemClock

    clock = SystemClock()
    with _following(source, key, ca_file) as log:
        while True:
            try:
                _look(log)
            except UnavailableError as error:
                if once:
                    raise
                report_warning(str(error))
            if once:
                return
            clock.sleep(interval)


def _look(log: Following) -> None:
    from enarx.transparency.audit import growth

    known, new = log.known(), log.newest()  # in this order: another command may run
    if known is None:
        head = new.checkpoint
        report_note(f"nothing was seen before; beginning at {head.size} entries, not checked")
        log.remember(None, new)
        return
    old = known.checkpoint
    if new.checkpoint.size - old.size > _MAX_GROWTH:
        hint = "check it as a whole first: enarx log verify"
        grown = new.checkpoint.size - old.size
        raise UnavailableError(
            "log", f"grew by {grown} entries, more than is printed", hints=(hint,)
        )
    with log.judging(known, new):
        found = growth(old, new.checkpoint, log.source.tile)
    for number, entry in enumerate(found, old.size):
        click.echo(_line(number, entry))
    log.remember(known, new)


def _line(number: int, data: bytes) -> str:
    from datetime import UTC, datetime
    from hashlib import sha256

    from enarx.protocol.outcome import legible
    from enarx.transparency.leaf import parse

    try:
        entry = parse(data)
    except MalformedError:
        return f"{number} - unknown sha256:{sha256(data).hexdigest()}"
    time = datetime.fromtimestamp(entry.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{number} {time} {entry.kind} {legible(entry.subject)}".replace("\n", "\\n").rstrip()


def _made(log: Following, index: int) -> bytes:
    """A new proof of entry *index*."""
    from enarx.transparency.audit import inclusion
    from enarx.transparency.proof import Proof

    new = _agreeing(log)
    head = new.checkpoint
    if index >= head.size:
        raise MisconfiguredError("--index", f"got {index}, want less than {head.size}")
    entry, hashes = inclusion(head, index, log.source.tile)
    _say(index, head.size, f"holds: {_line(index, entry)}")
    return Proof(index=index, hashes=hashes, checkpoint=new.note).encode()


def _carried(log: Following, data: bytes, verifier: Verifier) -> bytes:
    """A proof that a certificate carries, checked against the log."""
    from enarx.transparency.audit import inclusion
    from enarx.transparency.proof import check, parse

    proof = parse(data)
    carried = log.opened(proof.checkpoint)
    new = _agreeing(log)
    log.must_extend(carried, new)
    if proof.index >= carried.checkpoint.size:
        raise MalformedError("log proof", "its checkpoint has no such entry")
    entry, _ = inclusion(new.checkpoint, proof.index, log.source.tile)
    check(entry, data, verifier.name, (verifier,))
    _say(proof.index, carried.checkpoint.size, f"holds: {_line(proof.index, entry)}")
    report_note(f"its checkpoint agrees with the one of {new.checkpoint.size} entries now")
    report_note("of the certificate nothing but this was checked")
    return data


def _unlogged(data: bytes, key: str) -> bytes:
    """A proof that a certificate carries, with nothing to check it against."""
    from enarx.transparency.checkpoint import open_checkpoint
    from enarx.transparency.proof import parse

    proof, verifier = parse(data), _verifier(key)
    head = open_checkpoint(proof.checkpoint, verifier.name, (verifier,))
    _say(proof.index, head.size, "was not checked: give the SOURCE of the log")
    return data


def _say(index: int, size: int, verdict: str) -> None:
    report_note("the signature of the checkpoint is the log's")
    report_note(f"that entry {index} is among {size} {verdict}")


def _agreeing(log: Following) -> Seen:
    """What the log shows now, which extends what it showed before."""
    known, new = log.known(), log.newest()  # in this order: another command may run
    log.must_extend(known, new)
    log.remember(known, new)
    return new


def _proof_in(path: str) -> bytes:
    """The proof in a certificate."""
    from enarx.adapters.package_files import read_file
    from enarx.pki.issue import credential
    from enarx.wire.text import is_pem, pem_blocks

    data = read_file(path, _MAX_CERTIFICATE)
    if is_pem(data):
        data = pem_blocks(data, path)[0][1]  # of a chain, the keep's own is the first
    try:
        found = credential(data).get("log")
    except ValueError as error:  # of the library that parses certificates
        raise MalformedError(path, "is no certificate") from error
    if found is None:
        raise MalformedError(path, "the certificate carries no proof of a log")
    return found


def _verifier(key: str) -> Verifier:
    from enarx.transparency.note import parse_verifier

    try:
        return parse_verifier(key)
    except MalformedError as error:
        raise MisconfiguredError("--key", error.problem) from error


@contextmanager
def _following(source: str, key: str, ca_file: str) -> Iterator[Following]:
    from enarx.adapters.http_fetch import open_fetch
    from enarx.adapters.log_source import LogSource
    from enarx.adapters.system_clock import SystemClock, chance
    from enarx.cli.log_following import Following, user_memory

    verifier = _verifier(key)
    with open_fetch(clock=SystemClock(), chance=chance, ca_file=ca_file) as fetch:
        yield Following(LogSource(source, fetch), verifier, user_memory())
