"""A host agent of the benchmarks' own, and an owner in this process who deploys to it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import ENARX, environment, output

from enarx.adapters.package_files import load
from enarx.appraisal.baseline import baseline
from enarx.cli import deployment as deploying
from enarx.cli.acceptance import Demands
from enarx.cli.authentication import Means
from enarx.cli.deployment import Deployed, Order
from enarx.cli.endorsement_sources import SourceOptions
from enarx.cli.installed_image import installed_references, vm_references
from enarx.client.api import Host
from enarx.errors import EnarxError
from enarx.protocol.claims import NONCE_BYTES
from enarx.protocol.platforms import VIRTUAL_MACHINES
from enarx.tee.endorsements import Endorsements

_PATIENCE_S = 60.0
_OFFLINE = SourceOptions(
    kds="", pcs="", pccs="", root_crl="", ca_file="", update="", evaluation_number=None,
    max_age=timedelta(days=30), offline=True, refresh=False, no_cache=True,
)  # fmt: skip


class Agent:
    """A host agent at work.

    Attributes:
        url, token: what a client needs.
        environment: of its user, with a home of its own.
        keeper: the process that holds the keeps.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        names = ("DATA", "CACHE", "CONFIG", "STATE")
        home = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in names}
        self.environment = {**environment(), **home}
        self.state = folder / "host"
        reader, writer = os.pipe()
        words = ("host", "serve", "--state", str(self.state), "--port", "0", *arguments)
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [ENARX, *words, "--ready-fd", str(writer)],
                env=self.environment, pass_fds=(writer,), stderr=log,
            )  # fmt: skip
        os.close(writer)
        with os.fdopen(reader) as ready:
            self.url = json.loads(ready.readline())["url"]
        token = ("host", "token", "create", "--tenant", "bench", "--state", str(self.state))
        self.token = self.run(*token).strip()
        with Host(self.url, token=self.token) as host:
            _until(host.platforms)
        self.keeper = int((self.state / "keeper.lock").read_text().split()[1])

    def run(self, *words: str) -> str:
        """What ``enarx`` prints to this user."""
        return output([ENARX, *words], env=self.environment)

    def close(self) -> None:
        """End it, with its keeps."""
        self.run("host", "stop", "--state", str(self.state))
        self._process.wait(_PATIENCE_S)


@contextmanager
def hosting(*arguments: str) -> Iterator[Agent]:
    """A host agent, whose user is also this process."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="enarx-bench-")))
        agent = Agent(folder, *arguments)
        opened.callback(agent.close)
        before = dict(os.environ)
        os.environ.update({k: v for k, v in agent.environment.items() if k.startswith("XDG_")})
        opened.callback(os.environ.update, before)
        for name in (name for name in agent.environment if name.startswith("XDG_")):
            if name not in before:
                opened.callback(os.environ.pop, name)
        yield agent


class Owner:
    """Deploys one module, again and again, over one connection to the host.

    Evidence is verified and judged as ``enarx deploy`` does without a policy; only what it says to
    people is left out.
    """

    def __init__(self, agent: Agent, module: Path, platform: str, *, image: str = "") -> None:
        self._host = Host(agent.url, token=agent.token)
        self._url = agent.url
        self._platform = platform
        self._package = load(str(module))
        if platform in VIRTUAL_MACHINES:
            references = vm_references(image, (platform,))
        else:
            references = installed_references((platform,))
        self._policy = baseline(accept_simulated=True, references=references)
        for say in ("report_note", "report_warning"):
            setattr(deploying, say, lambda _text: None)

    def close(self) -> None:
        """Let go of the connection."""
        self._host.close()

    def deploy(self, *arguments: str) -> tuple[Deployed, Demands]:
        """A keep that has the package."""
        means = Means(
            given=Endorsements(),
            trust_root="",
            accept_simulated=True,
            sources=_OFFLINE,
            at=datetime.now(UTC),
        )
        demands = Demands(means=means, policy=self._policy)
        order = Order(
            package=self._package, name="bench", label="", platform=self._platform,
            arguments=arguments, environment={}, secrets={}, options={},
        )  # fmt: skip
        done = deploying.deploy(
            self._host, self._url, order, demands, policy="", tell=lambda _: None
        )
        return done, demands

    def offered(self) -> None:
        """A keep that has made an offer, and waits for its envelope."""
        self._host.create(self._platform, os.urandom(NONCE_BYTES), "")

    def run(self, *arguments: str, show: Callable[[str, bytes], None]) -> None:
        """Deploy, pass the output to *show* until the end, and delete the keep."""
        done, demands = self.deploy(*arguments)
        session = deploying.open_session(self._host, done.deployment, demands).session
        session.attach(stdin=False)
        session.run(show, lambda _name, _size: None)
        session.close()
        self._host.delete(done.deployment.keep)

    def first_output_ms(self) -> float:
        """Milliseconds from the request for a keep to the first byte of output."""
        seen: list[float] = []
        start = time.perf_counter()
        self.run(show=lambda _name, _data: seen.append(time.perf_counter()))
        return (seen[0] - start) * 1e3


def _until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while True:
        with suppress(EnarxError):
            ready()
            return
        if time.monotonic() > end:
            raise RuntimeError("the host agent has no keeper")
        time.sleep(0.05)
