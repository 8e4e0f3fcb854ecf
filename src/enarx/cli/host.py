"""``enarx host``: offer keeps on this machine."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import click

from enarx import __version__
from enarx.adapters.keep_image import NAME
from enarx.cli.exit import report_note, report_warning
from enarx.cli.hosting import (
    API_LOCK,
    DEFAULT_PORT,
    KeeperStarter,
    end_processes,
    listen,
    state_directory,
    url_of,
)
from enarx.cli.kinds import VmOptions, kinds, vm_options
from enarx.errors import MisconfiguredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_STATE = click.option(
    "--state",
    metavar="DIR",
    default="",
    help="State directory.  [default: ~/.local/state/enarx/host]",
)
_WARM = click.option("--warm", default=4, show_default=True, help="How many keeps wait.")
_MOST = click.option(
    "--max-keeps", "most", default=2000, show_default=True, help="How many there may be."
)


@click.group("host")
def command() -> None:
    """Offer keeps on this machine."""


@command.command("serve")
@_STATE
@_WARM
@_MOST
@click.option("--listen", "address", default="127.0.0.1", show_default=True, help="Address.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port; 0 for any.")
@click.option("--tls-certificate", default="", metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", default="", metavar="FILE", help="Its key, PEM.")
@click.option(
    "--client-ca", default="", metavar="FILE", help="Take clients with a certificate below it only."
)
@click.option("--tenant-keeps", default=100, show_default=True, help="Keeps of a tenant at once.")
@click.option(
    "--tenant-creations", default=600, show_default=True, help="Keeps of a tenant per minute."
)
@click.option(
    "--max-envelope", default="64MiB", show_default=True, help="Largest package; at most 512MiB."
)
@click.option("--insecure-plain-http", is_flag=True, help="Listen to other machines without TLS.")
@click.option("--external-keeper", is_flag=True, help="Start no keeper: something else does.")
@vm_options
@click.option("--ready-fd", default=-1, hidden=True)
def serve_command(  # one parameter per option
    *,
    state: str,
    warm: int,
    most: int,
    address: str,
    port: int,
    tls_certificate: str,
    tls_key: str,
    client_ca: str,
    tenant_keeps: int,
    tenant_creations: int,
    max_envelope: str,
    insecure_plain_http: bool,
    external_keeper: bool,
    machines: VmOptions,
    ready_fd: int,
) -> None:
    """Serve the API for clients until SIGTERM.

    Keeps live in a process of their own, the keeper: they go on when this one ends or is killed,
    and `enarx host stop` ends them.
    """
    from enarx.host.api.settings import Limits, Quotas, Settings
    from enarx.web.tls import Tls

    if bool(tls_certificate) != bool(tls_key) or (client_ca and not tls_key):
        raise MisconfiguredError("--tls-certificate", "needs --tls-key, and --client-ca needs both")
    tls = None
    if tls_key:
        tls = Tls(certificate=tls_certificate, key=tls_key, client_authorities=client_ca)
        _check_tls(tls)
    elif insecure_plain_http:
        report_warning("INSECURE: tokens travel in the clear to whoever listens")
    settings = Settings(
        quotas=Quotas(keeps=tenant_keeps, creations=tenant_creations),
        limits=Limits(envelope_bytes=_envelope_bytes(max_envelope)),
        tls=tls,
        image=f"{NAME}/{__version__}",
        vm_image=machines.image_name(),
        hardware=machines.hardware,
    )
    arguments = ("--warm", str(warm), "--max-keeps", str(most), *machines.arguments())
    directory = state_directory(state)
    start = (lambda: None) if external_keeper else KeeperStarter(directory, arguments)
    serve_api(
        directory,
        settings,
        address=address,
        port=port,
        insecure=insecure_plain_http,
        start_keeper=start,
        ready=lambda url: _tell(ready_fd, url),
    )


def serve_api(
    directory: str,
    settings: object,
    *,
    address: str,
    port: int,
    insecure: bool,
    start_keeper: Callable[[], None],
    ready: Callable[[str], None],
) -> None:
    """Serve, as the only API of *directory*.

    Raises:
        AlreadyRunningError: there is one.
    """
    from enarx.host.api.settings import Settings
    from enarx.host.lock import hold

    try:
        from enarx.host.api.serve import serve
    except ModuleNotFoundError as error:
        raise MisconfiguredError(
            f"module {error.name}", "is not installed", hints=("pip install 'enarx[host]'",)
        ) from error
    if not isinstance(settings, Settings):
        raise TypeError("settings")
    with hold(f"{directory}/{API_LOCK}", "an API") as lock:
        secure = settings.tls is not None
        listener = listen(address, port, secure=secure, insecure=insecure)
        url = url_of(listener, secure=secure)
        lock.note(f"process {os.getpid()}, {url}")
        serve(
            directory,
            listener,
            settings,
            now=time.time,
            monotonic=time.monotonic,
            start_keeper=start_keeper,
            ready=lambda: ready(url),
        )


@command.command("keeper")
@_STATE
@_WARM
@_MOST
@vm_options
@click.option("--unused-after", default=600.0, show_default=True, help="Seconds.")
@click.option("--ready-fd", default=-1, hidden=True)
@click.option("--lock-fd", default=-1, hidden=True)
def keeper_command(  # one parameter per option
    *,
    state: str,
    warm: int,
    most: int,
    machines: VmOptions,
    unused_after: float,
    ready_fd: int,
    lock_fd: int,
) -> None:
    """Hold the keeps of this machine until SIGTERM; `enarx host serve` starts it by itself.

    Without --hardware all platforms are simulated: whoever owns this machine can read its keeps.
    """
    from enarx.host.keeper.daemon import run
    from enarx.host.keeper.keeper import Settings

    run(
        state_directory(state),
        lambda: kinds(warm, machines),
        settings=Settings(most=most, unused_s=unused_after),
        ready=lambda: _tell(ready_fd, ""),
        lock=lock_fd,
    )


@command.command("stop")
@_STATE
def stop_command(*, state: str) -> None:
    """End the API and the keeper, and every keep with it; returns when they are gone."""
    end_processes(state_directory(state), report_note)


@command.group("token")
def token_command() -> None:
    """Say who may ask this host for keeps."""


@token_command.command("create")
@_STATE
@click.option("--tenant", required=True, metavar="NAME", help="Whose it is.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is valid.  [default: ever]")
def create_token(*, state: str, tenant: str, days: int | None) -> None:
    """Print a new token; only its hash is kept."""
    click.echo(make_token(state_directory(state), tenant, days=days))


@token_command.command("list")
@_STATE
def list_tokens(*, state: str) -> None:
    """List all tokens, without their secrets."""
    from enarx.host.records import tokens

    with _Records(state) as connection:
        for record in tokens.every(connection):
            expires = "never" if record.expires is None else _date(record.expires)
            revoked = "" if record.revoked is None else f"  revoked {_date(record.revoked)}"
            click.echo(
                f"{record.id}  {record.tenant}  made {_date(record.created)}  "
                f"expires {expires}{revoked}"
            )


@token_command.command("revoke")
@_STATE
@click.argument("token_id", metavar="ID")
def revoke_token(*, state: str, token_id: str) -> None:
    """End a token at once; ID is what `list` shows."""
    from enarx.host.records import tokens

    with _Records(state) as connection:
        if not tokens.revoke(connection, token_id, time.time()):
            raise MisconfiguredError("ID", f"no valid token {token_id[:20]!r}")


def make_token(directory: str, tenant: str, *, days: int | None = None) -> str:
    """A new token for *tenant*, recorded in *directory*."""
    from enarx.host.records import tokens

    now = time.time()
    with _Records(directory) as connection:
        return tokens.create(
            connection,
            tenant,
            entropy=os.urandom(tokens.ID_BYTES + tokens.SECRET_BYTES),
            now=now,
            expires=None if days is None else now + timedelta(days=days).total_seconds(),
        )


class _Records:
    """The records of a state directory, while they are open."""

    def __init__(self, state: str) -> None:
        from enarx.host.records.database import open_database

        self._connection = open_database(state_directory(state))

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _envelope_bytes(text: str) -> int:
    from enarx.seal.envelope import MAX_BYTES
    from enarx.wire.sizes import size_bytes

    found = size_bytes(text)
    if found is None or not 0 < found <= MAX_BYTES:
        problem = f"got {text[:40]!r}, want a size such as 64MiB, at most 512MiB"
        raise MisconfiguredError("--max-envelope", problem)
    return found


def _check_tls(tls: object) -> None:
    from enarx.web.tls import tls_context

    try:
        tls_context(tls)  # type: ignore[arg-type]
    except OSError as error:
        raise MisconfiguredError(
            "--tls-certificate", f"cannot be used: {str(error).lower()}"
        ) from error


def _tell(fd: int, url: str) -> None:
    """Tell whoever started us that we are ready."""
    if fd >= 0:
        import json

        os.write(fd, json.dumps({"url": url, "pid": os.getpid()}).encode() + b"\n")
        os.close(fd)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
