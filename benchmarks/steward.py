"""A Steward under load: keeps ask for a nonce and a certificate; and what the keys alone cost.

Requests are made before the clock runs, with evidence of simulated machines, each for a nonce that
the Steward issued.  Then ``clients.CLIENTS`` send one after the other, on connections that stay
open.  The competitor is the cryptography of such requests and nothing else, on as many processes
as the Steward has; the clients take their share of the same processors.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import BUILT, ENARX, TIMEOUT_S, environment, output
from clients import Load, load
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from figures import Figure, Skipped, at_least, percentile
from postgres import database
from steward_keys import alone

from enarx.adapters import simulated_root
from enarx.adapters.keep_image import read_image
from enarx.host.simulated_processor import Launched, machine
from enarx.host.spawn import search_path
from enarx.pki import request
from enarx.pki.request import Names
from enarx.protocol.claims import IdentityClaims, beside, report_data
from enarx.wire.text import base64url

WORKERS = 2
REQUESTS = 1500
TARGET = 400
COMPETITOR = "its cryptography alone"
PLATFORMS = ("snp", "tdx")
WORKLOAD = "sha256:" + "ab" * 32
_TICKS = os.sysconf("SC_CLK_TCK")


def steward() -> Iterator[Figure]:
    """Nonces and certificates from a Steward with two workers, on SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        with _serving(Path(folder) / "sqlite") as served:
            yield from _figures("SQLite", served)
        try:
            with database() as url, _serving(Path(folder) / "postgresql", url) as served:
                yield from _figures("PostgreSQL", served)
        except Skipped as reason:
            print(f"  skipped: {reason}", flush=True)


def _figures(where: str, served: _Served) -> Iterator[Figure]:
    asked = load(served.url, served.ca_file, "/v1/challenge", "", [b""] * REQUESTS)
    requests = _requests(served, [json.loads(answer)["nonce"] for answer in asked.answers])
    before = served.cpu_s()
    made = load(served.url, served.ca_file, "/v1/certificate", "application/pkcs10", requests)
    used_ms = (served.cpu_s() - before) / REQUESTS * 1e3
    keys = alone(WORKERS, PLATFORMS)
    both = 2 * REQUESTS / (asked.seconds + made.seconds)
    yield Figure(what=f"{where}: nonces", unit="/s", ours=asked.rate)
    yield Figure(
        what=f"{where}: certificates", unit="/s", ours=made.rate,
        theirs=keys.rate, competitor=COMPETITOR,
    )  # fmt: skip
    yield Figure(
        what=f"{where}: requests, one of each", unit="/s", ours=both,
        budget=at_least(TARGET, "/s"),
    )  # fmt: skip
    yield Figure(
        what=f"{where}: processor per certificate", unit="ms", ours=used_ms,
        theirs=keys.cpu_ms, competitor=COMPETITOR,
    )  # fmt: skip
    yield from _times(f"{where}: a certificate", made)


def _times(what: str, made: Load) -> Iterator[Figure]:
    for percent in (50, 99):
        yield Figure(
            what=f"{what}, p{percent}", unit="ms", ours=percentile(made.times, percent) * 1e3
        )


@dataclass(frozen=True)
class _Served:
    """A Steward at work."""

    url: str
    ca_file: Path
    pid: int
    data: Path

    def cpu_s(self) -> float:
        """What its processes have used so far."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in children]
        return sum(int(word) for text in fields for word in text.split()[11:13]) / _TICKS


@contextmanager
def _serving(folder: Path, database_url: str = "") -> Iterator[_Served]:
    """A Steward with everything that it makes by itself, for this user's simulated machines."""
    folder.mkdir(mode=0o700)
    names = ("DATA", "CACHE", "CONFIG", "STATE")
    user = {
        **environment(),
        **{f"XDG_{name}_HOME": str(folder / name.lower()) for name in names},
    }
    state = ["--state", str(folder / "steward")]
    more: list[str] = []
    if database_url:
        url_file = folder / "url"
        url_file.touch(0o600)
        url_file.write_text(database_url)
        more = ["--database-url-file", str(url_file)]
    reader, writer = os.pipe()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [ENARX, "steward", "serve", *state, "--port", "0", "--rate", "100000000",
             "--workers", str(WORKERS), "--insecure-accept-simulated", *more,
             "--ready-fd", str(writer)],
            env=user, pass_fds=(writer,), stderr=log,
        )  # fmt: skip
    os.close(writer)
    try:
        with os.fdopen(reader) as ready:
            line = ready.readline()
        if not line:
            raise RuntimeError((folder / "log").read_text())
        shown = output([ENARX, "steward", "ca", "show", "--pem", *state], env=user)
        ca_file = folder / "root.pem"
        ca_file.write_text("-----BEGIN" + shown.rpartition("-----BEGIN")[2])
        url = json.loads(line)["url"].replace("127.0.0.1", "localhost")
        yield _Served(url, ca_file, process.pid, Path(user["XDG_DATA_HOME"]))
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def _requests(served: _Served, nonces: list[str]) -> list[bytes]:
    """A request of a new keep for each nonce, on machines of all platforms by turns."""
    place = simulated_root.default_directory({"XDG_DATA_HOME": str(served.data)})
    root = simulated_root.load(place)
    now = datetime.now(UTC).replace(microsecond=0)
    image = read_image(search_path())
    machines = [machine(platform, root, now).launch(image) for platform in PLATFORMS]
    return [
        _request(base64url(nonce, "nonce"), machines[number % len(machines)])
        for number, nonce in enumerate(nonces)
    ]


def _request(nonce: bytes, launched: Launched) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    claims = IdentityClaims(nonce, spki, WORKLOAD).encode()
    evidence = beside(claims, launched.quote(report_data(claims)))
    return request.make(key, evidence, Names(dns=()))
