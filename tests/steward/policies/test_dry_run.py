"""Dry runs: what a proposed policy would have decided about evidence that is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.steward.policies.stewards import Steward

from enarx.steward.policies import dry_run, store
from enarx.steward.policies.document import parse
from enarx.steward.policies.dry_run import Result
from enarx.steward.policies.starter import starter
from enarx.steward.records import evidence
from enarx.steward.records.database import reading, writing
from enarx.steward.records.evidence import Kept
from enarx.steward.records.tables import decisions
from enarx.tee.anchors import TrustAnchor
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.snp.report import GuestPolicy

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"
ISSUED = datetime(2026, 5, 20, tzinfo=UTC)
TIME = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
SHOP, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
BASE = starter(("snp",), "base", accept_simulated=True, any_workload=True)


@pytest.fixture(scope="module")
def root() -> SimulatedRoot:
    """Whom the Steward of these tests believes."""
    return SimulatedRoot.from_bytes(ROOT.read_bytes())


@pytest.fixture(scope="module")
def machine(root: SimulatedRoot) -> SimulatedSnp:
    """Where the evidence comes from."""
    return SimulatedSnp(root=root, issued=ISSUED)


@pytest.fixture
def decided(steward: Steward, machine: SimulatedSnp) -> Steward:
    """A Steward that accepted two workloads, refused one with debugging, and kept a damaged one."""
    good = machine.report(SnpGuest(measurement=bytes(48)), report_data=bytes(64))
    debugged = SnpGuest(measurement=bytes(48), policy=GuestPolicy(0xB_0000))
    reports = {
        "a": (good, SHOP, True),
        "b": (machine.report(debugged, report_data=bytes(64)), SHOP, False),
        "c": (good[:-300] + bytes([good[-300] ^ 1]) + good[-299:], SHOP, True),
        "d": (machine.report(SnpGuest(measurement=b"\1" * 48), report_data=bytes(64)), OTHER, True),
    }
    with writing(steward.engine) as connection:
        for number, (name, (data, workload, accepted)) in enumerate(reports.items()):
            connection.execute(
                sa.insert(decisions).values(
                    id=name, time=TIME, purpose="test", policy=1, accepted=accepted,
                    platform="snp", workload=workload, instance="0a", salt=b"", payload=b"",
                    verdict=b"", token_sha256=b"", log_index=0,
                )
            )  # fmt: skip
            kept = Kept(
                decision=name,
                time=TIME + number,
                technology="snp",
                evidence=data,
                endorsements=machine.endorsements(),
                accepted=accepted,
            )
            evidence.keep(connection, kept)
    return steward


Run = Callable[..., Result]


@pytest.fixture
def run(decided: Steward, root: SimulatedRoot) -> Run:
    """Runs a policy that differs from the current one as it is told."""

    def make(
        *changes: tuple[str, str],
        anchors: tuple[TrustAnchor, ...] = root.anchors(),
        accept_simulated: bool = True,
    ) -> Result:
        text = BASE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        with reading(decided.engine) as connection:
            past = dry_run.past(connection)
        return dry_run.compare(
            past,
            current=parse(BASE.encode()),
            proposed=parse(text.encode()),
            anchors=anchors,
            accept_simulated=accept_simulated,
        )

    return make


def test_the_same_policy_changes_nothing(run: Run) -> None:
    """Newest first, each as it was decided; the damaged one says why it cannot be looked at."""
    found = run()
    assert [one.decision for one in found.compared] == ["d", "c", "b", "a"]
    assert (found.newly_refused, found.newly_accepted, found.given_otherwise) == (0, 0, 0)
    assert [one.proposed.accepted for one in found.compared if not one.error] == [
        one.recorded for one in found.compared if not one.error
    ]
    assert [one.decision for one in found.compared if one.error] == ["c"]
    assert found.unverified == 1
    assert found.reasons == {}
    assert not any(one.changes for one in found.compared)


def test_a_stricter_policy_says_whom_it_refuses_and_why(run: Run) -> None:
    """Every claim that fails anew is counted, also where the evidence was refused before."""
    found = run(('smt = "allowed"', 'smt = "forbidden"'))
    assert found.newly_refused == 2
    assert found.reasons == {"smt": 3}
    assert {one.decision for one in found.compared if one.changes} == {"a", "d"}
    (failure,) = next(one for one in found.compared if one.decision == "a").proposed.failures
    assert failure.claim == "smt"


def test_a_laxer_policy_says_whom_it_accepts(run: Run) -> None:
    """What was refused for debugging would pass."""
    found = run(('debug = "forbidden"', 'debug = "allowed"'))
    assert (found.newly_accepted, found.newly_refused) == (1, 0)
    assert [one.decision for one in found.compared if one.changes] == ["b"]


def test_workloads_count_too(run: Run) -> None:
    """A workload that is not listed any more is refused for that."""
    listed = f'\n[[workload]]\ndigest = "{SHOP}"\ndns_names = ["shop.example"]\n# A workload by'
    found = run(("any_workload = true", "any_workload = false"), ("\n## A workload by", listed))
    assert found.newly_refused == 1
    assert found.reasons == {"workload": 1}
    assert found.given_otherwise == 1
    shop = next(one for one in found.compared if one.decision == "a")
    assert shop.changes
    assert shop.proposed.names == ("localhost", "shop.example")


def test_evidence_is_judged_as_of_its_decision(run: Run, decided: Steward) -> None:
    """What has ended since then had not ended when it was decided."""
    with reading(decided.engine) as connection:
        past = dry_run.past(connection)
    assert {one.kept.time for one in past} == {TIME + n for n in range(4)}
    assert run().compared[0].proposed.accepted


def test_foreign_roots_prove_nothing(run: Run) -> None:
    """Evidence that the Steward's anchors do not reach is not judged at all."""
    found = run(anchors=())
    assert found.unverified == 4
    assert all("not authentic" in one.error or "0x" in one.error for one in found.compared)


def test_a_simulation_is_accepted_only_where_the_steward_is_told(run: Run) -> None:
    """The policy's word alone is not enough, in a dry run as elsewhere."""
    found = run(accept_simulated=False)
    assert not any(one.proposed.accepted for one in found.compared if not one.error)


def test_a_run_is_bounded(decided: Steward) -> None:
    """At most as many as asked for, and the newest."""
    with reading(decided.engine) as connection:
        assert [one.kept.decision for one in dry_run.past(connection, 2)] == ["d", "c"]


def test_nothing_is_written(run: Run, decided: Steward) -> None:
    """A dry run leaves no version and no entry behind."""
    run(('smt = "allowed"', 'smt = "forbidden"'))
    with reading(decided.engine) as connection:
        assert len(store.history(connection, "policy")) == 1
    assert len(decided.entries()) == 2
