"""The options of ``enarx run``: an application in a keep, with this terminal's streams."""

from __future__ import annotations

import click

from enarx.cli.execution import Options, execute
from enarx.errors import MisconfiguredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.host.spawn import Spawned


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
@click.argument("package", metavar="PACKAGE", type=click.Path(readable=False))
@click.argument("arguments", metavar="[ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--platform", metavar="NAME", help="Platform of the keep; the best usable one by default."
)
@click.option("--backend", envvar="ENARX_BACKEND", metavar="NAME", hidden=True)
@click.option(
    "--wasmcfgfile",
    envvar="ENARX_WASMCFGFILE",
    metavar="FILE",
    type=click.Path(readable=False),
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
    "--secret",
    "secrets",
    metavar="NAME=FILE",
    multiple=True,
    help="Give the application a file as its secret NAME, in /run/secrets unless Enarx.toml says"
    " otherwise; repeatable.",
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
    head_start: Spawned | None,
    /,
    *,
    package: str,
    arguments: tuple[str, ...],
    platform: str | None,
    backend: str | None,
    wasmcfgfile: str | None,
    environment: tuple[str, ...],
    mounts: tuple[str, ...],
    secrets: tuple[str, ...],
    write_certificate: str | None,
    no_cache: bool,
    no_fd_variables: bool,
    unsigned: bool,
    signatures: str | None,
) -> int:
    """Run the application in PACKAGE inside a keep on this machine."""
    del unsigned  # a process keep has no signature: what 0.7's flag asks for is the case
    if signatures is not None:
        raise MisconfiguredError(
            "--signatures", "process keeps are not signed", hints=("leave --signatures out",)
        )
    options = Options(
        package,
        arguments,
        platform=platform,
        backend=backend,
        wasmcfgfile=wasmcfgfile,
        environment=environment,
        mounts=mounts,
        secrets=secrets,
        certificate=write_certificate,
        cache=not no_cache,
        fd_variables=not no_fd_variables,
    )
    return execute(options, head_start)
