"""Stewards at work: processes of ``enarx steward serve``, and what their clients do."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.deploy.conftest import make_home

from enarx.wire.text import base64url

PATIENCE_S = 60.0


@dataclass
class Serving:
    """One Steward.

    Args:
        url: of its socket.
        state: its state directory.
        environment: of its user.
    """

    url: str
    state: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``enarx steward`` about this Steward."""
        return subprocess.run(
            [sys.executable, "-m", "enarx", "steward", *arguments, "--state", str(self.state)],
            env=self.environment, capture_output=True, text=True, check=check, timeout=PATIENCE_S,
        )  # fmt: skip

    @property
    def ca_file(self) -> Path:
        """The root of its authority, as its operator publishes it."""
        path = self.state.parent / "root.pem"
        if not path.exists():
            done = self.command("ca", "show", "--pem")
            path.write_text("-----BEGIN" + done.stdout.rpartition("-----BEGIN")[2])
        return path

    def client(self, **options: Any) -> httpx.Client:  # noqa: ANN401 - httpx's own
        """A client that trusts that root and nobody else."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx.Client(base_url=self.url, verify=context, timeout=PATIENCE_S, **options)

    def nonce(self, client: httpx.Client) -> bytes:
        """A fresh one."""
        answer = client.post("/v1/challenge")
        assert answer.status_code == 201
        return base64url(answer.json()["nonce"], "nonce")

    def kill(self) -> None:
        """End all its processes at once, without a warning."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def end(self) -> int:
        """End it as a service manager does; its exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


def start(folder: Path, *arguments: str) -> Serving:
    """Start one with everything that it keeps in *folder*; returns when it answers."""
    environment = make_home(folder) if not (folder / "data").exists() else _home(folder)
    state = folder / "steward"
    reader, writer = os.pipe()
    command = [
        sys.executable, "-m", "enarx", "steward", "serve", "--state", str(state),
        "--port", "0", "--ready-fd", str(writer), "--rate", "1000000", *arguments,
    ]  # fmt: skip
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, pass_fds=(writer,), stderr=log, start_new_session=True
        )
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as ready:
        line = ready.readline()
    if not line:
        process.wait(PATIENCE_S)
        raise AssertionError((folder / "log").read_text())
    return Serving(
        url=json.loads(line)["url"].replace("127.0.0.1", "localhost"),
        state=state,
        environment=environment,
        process=process,
    )


def _home(folder: Path) -> dict[str, str]:
    names = {"DATA": "data", "CACHE": "cache", "CONFIG": "config", "STATE": "state"}
    paths = {f"XDG_{name}_HOME": str(folder / place) for name, place in names.items()}
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("ENARX_", "XDG_"))}
    return {**kept, **paths}
