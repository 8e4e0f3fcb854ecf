"""One run of an application in a keep of this machine, seen from its host.

The keep is another process; this one serves its requests, passes signals on, and says at the end
how it went.  Nothing here knows the parser of the command line: it takes longer to load than
everything else of a run together (``main``).
"""

from __future__ import annotations

import os
import shlex
import signal
import sys

from enarx.cli import exit as status
from enarx.errors import MisconfiguredError
from enarx.protocol.link import NOT_AVAILABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.adapters.aot_store import Directory
    from enarx.host.spawn import Spawned
    from enarx.package.manifest import Package
    from enarx.protocol.launch import Launch
    from enarx.protocol.link import Event
    from enarx.protocol.outcome import Outcome

_SLOW_TO_COMPILE = 4 << 20  # bytes of application; about two seconds
_SHOWN = frozenset(("warn", "error"))  # what a keep logs at these levels needs no --log-filter
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Options:
    """What ``enarx run`` was asked for; the defaults are the command line's."""

    __slots__ = (
        "arguments", "backend", "cache", "certificate", "environment", "fd_variables", "mounts",
        "package", "platform", "secrets", "wasmcfgfile",
    )  # fmt: skip

    def __init__(
        self,
        package: str,
        arguments: tuple[str, ...] = (),
        *,
        platform: str | None = None,
        backend: str | None = None,
        wasmcfgfile: str | None = None,
        environment: tuple[str, ...] = (),
        mounts: tuple[str, ...] = (),
        secrets: tuple[str, ...] = (),
        certificate: str | None = None,
        cache: bool = True,
        fd_variables: bool = True,
    ) -> None:
        self.package = package
        self.arguments = arguments
        self.platform = platform
        self.backend = backend
        self.wasmcfgfile = wasmcfgfile
        self.environment = environment
        self.mounts = mounts
        self.secrets = secrets
        self.certificate = certificate
        self.cache = cache
        self.fd_variables = fd_variables


def execute(options: Options, head_start: Spawned | None) -> int:
    """Run the application and return the exit status; *head_start* may have been started before.

    Raises:
        EnarxError: it could not run.
    """
    from enarx.adapters.package_files import is_built_project, load
    from enarx.cli.launching import Descriptors, prepare

    _choose_platform(options.platform, options.backend)
    if options.platform is None and options.backend is None and _is_watched():
        status.report_note("platform process: a sandbox, without hardware protection")
    loaded = load(options.package, config=options.wasmcfgfile)
    if is_built_project(options.package):
        report_if_stale(options.package)
    descriptors = Descriptors()
    try:
        launch = prepare(
            loaded,
            descriptors,
            name=options.package,
            config_name=_config_name(options, loaded),
            arguments=options.arguments,
            environment=options.environment,
            mounts=options.mounts,
            secrets=options.secrets,
            cache=options.cache,
            fd_variables=options.fd_variables,
        )
        run = Run(options.package, options.certificate)
        return run.supervise(head_start, launch, loaded)
    finally:
        descriptors.close()


def report_if_stale(folder: str) -> None:
    """Say so if a source of the project in *folder* is newer than its package."""
    from enarx.adapters.project_folder import changed_since_build

    changed = changed_since_build(folder)
    if changed:
        status.report_note(
            f"{changed} has changed since it was built: enarx build {shlex.quote(folder)}"
        )


def _config_name(options: Options, package: Package) -> str:
    """What messages call the Enarx.toml of *package*."""
    if package.config is None:
        return "Enarx.toml"
    return options.wasmcfgfile or f"{options.package.rstrip('/')}/Enarx.toml"


