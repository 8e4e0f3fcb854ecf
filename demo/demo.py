"""Runs an HTTPS server in a process keep, fetches a page from it, and shows what ran where.

Nothing here is special to the demo: ``enarx run`` starts it, curl fetches from it (Python's own
client where curl is missing), and what is said about the processes is read from /proc.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from OpenSSL import SSL, crypto
from processes import Process, family

HERE = Path(__file__).parent
PACKAGE = HERE / "https-server"
CONFIGURED_PORT = "port = 12345"
START_TIMEOUT_S = 60.0
STOPPING = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run the demo; 0 if the page came out of the keep."""
    with tempfile.TemporaryDirectory(prefix="enarx-demo-") as scratch:
        folder = Path(scratch)
        port = free_port()
        config = folder / "Enarx.toml"
        text = (PACKAGE / "Enarx.toml").read_text()
        config.write_text(text.replace(CONFIGURED_PORT, f"port = {port}"))
        certificate = folder / "keep.pem"
        say(f"$ enarx run demo/https-server    (port {port} in its Enarx.toml)")
        with running(config, certificate, folder / "server.log") as server:
            took = wait_until_serving(server, port, certificate)
            say(f"  serving after {took:.2f} s")
            show_connection(port, certificate)
            page = show_page(port, certificate)
            show_processes(server.pid, port)
            show_log(folder / "server.log")
        say(f"\nStopped with SIGTERM; `enarx run` ended with exit code {server.returncode}.")
    return 0 if "inside a keep" in page and server.returncode == 128 + signal.SIGTERM else 1


@contextlib.contextmanager
def running(config: Path, certificate: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``enarx run`` with *config*; stopped at the end, whatever happens."""
    command = (
        str(Path(sys.executable).with_name("enarx")),
        "run",
        *("--wasmcfgfile", str(config)),
        *("--write-certificate", str(certificate)),
        str(PACKAGE),
    )
    with log.open("wb") as out:
        # A signal between the fork and the assignment would leave the server behind.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=unblock,  # noqa: PLW1509 - one thread
        )
    try:
        unblock()
        yield server
    except Exception:
        sys.stderr.write(log.read_text(errors="replace"))
        raise
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def unblock() -> None:
    """Let the signals through that stop the demo."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def wait_until_serving(server: subprocess.Popen[bytes], port: int, certificate: Path) -> float:
    """Seconds until the port answers and the keep's certificate is there."""
    start = time.monotonic()
    while (took := time.monotonic() - start) < START_TIMEOUT_S:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended early, with exit code {server.returncode}")
        if certificate.exists():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return took
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
    """Who ran what: the process tree of ``enarx run``, as the kernel tells it."""
    heading("what ran where")
    for depth, process in family(pid):
        say(f"  {'   ' * depth}{process.pid}  {role(process, depth)}")
        for fact in facts(process, port):
            say(f"  {'   ' * depth}       {fact}")
    say("  A process keep is separated from this machine's other programs; it is no TEE:")
    say("  whoever is root here can read it.  LIMITATIONS.md says what that means.")


def role(process: Process, depth: int) -> str:
    """What a process of the tree is there for."""
    if not any("enarx.keep.zygote" in word for word in process.words):
        return "enarx run: the host's side, and the broker that opens and accepts connections"
    if depth == 1:
        return "zygote: Python and the engine, loaded; keeps are forked from it"
    return "keep: the application, its files, and the end of TLS"


def facts(process: Process, port: int) -> Iterator[str]:
    """What the kernel says about one process, as far as it matters here."""
    if process.listens_on(port):
        yield f"holds the listening socket of port {port}"
    if process.no_new_privileges:
        yield "may gain no privileges"
    if process.filters:
        yield f"is under {process.filters} system-call filter(s)"
    yield f"{process.memory_kib // 1024} MiB resident, {process.threads} thread(s)"


def show_log(log: Path) -> None:
    """What the application printed."""
    heading("what the application wrote to its standard output")
    say("".join(f"  {line}\n" for line in log.read_text().splitlines()).rstrip("\n"))


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
