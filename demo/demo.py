"""Deploys an HTTPS server into a keep that proved itself, and shows what was proven and what ran.

Nothing here is special to the demo: ``enarx up`` offers keeps on simulated platforms, ``enarx
deploy`` verifies one and seals the package to it, ``enarx verify`` proves the certificate that the
server shows, curl fetches a page (Python's own client where curl is missing), and what is said
about the processes is read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from OpenSSL import SSL, crypto
from processes import Process, family

HERE = Path(__file__).parent
ENARX = Path(sys.executable).with_name("enarx")
PACKAGE = HERE / "https-server"
CONFIGURED_PORT = "port = 12345"
PLATFORMS = ("snp", "tdx", "sgx")
START_TIMEOUT_S = 60.0
MOST_LINES, MOST_COLUMNS = 14, 100
"""Of one command's output; the rest is there for whoever runs it by hand."""
STOPPING = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run the demo; 0 if the page came out of a keep that proved itself."""
    with tempfile.TemporaryDirectory(prefix="enarx-demo-") as scratch:
        folder = Path(scratch)
        port = free_port()
        shutil.copytree(PACKAGE, folder / "https-server")
        config = folder / "https-server" / "Enarx.toml"
        config.write_text(config.read_text().replace(CONFIGURED_PORT, f"port = {port}"))
        user = User(folder)
        with offering(user) as keeper:
            accept = [word for name in PLATFORMS for word in ("--platform", name)]
            simulated = "--insecure-accept-simulated"
            user.enarx("policy", "init", *accept, "--installed-image", simulated, "policy.toml")
            deploy = ("deploy", "--detach", "--policy", "policy.toml", "./https-server")
            keep = user.enarx(*deploy).strip()
            wait_until_serving(port)
            certificate = folder / "keep.pem"
            certificate.write_text(ssl.get_server_certificate(("localhost", port)))
            show_connection(port, certificate)
            digest = user.enarx("package", "digest", "./https-server").strip()
            verify = ("verify", simulated, "--policy", "policy.toml", "--workload", digest)
            verdict = user.enarx(*verify, "keep.pem")
            page = show_page(port, certificate)
            show_processes(keeper, port)
            log = user.enarx("keep", "logs", keep)
            user.enarx("keep", "delete", keep)
        heading("The keep is gone, and so is the host.")
        say("Platforms were simulated: all of the protocol, no protection from this machine.")
    proven = "accepted by policy policy" in verdict and digest in verdict
    return 0 if proven and "inside a keep" in page and "GET / 200" in log else 1


class User:
    """Somebody with an empty home, who types commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = ("CACHE", "CONFIG", "DATA", "STATE")
        home = {f"XDG_{name}_HOME": str(folder / "home" / name.lower()) for name in names}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ENARX_")}
        self.environment: Mapping[str, str] = {**kept, **home}

    def enarx(self, *words: str) -> str:
        """Show the command and all that it prints; its standard output."""
        heading(f"$ enarx {' '.join(words)}")
        done = subprocess.run(
            [ENARX, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        for line in (done.stderr + done.stdout).splitlines()[:MOST_LINES]:
            say(f"  {line[:MOST_COLUMNS]}")
        if done.returncode:
            raise RuntimeError(f"enarx {words[0]} ended with {done.returncode}")
        return done.stdout


@contextlib.contextmanager
def offering(user: User) -> Iterator[int]:
    """``enarx up``; the process that holds the keeps. Both are ended, whatever happens."""
    say("$ enarx up --warm 1 &")
    log = user.folder / "up.log"
    # A signal between the fork and the assignment would leave the host behind.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    with log.open("wb") as out:
        host = subprocess.Popen(
            [ENARX, "up", "--warm", "1", "--port", str(free_port()), "--steward-port", "0"],
            env=user.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=unblock,  # noqa: PLW1509 - one thread
        )
    state = user.folder / "home" / "state" / "enarx" / "host"
    try:
        unblock()
        wait_until_offering(host, log, state / "keeper.sock")
        say("".join(f"  {line}\n" for line in log.read_text().splitlines()).rstrip("\n"))
        yield int((state / "keeper.lock").read_text().split()[1])
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        host.terminate()  # it may not be so far yet that "stop" finds it
        host.wait()
        stop = [ENARX, "host", "stop"]
        subprocess.run(stop, env=user.environment, check=False, capture_output=True)
        unblock()


def unblock() -> None:
    """Let the signals through that stop the demo."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def wait_until_offering(host: subprocess.Popen[bytes], log: Path, keeper: Path) -> None:
    """Wait for the host agent, and for the keeper that it starts."""
    end = time.monotonic() + START_TIMEOUT_S
    while not (keeper.exists() and "hint:" in log.read_text()):
        if host.poll() is not None:
            raise RuntimeError(f"enarx up ended with {host.returncode}: {log.read_text()}")
        if time.monotonic() > end:
            raise RuntimeError(f"no host agent after {START_TIMEOUT_S:.0f} s")
        time.sleep(0.02)


def wait_until_serving(port: int) -> None:
    """Wait until the application's port answers."""
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing answers on port {port} after {START_TIMEOUT_S:.0f} s")


def show_connection(port: int, certificate: Path) -> None:
    """What TLS a client gets, asked from a client that can name the key exchange."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(str(certificate))
    context.set_verify(SSL.VERIFY_PEER)
    with socket.create_connection(("127.0.0.1", port), 10) as raw:
        raw.settimeout(None)
        connection = SSL.Connection(context, raw)
        connection.set_tlsext_host_name(b"localhost")
        connection.set_connect_state()
        connection.do_handshake()
        peer = connection.get_peer_certificate(as_cryptography=True)
        heading("the connection")
        say(f"  protocol       {connection.get_protocol_version_name()}")
        say(f"  cipher         {connection.get_cipher_name()}")
        say(f"  key exchange   {connection.get_group_name()}")
        if peer is not None:
            say(f"  certificate    {peer.subject.rfc4514_string()}, made in the keep")
        connection.shutdown()


def show_page(port: int, certificate: Path) -> str:
    """Fetch the page with an ordinary client."""
    url = f"https://localhost:{port}/"
    curl = shutil.which("curl")
    if curl:
        command = (curl, "--silent", "--show-error", "--fail", "--cacert", str(certificate), url)
        heading(f"$ curl --cacert keep.pem {url}")
        page = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    else:
        heading(f"{url}, with Python's own client (curl is not installed)")
        trust = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(url, context=trust, timeout=30) as answer:
            page = answer.read().decode()
    say("".join(f"  {line}\n" for line in page.splitlines()).rstrip("\n"))
    return page


def show_processes(pid: int, port: int) -> None:
    """Who ran what: the process tree of the keeper, as the kernel tells it."""
    heading("what ran where")
    for depth, process in family(pid):
        say(f"  {'   ' * depth}{process.pid}  {role(depth)}")
        for fact in facts(process, port):
            say(f"  {'   ' * depth}       {fact}")
    say("  A process keep is separated from this machine's other programs; it is no TEE:")
    say("  whoever is root here can read it.  LIMITATIONS.md says what that means.")


def role(depth: int) -> str:
    """What a process of the tree is there for."""
    if depth == 0:
        return "keeper: the host's side, and the brokers that open and accept connections"
    if depth == 1:
        return "zygote: Python and the engine, loaded; keeps are forked from it"
    if depth == 2:  # noqa: PLR2004 - keeper, zygote, agent
        return "agent of a keep: its keys, and the end of its owner's channel"
    return "runtime of a keep: the application, its files, and the end of TLS"


def facts(process: Process, port: int) -> Iterator[str]:
    """What the kernel says about one process, as far as it matters here."""
    if process.listens_on(port):
        yield f"holds the listening socket of port {port}"
    if process.no_new_privileges:
        yield "may gain no privileges"
    if process.filters:
        yield f"is under {process.filters} system-call filter(s)"
    yield f"{process.memory_kib // 1024} MiB resident, {process.threads} thread(s)"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def heading(text: str) -> None:
    """A line that starts a part."""
    say(f"\n{text}")


def say(text: str) -> None:
    """Print at once, so that what was said stays in order with what others print."""
    print(text, flush=True)


def interrupt(number: int, _frame: object) -> NoReturn:
    """End as the signal says, through every ``finally``."""
    sys.exit(128 + number)


if __name__ == "__main__":
    for stopping in STOPPING:
        signal.signal(stopping, interrupt)
    try:
        sys.exit(main())
    except (SSL.Error, crypto.Error, OSError, RuntimeError, subprocess.SubprocessError) as e:
        sys.exit(f"the demo failed: {e}")