class Run:
    """One run of an application, seen from its host."""

    def __init__(self, name: str, certificate: str | None) -> None:
        self._name = name
        self._certificate = certificate
        self._signal = 0

    def supervise(self, head_start: Spawned | None, launch: Launch, package: Package) -> int:
        """Start the keep, serve it to its end, and say how it ended."""
        from enarx.host.process import Zygote, start_zygote
        from enarx.host.supervise import supervise

        zygote = Zygote(head_start) if head_start else start_zygote()
        handlers = {}
        try:
            keep = zygote.launch(launch)

            def forward(number: int, _frame: object) -> None:
                self._signal = number
                keep.kill(number)

            handlers = {
                number: signal.signal(number, forward)
                for number in _FORWARDED
                if signal.getsignal(number) is not signal.SIG_IGN  # nohup(1): the keep's, too
            }
            outcome = supervise(
                zygote,
                keep,
                store=_store() if launch.aot else None,
                modules=frozenset({package.blobs[1].digest.removeprefix("sha256:")}),
                event=self._event,
            )
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            zygote.close()
        return self._conclude(outcome)

    def _event(self, event: Event) -> None:
        if event.name == "certificate" and self._certificate is not None:
            _write(self._certificate, str(event.fields["pem"]))
            self._certificate = None
        elif event.name == "compiling":
            self._note_compiling(event.fields["size"])
        elif event.name == "sandbox":
            _warn_of_missing(event.fields["applied"])
        elif event.name == "running" and self._certificate is not None:
            status.report_hint("--write-certificate: none was made, no socket uses TLS")
        elif event.name == "log" and event.fields["level"] in _SHOWN:
            status.report_warning(str(event.fields["text"]))
        if "enarx.cli.log" in sys.modules and event.name != "certificate":
            from enarx.cli.log import note

            note(event)

    def _note_compiling(self, size: object) -> None:
        """Whoever waits in front of a terminal is told for what."""
        if isinstance(size, int) and size >= _SLOW_TO_COMPILE and _is_watched():
            status.report_note(f"compiling {self._name} ({size >> 20} MiB); the next run is quick")

    def _conclude(self, outcome: Outcome) -> int:
        """The exit status, after saying what the application cannot say itself."""
        if outcome.kind == "exit":
            return _application_status(self._name, outcome.code)
        if outcome.kind == "failed" and outcome.error is not None and not self._signal:
            raise outcome.error
        number = outcome.signal or self._signal
        if number in _FORWARDED:
            status.report_end(f"{self._name}: ended by {signal.Signals(number).name}")
            return status.SIGNALLED + number
        return status.report_outcome(self._name, outcome)


def _warn_of_missing(applied: object) -> None:
    """A sandbox with holes is never silent."""
    for line in applied if isinstance(applied, list | tuple) else ():
        if str(line).startswith(NOT_AVAILABLE):
            status.report_warning(f"the sandbox is weaker than it should be: {line}")


def _is_watched() -> bool:
    """Whether someone sees what is written to standard error while it happens."""
    try:
        return os.isatty(2)
    except OSError:
        return False


def _application_status(name: str, code: int | str) -> int:
    number = int(code)
    if number <= status.LARGEST_PORTABLE:
        return number
    status.report_end(
        f"{name}: exited with {number}, which no shell can show "
        f"(want 0 to {status.LARGEST_PORTABLE})"
    )
    return status.REJECTED


def _choose_platform(platform: str | None, backend: str | None) -> None:
    """Refuse a platform that cannot run packages; --backend is Enarx 0.7's name for the option."""
    if platform is None and backend is None:
        return
    from enarx.host.platforms import choose

    if platform is not None and backend is not None and platform != backend:
        raise MisconfiguredError(
            "--platform",
            f"got {platform!r}, but --backend (or ENARX_BACKEND) says {backend!r}",
            hints=("give one of them",),
        )
    choose(platform or backend)


def _store() -> Directory:
    from enarx.adapters.aot_store import Directory, default_directory

    return Directory(default_directory(os.environ))


def _write(path: str, text: str) -> None:
    """Write aside, then rename: a reader sees all of it or none."""
    from pathlib import Path

    aside = Path(f"{path}.{os.getpid()}.partial")
    try:
        with aside.open("x", encoding="ascii") as file:  # nobody's link is followed
            file.write(text)
        aside.replace(path)
    except OSError as error:
        raise MisconfiguredError(
            "--write-certificate", f"cannot write {path}: {(error.strerror or str(error)).lower()}"
        ) from error
