"""``enarx run``: an application in a keep on this machine, with this terminal's streams.

The keep is another process; this one is its host: it serves the keep's requests, passes signals
on, and says at the end how it went.
"""

from __future__ import annotations

import os
import signal

import click

from enarx.cli import exit as status
from enarx.errors import MisconfiguredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.adapters.aot_store import Directory
    from enarx.host.process import Zygote
    from enarx.package.manifest import Package
    from enarx.protocol.launch import Launch
    from enarx.protocol.link import Event
    from enarx.protocol.outcome import Outcome

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@click.command(
    "run",
    context_settings={"allow_interspersed_args": False},
    epilog="""\b
PACKAGE is a .wasm file (module or component), a directory with main.wasm and
optionally Enarx.toml and files, or a package made by 'enarx package build'.
Options of enarx come before it, arguments of the application after it.
\b
Exit status: the application's own; 134 it trapped, 124 a limit was reached,
141 its output lost its reader, 128+n it was ended by signal n, and 1, 3, 4
when it could not run: not valid, something unavailable, misconfigured.""",
)
@click.argument("package", metavar="PACKAGE", type=click.Path())
@click.argument("arguments", metavar="[ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--platform", metavar="NAME", help="Platform of the keep; the best usable one by default."
)
@click.option("--backend", envvar="ENARX_BACKEND", metavar="NAME", hidden=True)
@click.option(
    "--wasmcfgfile",
    envvar="ENARX_WASMCFGFILE",
    metavar="FILE",
    type=click.Path(),
    help="The Enarx.toml to use; a .wasm file has none of its own.  [env: ENARX_WASMCFGFILE]",
)
@click.option(
    "--env", "environment", metavar="NAME=VALUE", multiple=True, help="Set a variable; repeatable."
)
@click.option(
    "--mount",
    "mounts",
    metavar="DIR:PATH[:ro|rw]",
    multiple=True,
    help="Show the application a folder of this machine at PATH, read-only unless :rw; repeatable.",
)
@click.option(
    "--write-certificate",
    metavar="FILE",
    type=click.Path(),
    help="Write the certificate that the keep made for its TLS sockets, in PEM.",
)
@click.option("--no-cache", is_flag=True, help="Compile anew, and keep no compiled code.")
@click.option(
    "--no-fd-variables",
    is_flag=True,
    help="Leave FD_COUNT and FD_NAMES out of the application's environment.",
)
@click.option("--unsigned", is_flag=True, hidden=True)
@click.option("--signatures", metavar="FILE", hidden=True)
@click.pass_obj
def command(  # one parameter per option
    head_start: Zygote | None,
    /,
    *,
    package: str,
    arguments: tuple[str, ...],
    platform: str | None,
    backend: str | None,
    wasmcfgfile: str | None,
    environment: tuple[str, ...],
    mounts: tuple[str, ...],
    write_certificate: str | None,
    no_cache: bool,
    no_fd_variables: bool,
    unsigned: bool,
    signatures: str | None,
) -> int:
    """Run the application in PACKAGE inside a keep on this machine."""
    from enarx.adapters.package_files import load
    from enarx.cli.launching import Descriptors, prepare

    del unsigned  # a process keep has no signature: what 0.7's flag asks for is the case
    if signatures is not None:
        raise MisconfiguredError(
            "--signatures", "process keeps are not signed", hints=("leave --signatures out",)
        )
    _choose_platform(platform, backend)
    loaded = load(package, config=wasmcfgfile)
    descriptors = Descriptors()
    try:
        launch = prepare(
            loaded,
            descriptors,
            name=package,
            config_name=wasmcfgfile or f"{package.rstrip('/')}/Enarx.toml",
            arguments=arguments,
            environment=environment,
            mounts=mounts,
            cache=not no_cache,
            fd_variables=not no_fd_variables,
        )
        return Run(package, write_certificate).supervise(head_start, launch, loaded)
    finally:
        descriptors.close()


class Run:
    """One run of an application, seen from its host."""

    def __init__(self, name: str, certificate: str | None) -> None:
        self._name = name
        self._certificate = certificate
        self._signal = 0

    def supervise(self, head_start: Zygote | None, launch: Launch, package: Package) -> int:
        """Start the keep, serve it to its end, and say how it ended."""
        from enarx.host.process import start_zygote
        from enarx.host.supervise import supervise

        zygote = head_start or start_zygote()
        handlers = {}
        try:
            keep = zygote.launch(launch)

            def forward(number: int, _frame: object) -> None:
                self._signal = number
                keep.kill(number)

            handlers = {number: signal.signal(number, forward) for number in _FORWARDED}
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
        if event.name == "certificate":
            if self._certificate is not None:
                _write(self._certificate, str(event.fields["pem"]))
                self._certificate = None
        else:
            if event.name == "running" and self._certificate is not None:
                status.report_hint("--write-certificate: none was made, no socket uses TLS")
            from enarx.cli.log import wanted

            if wanted():
                import logging

                logging.getLogger("enarx.keep").info("%s %s", event.name, event.fields)

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
        aside.write_text(text, encoding="ascii")
        aside.replace(path)
    except OSError as error:
        raise MisconfiguredError(
            "--write-certificate", f"cannot write {path}: {(error.strerror or str(error)).lower()}"
        ) from error
