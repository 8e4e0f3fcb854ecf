"""``enarx steward ca``: make, renew and show the authority of a Steward."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from enarx.cli.exit import report_hint, report_note
from enarx.cli.stewarding import STATE, key_options, opener_of, state_directory
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from cryptography import x509

    from enarx.steward.authority.state import Module, State

_DAYS = click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="How long the intermediate lives.",
)
_ROOT_DAYS = click.option(
    "--root-days",
    type=click.IntRange(1, 36500),
    help="How long the root lives.  [default: 3650]",
)


@click.group("ca")
def command() -> None:
    """Make, renew and show the authority of a Steward."""


@command.command("init")
@STATE
@click.option(
    "--name", default="Enarx Steward", show_default=True, help="Names in its certificates begin so."
)
@click.option(
    "--trust-domain", default="enarx.local", show_default=True, help="Of SPIFFE identities."
)
@click.option(
    "--key",
    "kind",
    type=click.Choice(["p256", "p384"]),
    default="p256",
    show_default=True,
    help="Kind of the keys that sign certificates.",
)
@_DAYS
@_ROOT_DAYS
@key_options
@click.option(
    "--pkcs11-module",
    default="",
    metavar="FILE",
    help="Keys that sign certificates stay in a token of this module.",
)
@click.option("--pkcs11-token", default="", metavar="LABEL", help="Which token.")
def init_command(  # one parameter per option
    *,
    state: str,
    name: str,
    trust_domain: str,
    kind: str,
    days: int,
    root_days: int | None,
    passphrase_file: str,
    pin_file: str,
    pkcs11_module: str,
    pkcs11_token: str,
) -> None:
    """Make an authority: a root, an intermediate, and the Steward's other keys.

    Each key is encrypted in a file of its own.  With a PKCS#11 module, those that sign certificates
    never leave it; those of results, log and secrets are in files all the same.
    """
    module = _module(pkcs11_module, pkcs11_token, pin_file)
    directory = state_directory(state)
    _make_passphrase(directory, passphrase_file)
    opener = opener_of(directory, passphrase_file, pin_file)
    from enarx.steward.authority.making import ROOT_DAYS, Wanted, initialise

    wanted = Wanted(
        name=name,
        trust_domain=trust_domain,
        kind=kind,
        days=days,
        root_days=root_days or ROOT_DAYS,
        module=module,
    )
    made = initialise(directory, opener, wanted, now=datetime.now(UTC))
    _print(directory, made.state)
    report_hint("clients trust it by its root: enarx steward ca show --pem")


@command.command("rotate")
@STATE
@click.option("--root", "with_root", is_flag=True, help="A new root as well.")
@_DAYS
@_ROOT_DAYS
@key_options
def rotate_command(  # one parameter per option
    *,
    state: str,
    with_root: bool,
    days: int,
    root_days: int | None,
    passphrase_file: str,
    pin_file: str,
) -> None:
    """Replace the intermediate, and with --root the root.

    Certificates from before stay good.  With a new root, clients that trust an old one go on, and
    should be given the new one before the old one ends.  A Steward that runs notices by itself.
    """
    from enarx.steward.authority.authority import read_state
    from enarx.steward.authority.directory import PrivateDirectory
    from enarx.steward.authority.making import ROOT_DAYS, roll_root, rotate

    if root_days is not None and not with_root:
        raise MisconfiguredError("--root-days", "needs --root")
    directory = state_directory(state)
    read_state(PrivateDirectory(directory))  # first of all: is there one?
    opener = opener_of(directory, passphrase_file, pin_file)
    now = datetime.now(UTC)
    if with_root:
        made = roll_root(directory, opener, days=days, root_days=root_days or ROOT_DAYS, now=now)
        report_note("give clients the new root: enarx steward ca show --pem")
    else:
        made = rotate(directory, opener, days=days, now=now)
    _print(directory, made.state)


@command.command("show")
@STATE
@click.option("--pem", is_flag=True, help="The roots as PEM, the one in use first.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def show_command(*, state: str, pem: bool, as_json: bool) -> None:
    """Show the authority; no key is opened."""
    from enarx.steward.authority.authority import read_state
    from enarx.steward.authority.directory import PrivateDirectory

    if pem and as_json:
        raise MisconfiguredError("--pem", "not together with --json")
    directory = state_directory(state)
    found = read_state(PrivateDirectory(directory))
    if pem:
        from enarx.wire.text import to_pem

        blocks = (to_pem("CERTIFICATE", root.certificate).decode("ascii") for root in found.roots)
        click.echo("".join(blocks), nl=False)
    elif as_json:
        click.echo(json.dumps(_described(directory, found), indent=2))
    else:
        _print(directory, found)


def _module(path: str, token: str, pin_file: str) -> Module | None:
    """Where keys that sign certificates are to be; None for files."""
    from enarx.steward.authority.state import Module

    if not path and not token:
        return None
    if not (path and token and pin_file):
        problem = "needs --pkcs11-module, --pkcs11-token and --pin-file, all three"
        raise MisconfiguredError("--pkcs11-module", problem)
    return Module(path=path, token=token)


def _make_passphrase(directory: str, chosen: str) -> None:
    if chosen:
        return
    from enarx.steward.authority.opener import make_passphrase

    make_passphrase(directory)


def _print(directory: str, state: State) -> None:
    """The authority in lines for people."""
    module = "" if state.module is None else f", in token {state.module.token!r}"
    click.echo(f"authority     {state.name}, in {directory}")
    click.echo(f"trust domain  {state.trust_domain}")
    click.echo(f"keys          {state.kind}{module}; files: {state.protection}")
    for root in state.roots:
        click.echo(f"root          {_line(root.certificate)}")
    for one in state.intermediates:
        listed = f", listed until {_day(_instant(one.until))}" if one.until else ""
        click.echo(f"intermediate  {_line(one.certificate)}{listed}")


def _line(der: bytes) -> str:
    found = _parsed(der)
    return f"{_name(found)}, until {_day(found.not_valid_after_utc)}, sha256:{_digest(found)}"


def _described(directory: str, state: State) -> dict[str, object]:
    """The same for programs."""
    return {
        "directory": directory,
        "name": state.name,
        "trust_domain": state.trust_domain,
        "key": state.kind,
        "protection": state.protection,
        "token": None if state.module is None else state.module.token,
        "roots": [_certificate(root.certificate) for root in state.roots],
        "intermediates": [
            {
                **_certificate(one.certificate),
                "id": one.key[:16],
                "listed_until": _instant(one.until).isoformat() if one.until else None,
            }
            for one in state.intermediates
        ],
    }


def _certificate(der: bytes) -> dict[str, object]:
    found = _parsed(der)
    return {
        "name": _name(found),
        "sha256": _digest(found),
        "not_before": found.not_valid_before_utc.isoformat(),
        "not_after": found.not_valid_after_utc.isoformat(),
    }


def _parsed(der: bytes) -> x509.Certificate:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise MisconfiguredError("authority.json", "damaged: not a certificate") from error


def _name(found: x509.Certificate) -> str:
    return found.subject.rfc4514_string()


def _digest(found: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return found.fingerprint(SHA256()).hex()


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"
