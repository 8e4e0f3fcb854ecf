"""``enarx steward serve``: a Steward with one command; what it lacks at the first start is made."""

from __future__ import annotations

import ipaddress
import os
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.cli.endorsement_sources import (
    SourceOptions,
    open_resolver,
    source_options_on_demand,
)
from enarx.cli.exit import report_hint, report_note, report_warning
from enarx.cli.hosting import listen, url_of
from enarx.cli.steward_database import (
    database_option,
    open_records,
    state_directory,
    state_option,
)
from enarx.cli.stewarding import key_options, log_of, opener_of
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sqlalchemy import Connection

    from enarx.steward.api.settings import Settings
    from enarx.steward.attest.finding import Means
    from enarx.steward.attest.service import Service
    from enarx.steward.authority.authority import Authority
    from enarx.steward.log.log import Log
    from enarx.steward.policies.document import StewardPolicy

DEFAULT_PORT = 9181
_MAX_WORKERS = 32
_DEFAULT_WORKERS = 4


@click.command("serve")
@state_option
@click.option("--listen", "address", default="127.0.0.1", show_default=True, help="Address.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port; 0 for any.")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="What clients call it, for its own certificate; may be repeated.  [default: localhost]",
)
@click.option("--trust-domain", default="enarx.local", show_default=True, help="If made now.")
@click.option(
    "--policy", "policy_file", metavar="FILE", default="", help="The first policy, if made now."
)
@click.option(
    "--guests-policy",
    metavar="FILE",
    default="",
    help="Serve guests of Confidential Containers, too, judged by this policy.",
)
@database_option
@key_options
@click.option("--tls-certificate", metavar="FILE", default="", help="PEM, instead of its own.")
@click.option("--tls-key", metavar="FILE", default="", help="PEM, its key.")
@click.option(
    "--workers",
    type=click.IntRange(1, _MAX_WORKERS),
    default=min(os.cpu_count() or 1, _DEFAULT_WORKERS),
    help="Processes.  [default: one for each processor, at most 4]",
)
@click.option("--rate", default=1200, show_default=True, help="Requests per minute and address.")
@click.option(
    "--insecure-accept-simulated", is_flag=True, help="Certify keeps that prove no hardware."
)
@source_options_on_demand
@click.option("--ready-fd", default=-1, hidden=True)
def command(  # one parameter per option
    *,
    state: str,
    address: str,
    port: int,
    names: tuple[str, ...],
    trust_domain: str,
    policy_file: str,
    guests_policy: str,
    database_url_file: str,
    passphrase_file: str,
    pin_file: str,
    tls_certificate: str,
    tls_key: str,
    workers: int,
    rate: int,
    insecure_accept_simulated: bool,
    sources: SourceOptions,
    ready_fd: int,
) -> None:
    """Serve keeps and their clients until SIGTERM.

    What is missing at the first start is made: an authority, a database, a policy that accepts the
    installed keep image and any workload.
    """
    if bool(tls_certificate) != bool(tls_key):
        raise MisconfiguredError("--tls-certificate", "needs --tls-key, and the other way round")
    directory = state_directory(state)
    maker = _Maker(
        directory=directory,
        url_file=database_url_file,
        passphrase_file=passphrase_file,
        pin_file=pin_file,
    )
    authority = maker.authority(trust_domain)
    maker.records(authority, policy_file, simulated=insecure_accept_simulated)
    if insecure_accept_simulated:
        report_warning("INSECURE: keeps that prove no hardware are certified, as SIMULATED")
    listener = listen(address, port, secure=True, insecure=False)
    url = url_of(listener, secure=True)
    called = names or ("localhost",)
    process = _Process(
        maker=maker,
        guests=_guests(guests_policy),
        listener=listener,
        settings=_settings(rate, tls_certificate, tls_key),
        names=(*called, address) if called == ("localhost",) else called,
        crl_url=f"https://{called[0]}:{listener.getsockname()[1]}/v1/crl",
        simulated=insecure_accept_simulated,
        sources=sources,
        tell=_teller(ready_fd, url),
    )
    from enarx.steward.api.workers import run_workers

    status = run_workers(workers, process.run, died=_died)
    if status:
        raise SystemExit(status)


def _settings(rate: int, certificate: str, key: str) -> Settings:
    from enarx.steward.api.settings import Limits, Settings
    from enarx.web.tls import Tls, tls_context

    tls = Tls(certificate=certificate, key=key) if key else None
    if tls is not None:
        try:
            tls_context(tls)
        except OSError as error:
            raise MisconfiguredError(
                "--tls-certificate", f"cannot be used: {str(error).lower()}"
            ) from error
    return Settings(limits=Limits(judged=rate), tls=tls)


def _died(pid: int, status: int) -> None:
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "by itself"
    report_warning(f"process {pid} ended ({how}), and is replaced")


def _teller(fd: int, url: str) -> Callable[[], None]:
    """Tell whoever started us, and whoever looks on, that requests are answered."""

    def tell() -> None:
        report_note(f"serving {url}")
        if fd >= 0:
            import json

            os.write(fd, json.dumps({"url": url, "pid": os.getppid()}).encode() + b"\n")
            os.close(fd)

    return tell


