"""A Steward without sockets, on either database, with a clock that the test moves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine
from tests.steward.keeps import development_root

from enarx.appraisal.image import ReferenceValue
from enarx.attestation import VENDOR_ANCHORS, Endorsements, Parsed, needs
from enarx.cli.installed_image import installed_references
from enarx.steward.attest.finding import Means
from enarx.steward.attest.service import Service
from enarx.steward.authority.authority import Authority
from enarx.steward.authority.making import initialise
from enarx.steward.authority.opener import make_passphrase, opener_from_files
from enarx.steward.log.log import Log
from enarx.steward.parts import import_tables
from enarx.steward.policies.approvers import Approvers
from enarx.steward.policies.changes import Draft, Policies
from enarx.steward.policies.document import digest
from enarx.steward.policies.starter import starter
from enarx.steward.policies.store import active
from enarx.steward.records.migrations import migrate
from enarx.steward.records.writer import Writer

ORIGIN = "tests.example/log"


@dataclass
class Clock:
    """The wall clock of a Steward."""

    at: datetime

    def __call__(self) -> datetime:
        """What it says."""
        return self.at

    def pass_(self, **time: float) -> None:
        """Let time pass."""
        self.at += timedelta(**time)


@dataclass(frozen=True)
class Steward:
    """A service, and what the test needs of it."""

    service: Service
    clock: Clock
    policies: Policies

    def nonce(self) -> bytes:
        """A fresh one."""
        return self.service.challenge()[0]

    def change_policy(self, text: str) -> None:
        """Make *text* the policy; nobody has to approve."""

        def propose(connection: Connection) -> None:
            seen = digest(active(connection, "policy").document)
            draft = Draft(kind="policy", document=text.encode(), replaces=seen)
            self.policies.propose(connection, draft, now=0)

        self.service.writer.write(propose).result()


@pytest.fixture(scope="session")
def references() -> tuple[ReferenceValue, ...]:
    """Of the installed keep image."""
    return installed_references()


@pytest.fixture(scope="session")
def policy(references: tuple[ReferenceValue, ...]) -> str:
    """Accepts simulated keeps of the installed image, with any workload."""
    return starter(
        ("snp", "tdx", "sgx"), "tests", references=references, accept_simulated=True,
        any_workload=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that all tests share."""
    folder = tmp_path_factory.mktemp("authority")
    folder.chmod(0o700)
    make_passphrase(str(folder))
    now = datetime.now(UTC).replace(microsecond=0)
    return initialise(str(folder), opener_from_files(str(folder)), now=now)


def nothing_more(parsed: Parsed, now: datetime) -> Endorsements:
    """Nobody is asked."""
    needs(parsed, parsed.endorsements, now)
    return Endorsements()


@pytest.fixture
def steward(engine: Engine, authority: Authority, policy: str) -> Iterator[Steward]:
    """A Steward that accepts simulated keeps."""
    import_tables()
    migrate(engine)
    log = Log(engine, ORIGIN, authority.log_key)
    writer = Writer(engine)
    policies = Policies(origin=ORIGIN, append=log.append)
    approvers = Approvers(threshold=0, keys={}).encode()
    writer.write(
        lambda connection: policies.initialise(
            connection, policy=policy.encode(), approvers=approvers, by="tests", now=0
        )
    ).result()
    clock = Clock(datetime.now(UTC))
    means = Means(
        anchors=VENDOR_ANCHORS + development_root().anchors(),
        accept_simulated=True,
        endorse=nothing_more,
    )
    service = Service(
        engine=engine, writer=writer, log=log, authority=authority, means=means,
        now=clock, entropy=os.urandom, crl_url="https://localhost/v1/crl",
    )  # fmt: skip
    yield Steward(service, clock, policies)
    writer.close()
