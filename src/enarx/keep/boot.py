"""One keep from its launch to its end: check, compile, furnish, lock down, run, report.

The order is the point.  Code is compiled, by a child in a sandbox of its own, before any socket
is opened, so that nobody connects to an application that is not ready.  Whatever needs files or
the host's help comes next, then the sandbox closes, and the application starts.
"""

from __future__ import annotations

import os
import signal
from functools import partial

from enarx.errors import MalformedError
from enarx.keep import code
from enarx.keep import outcome as ending
from enarx.keep.clock import Clock
from enarx.keep.engine.engine import Engine, Settings
from enarx.keep.engine.refusal import is_out_of_memory, link_refusal
from enarx.keep.engine.trap import EngineError, ProcExit, Trap
from enarx.keep.furnish import furnish, uses_tls
from enarx.keep.kind import kind_of
from enarx.keep.link import EXIT_STATUS, Link, LinkLostError
from enarx.keep.sandbox.lockdown import lock_down
from enarx.keep.system import System
from enarx.package import manifest
from enarx.package.model import (
    application_arguments,
    application_environment,
    default_config,
    secrets_wanted,
)
from enarx.protocol import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.component.outgoing import Network
    from enarx.keep.delivery import Delivery
    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Module
    from enarx.keep.engine.memory_limit import MemoryLimit
    from enarx.keep.furnish import Furniture
    from enarx.keep.kind import Kind
    from enarx.keep.mounts import Mounts
    from enarx.keep.secure import Secure
    from enarx.keep.vfs.memory import MemoryDirectory
    from enarx.package.manifest import Package
    from enarx.package.model import Config
    from enarx.protocol.launch import Launch
    from enarx.protocol.outcome import Outcome

_FINISH_S = 5.0
_NO_STEWARD = "steward: not asked, because a process keep has no evidence; nobody certifies it"


def main(link_fd: int, engine: Engine) -> int:
    """Be a keep: take the launch from *link_fd*, run it, report the end; the exit status.

    *engine* has plain settings and was made before the fork.
    """
    link = Link(link_fd)
    try:
        try:
            ended = Keep(link, engine).run()
        except Exception as error:  # noqa: BLE001 - every end is reported over the link
            ended = ending.of_exception(error)
        link.event("ended", outcome=ended.encode())
    except LinkLostError:
        return EXIT_STATUS
    return 0