class _Maker:
    """Opens what a Steward stands on, and makes what is not there."""

    def __init__(
        self, *, directory: str, url_file: str, passphrase_file: str, pin_file: str
    ) -> None:
        self.directory = directory
        self.url_file = url_file
        self._passphrase_file = passphrase_file
        self._pin_file = pin_file

    def authority(self, trust_domain: str = "") -> Authority:
        """The authority; made for *trust_domain* if there is none and one is named."""
        from enarx.steward.authority import making, state
        from enarx.steward.authority.opener import make_passphrase

        is_new = trust_domain and not Path(f"{self.directory}/{state.FILE}").exists()
        if is_new and not self._passphrase_file:
            make_passphrase(self.directory)
        opener = opener_of(self.directory, self._passphrase_file, self._pin_file)
        if not is_new:
            return making.rotate_if_due(self.directory, opener, now=_now())
        wanted = making.Wanted(trust_domain=trust_domain)
        made = making.ensure(self.directory, opener, wanted, now=_now())
        report_note(f"made an authority for {trust_domain} in {self.directory}")
        report_hint("enarx steward ca show --pem")
        return made

    def records(self, authority: Authority, policy_file: str, *, simulated: bool) -> None:
        """Make the database and the first policy, if there are none."""
        from enarx.steward.policies.store import active_number
        from enarx.steward.records.database import retrying

        engine = open_records(self.directory, self.url_file)
        try:
            log = log_of(authority, engine, self.directory)
            if retrying(engine, lambda connection: active_number(connection, "policy")):
                if policy_file:
                    hint = "propose a change: enarx steward policy propose FILE"
                    raise MisconfiguredError("--policy", "there is a policy already", hints=(hint,))
                return
            text = _first_policy(policy_file, simulated=simulated)
            retrying(engine, lambda connection: _initialise(connection, log, text))
            report_note("made the first policy; nobody else has to approve changes (UNAPPROVED)")
            report_hint("enarx steward policy show")
        finally:
            engine.dispose()


def _initialise(connection: Connection, log: Log, text: bytes) -> None:
    from enarx.steward.policies.approvers import Approvers
    from enarx.steward.policies.changes import Policies

    Policies(origin=log.origin, append=log.append).initialise(
        connection,
        policy=text,
        approvers=Approvers(threshold=0, keys={}).encode(),
        by="enarx steward serve",
        now=int(time.time()),
    )


def _first_policy(path: str, *, simulated: bool) -> bytes:
    from enarx.cli.installed_image import every_installed
    from enarx.cli.steward_versions import document_in
    from enarx.steward.policies.starter import starter

    if path:
        return document_in(path, "policy")
    references = every_installed()
    platforms = tuple(dict.fromkeys(one.platform for one in references))
    return starter(
        platforms,
        "installed-image",
        references=references,
        accept_simulated=simulated,
        any_workload=True,
    ).encode()


def _guests(path: str) -> StewardPolicy | None:
    """The policy for guests in the file *path*, if one is named."""
    if not path:
        return None
    from enarx.cli.steward_versions import document_in
    from enarx.steward.policies.document import parse

    return parse(document_in(path, "policy"), path)


class _Process:
    """One worker: what it opens after the fork, and serves."""

    def __init__(
        self,
        *,
        maker: _Maker,
        guests: StewardPolicy | None,
        listener: socket.socket,
        settings: Settings,
        names: tuple[str, ...],
        crl_url: str,
        simulated: bool,
        sources: SourceOptions,
        tell: Callable[[], None],
    ) -> None:
        self._maker = maker
        self._guests = guests
        self._listener = listener
        self._settings = settings
        self._names = names
        self._crl_url = crl_url
        self._simulated = simulated
        self._sources = sources
        self._tell = tell

    def run(self, number: int) -> None:
        """Serve until SIGTERM."""
        from enarx.steward.api.desk import Desk
        from enarx.steward.api.metrics import Metrics
        from enarx.steward.api.others import routes as other_routes
        from enarx.steward.api.own_certificate import OwnCertificate
        from enarx.steward.api.serve import serve

        service = self._service()
        desk = Desk(service, self._settings, Metrics(), time.monotonic)
        own = None
        if self._settings.tls is None:
            dns, addresses = _sorted(self._names)
            own = OwnCertificate(
                lambda: service.authority,
                names=dns,
                addresses=addresses,
                now=_now,
                crl_url=self._crl_url,
            )
        try:
            serve(
                desk,
                self._listener,
                own,
                others=other_routes(service, desk, self._guests),
                ready=self._tell if number == 0 else lambda: None,
            )
        finally:
            service.close()

    def _service(self) -> Service:
        from enarx.steward.attest.service import Service
        from enarx.steward.records.writer import Writer

        authority = self._maker.authority()
        engine = open_records(self._maker.directory, self._maker.url_file)
        return Service(
            engine=engine,
            writer=Writer(engine),
            log=log_of(authority, engine, self._maker.directory),
            authority=authority,
            means=means(self._sources, simulated=self._simulated),
            now=lambda: datetime.now(UTC),
            entropy=os.urandom,
            crl_url=self._crl_url,
        )


def means(sources: SourceOptions, *, simulated: bool) -> Means:
    """With what evidence is authenticated."""
    from enarx.attestation import VENDOR_ANCHORS
    from enarx.cli.steward_endorsing import Endorsing
    from enarx.cli.trust_roots import simulated_roots
    from enarx.steward.attest.finding import Means

    return Means(
        anchors=VENDOR_ANCHORS + simulated_roots() if simulated else VENDOR_ANCHORS,
        accept_simulated=simulated,
        endorse=Endorsing(partial(open_resolver, sources)),
    )


def _sorted(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """DNS names, checked, and addresses."""
    dns, addresses = [], []
    for name in names:
        try:
            addresses.append(str(ipaddress.ip_address(name)))
        except ValueError:
            dns.append(name)
    return tuple(dns), tuple(addresses)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
