"""``enarx up``: everything for one machine, with one command."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx import __version__
from enarx.adapters import contexts
from enarx.adapters.contexts import Context
from enarx.adapters.keep_image import NAME
from enarx.adapters.private_files import OTHERS, open_directory, write_small
from enarx.cli.exit import report_hint, report_note, report_warning
from enarx.cli.host import make_token, serve_api
from enarx.cli.hosting import API_LOCK, DEFAULT_PORT, KeeperStarter, state_directory
from enarx.errors import EnarxError, MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.cli.kinds import VmOptions

STEWARD_PORT = 9181

_CONTEXT = "local"
_TENANT = "local"
_STEWARD = "steward"
_TOKENS = "tokens"
_TOKEN = "local.token"  # noqa: S105 - a file's name


@click.command("up")
@click.option(
    "--state",
    metavar="DIR",
    default="",
    help="State directory.  [default: ~/.local/state/enarx/host]",
)
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port; 0 for any.")
@click.option("--warm", default=4, show_default=True, help="How many keeps wait.")
@click.option(
    "--steward-port", type=int, help=f"Port of the Steward; 0 for any.  [default: {STEWARD_PORT}]"
)
@click.option("--no-steward", is_flag=True, help="Start no Steward.")
def command(
    *, state: str, port: int, warm: int, steward_port: int | None, no_steward: bool
) -> None:
    """Offer keeps on this machine to yourself, until Ctrl-C.

    Makes what is missing: state directories, a token, the context "local" for `enarx deploy`, and
    a Steward that certifies keeps of the installed image. Keeps go on when it ends; `enarx host
    stop` ends them. All platforms are simulated here: real formats, no protection from this
    machine.
    """
    from enarx.host.api.settings import Limits, Quotas, Settings
    from enarx.host.lock import is_held, read_note
    from enarx.seal.envelope import MAX_BYTES

    directory = state_directory(state)
    machines = _machines()
    lock = f"{directory}/{API_LOCK}"
    if is_held(lock):
        report_note(f"it runs already: {read_note(lock)}")
        return
    token = _token_file(directory)
    settings = Settings(
        quotas=Quotas(keeps=2000, creations=6000),
        limits=Limits(envelope_bytes=MAX_BYTES),
        image=f"{NAME}/{__version__}",
        vm_image=machines.image_name(),
    )
    if steward_port is None:
        steward_port = STEWARD_PORT if port else 0
    with _steward(directory, steward_port, wanted=not no_steward):
        serve_api(
            directory,
            settings,
            address="127.0.0.1",
            port=port,
            insecure=False,
            start_keeper=KeeperStarter(directory, ("--warm", str(warm), *machines.arguments())),
            ready=lambda url: _welcome(url, token),
        )


def _machines() -> VmOptions:
    """Virtual machines, if an image was built and there is a program to start them."""
    from enarx.adapters.image_folder import default_folder
    from enarx.cli.installed_image import has_vm_image
    from enarx.cli.kinds import VmOptions
    from enarx.host.machine import Machine
    from enarx.host.vm.probe import PROGRAM

    if not has_vm_image():
        return VmOptions()
    if not Machine(path=os.environ.get("PATH", os.defpath)).program(PROGRAM):
        report_note("no virtual machines: install QEMU (apt-get install qemu-system-x86)")
        return VmOptions()
    return VmOptions(image=default_folder(os.environ))


@contextmanager
def _steward(directory: str, port: int, *, wanted: bool) -> Iterator[None]:
    """A Steward beside the host, for as long as the block lasts.

    Raises:
        UnavailableError: it ended at once; it has said why.
    """
    if not wanted:
        yield
        return
    if importlib.util.find_spec("sqlalchemy") is None:
        report_note("no Steward: pip install 'enarx[steward]'")
        yield
        return
    process, url = _start_steward(f"{directory}/{_STEWARD}", port)
    try:
        report_note(f"Steward at {url}")
        report_hint(f"its root: enarx steward ca show --pem --state {directory}/{_STEWARD}")
        yield
    finally:
        process.terminate()
        process.wait()


def _start_steward(state: str, port: int) -> tuple[subprocess.Popen[bytes], str]:
    """The process, and where it answers."""
    reader, writer = os.pipe()
    log = os.open(
        f"{state}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "enarx", "steward", "serve", "--state", state,
                "--port", str(port), "--workers", "1", "--insecure-accept-simulated",
                "--ready-fd", str(writer),
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(writer,),
        )  # fmt: skip
    finally:
        os.close(writer)
        os.close(log)
    with os.fdopen(reader, encoding="utf-8") as ready:
        line = ready.readline()
    if not line:
        process.wait()
        hint = f"it says why in {state}.log; or go without: --no-steward"
        raise UnavailableError("Steward", "ended before it answered", hints=(hint,))
    return process, str(json.loads(line)["url"])


def _token_file(directory: str) -> str:
    """The file with the token of the user's own; made, with its token, if need be.

    It is written last: a start that was killed before makes another token.
    """
    folder = f"{directory}/{_TOKENS}"
    path = f"{folder}/{_TOKEN}"
    if not Path(path).exists():
        token = make_token(directory, _TENANT)
        fd = open_directory(folder, OTHERS)
        try:
            write_small(fd, _TOKEN, f"{token}\n".encode())
        finally:
            os.close(fd)
    return path


def _welcome(url: str, token: str) -> None:
    """Write the context, and say what can be done now."""
    report_warning("platforms are SIMULATED: real formats, no protection from this machine")
    context = Context(url=url, token_file=token, insecure_accept_simulated=True)
    with suppress(EnarxError):
        _remember(context)
    report_note(f"serving {url}")
    report_hint(f"enarx deploy --context {_CONTEXT} APP.wasm")


def _remember(context: Context) -> None:
    directory = contexts.default_directory(os.environ)
    try:
        known = contexts.load(directory)
        if known.by_name.get(_CONTEXT) != context:
            contexts.save(directory, contexts.with_context(known, _CONTEXT, context))
    except MisconfiguredError as error:
        report_warning(f"the context {_CONTEXT} was not written: {error}")
        raise
    report_note(f"context {_CONTEXT} is in {directory}/{contexts.FILE}")
