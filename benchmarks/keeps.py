"""Keeps from one zygote, driven as a host of many drives them."""

from __future__ import annotations

import os
import select
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import BUILT, STREAMS, environment

from enarx.adapters.aot_store import Directory, default_directory
from enarx.adapters.package_files import load
from enarx.host.broker import Broker
from enarx.host.process import ProcessKeep, start_zygote
from enarx.host.reactor import Reactor
from enarx.package.manifest import Package
from enarx.protocol.launch import Blob, Launch
from enarx.protocol.link import Event

_PATIENCE_S = 30.0


class Pool:
    """One zygote, and the keeps that were launched in it."""

    def __init__(self) -> None:
        self.zygote = start_zygote()
        self._reactor = Reactor()
        self._reactor.watch(self.zygote.fileno(), select.POLLIN, lambda _: self.zygote.pump())
        self._store = Directory(default_directory(environment()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.zygote.close()

    def start(self, module: Path, config: Path | None = None) -> Started:
        """Launch a keep with *module*; its output goes to a pipe."""
        return Started(self, module, config)

    def run(self, module: Path) -> dict[str, float]:
        """Run *module* to its end; milliseconds from the launch to each thing seen of it."""
        started = self.start(module)
        self.turn_until(lambda: started.keep.over, "its end")
        started.close()
        return started.seen

    def turn_until(self, done: object, what: str) -> None:
        """Serve every keep until *done* says so."""
        end = time.monotonic() + _PATIENCE_S
        while not done():  # type: ignore[operator]
            self._reactor.once(0.1)
            if time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {what}")


class Started:
    """One keep at work.

    Attributes:
        keep: the process.
        seen: what was seen of it, and how many ms after the launch.
    """

    def __init__(self, pool: Pool, module: Path, config: Path | None) -> None:
        self._pool = pool
        self._reader, writer = os.pipe()
        self.seen: dict[str, float] = {}
        package = load(str(module), config=str(config) if config else None)
        with ExitStack() as opened:
            opened.callback(os.close, writer)
            launch = _launch(package, writer, opened)
            self._begin = time.perf_counter_ns()
            self.keep: ProcessKeep = pool.zygote.launch(launch)
        self._broker = Broker(
            pool._reactor,
            self.keep.link,
            self._note,
            store=pool._store,
            modules=frozenset({package.blobs[-1].digest.removeprefix("sha256:")}),
        )
        pool._reactor.watch(self._reader, select.POLLIN, self._output)

    def close(self) -> None:
        """Forget the keep, which has ended."""
        self._pool._reactor.forget(self._reader)
        os.close(self._reader)
        self._broker.close()
        self.keep.close()

    def _note(self, event: Event) -> None:
        self._mark("end reported" if event.name == "ended" else event.name)

    def _output(self, _events: int) -> None:
        self._mark("first byte")
        self._pool._reactor.forget(self._reader)

    def _mark(self, what: str) -> None:
        self.seen.setdefault(what, (time.perf_counter_ns() - self._begin) / 1e6)


def _launch(package: Package, output: int, opened: ExitStack) -> Launch:
    """The launch of *package* with *output* for its standard output; what it opens is closed."""

    def memory_file(data: bytes) -> int:
        fd = os.memfd_create("bench", os.MFD_CLOEXEC)
        opened.callback(os.close, fd)
        os.write(fd, data)
        return fd

    blobs = (
        Blob(each.digest.removeprefix("sha256:"), len(each.data), memory_file(each.data))
        for each in package.blobs
    )
    return Launch(
        manifest=package.manifest.decode(),
        blobs=tuple(blobs),
        stdio=(0, output, 2),
    )


def listening(port: int) -> Path:
    """An Enarx.toml whose descriptor 3 listens on *port*."""
    path = BUILT / f"listening-{port}.toml"
    socket = f'name = "bench"\nkind = "listen"\nprot = "tcp"\naddr = "127.0.0.1"\nport = {port}\n'
    path.write_text(f"{STREAMS}[[files]]\n{socket}")
    return path