class Keep:
    """What one keep holds between its launch and its end."""

    def __init__(self, link: Link, engine: Engine) -> None:
        self._link = link
        self._engine = engine
        self._limit: MemoryLimit | None = None

    def run(self) -> Outcome:
        """Everything, in order."""
        launch = self._link.launch()
        package = self._receive(launch)
        config = _configuration(launch, package)
        if config.steward is not None and not launch.attested:
            self._link.log("warn", "enarx.keep", f"{launch.config_name}: {_NO_STEWARD}")
        self._settle(config)
        kind = kind_of(package.module, config, launch.config_name)
        module = self._obtain(kind, package, launch)
        furniture, system = self._furnish(launch, package, config, kind)
        applied = lock_down(
            [(mount.fd, mount.writable) for mount in launch.mounts], allow_threads=False
        )
        self._link.event("sandbox", applied=applied.describe())
        self._start(config)

        def guest() -> None:
            fuel = config.limits.fuel
            kind.run(self._engine, module, system, where=launch.name, fuel=fuel)

        ended = self._outcome_of(guest, config, launch.name)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if ended.kind == "trap" or (ended.kind == "exit" and ended.code):
            ended = _broken_stream(furniture) or ended
        _finish(system)
        return ended

    def _receive(self, launch: Launch) -> Package:
        """Read the package's blobs and check every digest."""
        blobs = [_read(blob.fd, blob.size, f"blob {blob.digest}") for blob in launch.blobs]
        return manifest.assemble(launch.manifest.encode(), blobs, launch.name)

    def _settle(self, config: Config) -> None:
        """Choose the engine: the zygote's, or one of our own for limits it does not keep."""
        limits = config.limits
        settings = Settings(fuel=limits.fuel is not None, memory_limit=limits.memory_bytes)
        if settings.plain:
            return
        creator = None
        if limits.memory_bytes is not None:
            from enarx.keep.engine.memory_limit import MemoryLimit

            self._limit = MemoryLimit(limits.memory_bytes)
            creator = self._limit.creator
        self._engine = Engine(settings, memory_creator=creator)

    def _obtain(self, kind: Kind, package: Package, launch: Launch) -> Module | Component:
        """The application's code, from the host's cache or compiled now."""
        key = code.cache_key(self._engine, package.blobs[1].digest)
        if launch.aot:
            found = code.load_cached(self._link, key, self._engine, kind.load)
            if found is not None:
                return found
        kind.check(package.module, launch.name)
        self._link.event("compiling", size=len(package.module))
        fd = code.compile_apart(
            lambda: kind.compile(self._engine, package.module, where=launch.name)
        )
        if launch.aot:
            code.offer(self._link, key, fd)
        try:
            return kind.load(self._engine, f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

    def _furnish(
        self, launch: Launch, package: Package, config: Config, kind: Kind
    ) -> tuple[Furniture, System]:
        """Make the guest's world."""
        mounts = _mounts(launch, package, config)
        clock = Clock(launch.not_before_s)
        secure = None
        asks = kind.asks and bool(config.network_connect)
        if asks or uses_tls(config) or (launch.attested and config.steward is not None):
            package_files = mounts.package if mounts is not None else None
            secure = self._secure(launch, package.digest, config, package_files, clock)
        if asks and secure is not None:
            secure.prepare_outgoing()
        secrets = _secrets(launch, config, secure)
        preopens = mounts.preopens(secrets) if mounts is not None else ()
        furniture = furnish(config, launch.stdio, preopens, self._link, secure)
        arguments = application_arguments(config, launch.args, argv0=launch.argv0)
        variables = (*launch.env, *(secrets.environment if secrets is not None else ()))
        environment = application_environment(config, variables, fd_variables=launch.fd_variables)
        system = System(
            args=tuple(os.fsencode(argument) for argument in arguments),
            env=tuple((os.fsencode(name), os.fsencode(value)) for name, value in environment),
            descriptors=furniture.descriptors,
            stdio=furniture.stdio,
            preopens=preopens,
            background=secure.background if secure is not None else None,
            network=self._network(config, secure),
            clock=clock,
            listening=furniture.listening,
            log=lambda level, line: self._link.log(level, "enarx.keep.http", line),
        )
        return furniture, system

    def _secure(
        self,
        launch: Launch,
        workload_digest: str,
        config: Config,
        files: MemoryDirectory | None,
        clock: Clock,
    ) -> Secure:
        """The keep's key and certificate: of its Steward, with evidence, or neither."""
        from enarx.keep.secure import Secure

        steward = config.steward if launch.attested else None
        prove = partial(self._prove, workload_digest) if launch.attested and not steward else None
        made = Secure(
            config, files, launch.config_name, self._log_refusal, prove=prove, clock=clock
        )
        if steward is not None:
            made.certify(
                steward,
                self._link,
                workload_digest=workload_digest,
                log=lambda level, text: self._link.log(level, "enarx.keep.steward", text),
            )
        if not launch.attested:  # whoever connects gets it with its evidence
            self._link.event("certificate", pem=made.certificate)
        return made

    def _prove(self, workload_digest: str, spki: bytes) -> bytes:
        """Evidence that a key is this keep's, with what it is bound to, for its certificate."""
        from enarx.protocol.claims import UNASKED, IdentityClaims, beside

        claims = IdentityClaims(UNASKED, spki, workload_digest).encode()
        return beside(claims, self._link.prove(spki, UNASKED))

    def _log_refusal(self, peer: tuple[str, int], error: OSError) -> None:
        """A client that was turned away learns little; whoever runs the keep learns why."""
        text = f"TLS handshake with {peer[0]} port {peer[1]}: {error.strerror}"
        self._link.log("info", "enarx.keep.net", text)

    def _network(self, config: Config, secure: Secure | None) -> Network | None:
        """What a component may connect to while it runs; None where nothing is named."""
        if not config.network_connect:
            return None
        from enarx.keep.component.outgoing import Network

        if secure is None:
            return Network(config.network_connect, self._link)
        return Network(config.network_connect, self._link, secure.background, tls=secure.begin_tls)

    def _start(self, config: Config) -> None:
        """Tell the host, and let the clock of the time limit begin."""
        limit = config.limits.wall_time_s
        if limit is None:
            self._link.event("running")
            return
        self._link.event("running", wall_time_s=limit)
        # The default action ends the process, also in the middle of guest code.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit)

    def _outcome_of(self, guest: Callable[[], None], config: Config, where: str) -> Outcome:
        """Run the guest and say how it ended."""
        try:
            guest()
        except ProcExit as end:
            return outcome.exited(end.code)
        except Trap as trap:
            return self._trapped(trap, config)
        except EngineError as error:
            if is_out_of_memory(str(error)) or (self._limit is not None and self._limit.refused):
                return outcome.limited("memory", config.limits.memory_bytes)
            raise link_refusal(str(error), where=where) from error
        return outcome.exited(0)

    def _trapped(self, trap: Trap, config: Config) -> Outcome:
        """A trap, or the limit that caused it."""
        if trap.code == "out_of_fuel":
            return outcome.limited("fuel", config.limits.fuel)
        if self._limit is not None and self._limit.refused:
            return outcome.limited("memory", self._limit.limit)
        return outcome.trapped(trap.message, code=trap.code, backtrace=trap.backtrace)


def _finish(system: System) -> None:
    """Close what the guest left open, and let what it wrote reach the other side."""
    system.descriptors.close_all()
    if system.background is not None:
        import time

        system.background.finish(time.monotonic() + _FINISH_S)


def _broken_stream(furniture: Furniture) -> Outcome | None:
    """A program that failed after its output lost its reader failed because of that."""
    for name, stream in furniture.streams.items():
        if stream.broken:
            return outcome.broken_pipe(name)
    return None


def _configuration(launch: Launch, package: Package) -> Config:
    """The package's Enarx.toml, or the default."""
    if package.config is None:
        return default_config()
    from enarx.package.config import parse

    return parse(package.config, launch.config_name)


def _mounts(launch: Launch, package: Package, config: Config) -> Mounts | None:
    """The mounted trees; nothing is imported for a program without files."""
    secrets = launch.secrets or config.secrets
    if not (launch.mounts or secrets or config.mounts or package.files_layer):
        return None
    from enarx.keep.mounts import Mounts

    return Mounts(launch.mounts, config.mounts, package.files_layer, source=launch.config_name)


def _secrets(launch: Launch, config: Config, secure: Secure | None) -> Delivery | None:
    """The application's secrets; nothing is imported for a program without any."""
    if not (launch.secrets or config.secrets):
        return None
    from enarx.keep.delivery import deliver
    from enarx.package.secret_places import check_given

    given = {one.name: _read(one.fd, one.size, "secret") for one in launch.secrets}
    check_given(config, given, launch.config_name)  # before a Steward counts a use
    wanted = secrets_wanted(config)
    fetched: dict[str, bytes] = {}
    if wanted and secure is not None and secure.steward is not None:
        fetched = secure.fetch(wanted)
    return deliver(
        config,
        given,
        fetched,
        variables=dict(launch.env),
        source=launch.config_name,
    )


def _read(fd: int, size: int, where: str) -> bytes:
    """Copy a file, from its start, and close it: what is hashed is then what is used."""
    data = bytearray(size)
    view = memoryview(data)
    offset = 0
    while offset < size:
        count = os.preadv(fd, [view[offset:]], offset)
        if not count:
            raise MalformedError(where, f"got {offset} bytes, want {size}")
        offset += count
    os.close(fd)
    return bytes(data)
