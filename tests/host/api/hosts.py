"""Real hosts on loopback: an API and a keeper, in a state directory of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from tests.keep.agent.parties import Owner, seal

from enarx.cli.host import make_token
from enarx.cli.hosting import end_processes
from enarx.host.lock import is_held, read_note
from enarx.seal import offer
from enarx.wire.text import base64url, to_base64url

PATIENCE_S = 30.0
NONCE = to_base64url(bytes(range(32)))
ENVELOPE = {"Content-Type": "application/vnd.enarx.envelope.v1"}

PROGRAM = """
import sys
from enarx.cli.host import serve_api, _tell
from enarx.cli.hosting import KeeperStarter
from enarx.host.api.settings import Limits, Quotas, Settings
fd, directory, limits, quotas = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
settings = Settings(limits=Limits(**eval(limits)), quotas=Quotas(**eval(quotas)), image="keep/1")
serve_api(directory, settings, address="127.0.0.1", port=0, insecure=False,
          start_keeper=KeeperStarter(directory, ("--warm", "2")), ready=lambda url: _tell(fd, url))
"""


class Host:
    """A host whose processes are the test's to kill."""

    def __init__(self, directory: Path, data: Path, **settings: object) -> None:
        self.directory = directory
        self._environ = {**os.environ, "XDG_DATA_HOME": str(data)}
        self._quotas = {k: v for k, v in settings.items() if k in ("keeps", "creations")}
        self._limits = {k: v for k, v in settings.items() if k not in self._quotas}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.log = directory.parent / f"{directory.name}.log"
        self.start()
        self.token = make_token(str(directory), "first")

    @property
    def api_pid(self) -> int:
        """The API's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def keeper_pid(self) -> int:
        """The keeper's process."""
        return int(read_note(f"{self.directory}/keeper.lock").split()[1])

    def start(self) -> None:
        """Start the API; it starts a keeper if there is none."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        ours, theirs = os.pipe()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-c", PROGRAM, str(theirs), str(self.directory),
                    repr(self._limits), repr(self._quotas),
                ],
                pass_fds=[theirs],
                env=self._environ,
                stderr=log,
            )  # fmt: skip
        os.close(theirs)
        with open(ours, "rb") as told:  # noqa: PTH123 - a descriptor
            line = told.readline()
        assert line, self.log.read_text()
        self.url = json.loads(line)["url"]
        until(lambda: httpx.get(f"{self.url}/v1/health").status_code == 200)

    def kill_api(self) -> None:
        """As kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_keeper(self) -> None:
        """As kill -9; returns when it is gone."""
        os.kill(self.keeper_pid, signal.SIGKILL)
        until(lambda: not is_held(f"{self.directory}/keeper.lock"))

    def close(self) -> None:
        """End everything."""
        end_processes(str(self.directory), lambda _: None)
        if self._process is not None:
            assert self._process.wait(PATIENCE_S) is not None

    def client(self, token: str | None = None) -> httpx.Client:
        """A client with *token*, or with the first tenant's."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S)

    def create(self) -> tuple[str, offer.Offer]:
        """A new keep, and its first offer."""
        with self.client() as client:
            made = client.post("/v1/keeps", json={"platform": "snp", "nonce": NONCE})
        assert made.status_code == 201, made.text
        return made.json()["id"], offer.parse(base64url(made.json()["offer"], "offer"))

    def keep(self, keep: str) -> dict[str, object]:
        """What the host says of a keep."""
        with self.client() as client:
            found: dict[str, object] = client.get(f"/v1/keeps/{keep}").json()
        return found

    def provision(self, keep: str, envelope: bytes) -> httpx.Response:
        """Hand an envelope in."""
        with self.client() as client:
            return client.post(f"/v1/keeps/{keep}/envelope", content=envelope, headers=ENVELOPE)


def until(true: Callable[[], bool]) -> None:
    """Return when *true* is, at last."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def sealed(made: offer.Offer, module: bytes) -> bytes:
    """An envelope with *module* for an offer."""
    owner = Owner(options={"detached": 1, "keep_s": 60})
    return seal(owner.content(module), made)
