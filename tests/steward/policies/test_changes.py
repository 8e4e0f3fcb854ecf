"""Changes of a Steward's documents, on both databases: who decides, when, and over what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.steward.policies.stewards import Steward

from enarx.errors import MalformedError, MisconfiguredError, UnauthenticError
from enarx.steward.policies import document, statement, store
from enarx.steward.policies.changes import StaleError
from enarx.steward.records.database import reading
from enarx.transparency import leaf
from enarx.wire import canonical

Policy = Callable[[str], bytes]
ApproversOf = Callable[..., bytes]


def test_a_steward_without_a_policy_says_so(empty: Steward) -> None:
    """Nothing stands in for a policy that was never stored."""
    with pytest.raises(MisconfiguredError, match="there is no policy yet") as e:
        empty.active()
    assert "policy install" in " ".join(e.value.hints)


def test_the_first_versions_are_stored_once(
    steward: Steward, make_policy: Policy, make_approvers: ApproversOf
) -> None:
    """Policy and approvers are version 1, the log tells of both, and there is no second time."""
    assert steward.active() == (1, make_policy("one"))
    assert steward.active("approvers")[0] == 1
    subjects = [leaf.parse(entry).subject for entry in steward.entries()]
    assert [subject.rpartition(" ")[0] for subject in subjects] == ["approvers 1", "policy 1"]
    with pytest.raises(StaleError):
        steward.initialise(make_approvers(0))
    assert len(steward.entries()) == 2


def test_a_broken_first_document_stores_nothing(empty: Steward) -> None:
    """Both or neither: approvers without a policy would be a Steward that nobody can start."""
    with pytest.raises(MalformedError):
        empty.initialise(b"{}")
    assert empty.entries() == []
    with pytest.raises(MisconfiguredError):
        empty.active("approvers")


def test_too_few_approvals_change_nothing(steward: Steward, make_policy: Policy) -> None:
    """With one of two, the old policy counts and the log has nothing new."""
    proposal = steward.approve(steward.propose(make_policy("two")), "alice")
    assert [one.name for one in proposal.approvals] == ["alice"]
    assert proposal.version is None
    assert steward.active() == (1, make_policy("one"))
    assert len(steward.entries()) == 2


def test_enough_approvals_activate(steward: Steward, make_policy: Policy) -> None:
    """The second approval makes it count, and the log's entry opens to who signed what."""
    proposal = steward.propose(make_policy("two"))
    steward.approve(proposal, "alice")
    proposal = steward.approve(proposal, "carol")
    assert (proposal.version, proposal.log_index) == (2, 2)
    assert steward.active() == (2, make_policy("two"))
    entry = leaf.parse(steward.entries()[2])
    assert (entry.kind, entry.subject) == ("policy", f"policy 2 {proposal.sha256}")
    with reading(steward.engine) as connection:
        opened = store.opening(connection, "policy", 2)
    assert opened is not None
    assert entry.opens(*opened)
    fields = canonical.decode(opened[1], "payload")
    change = statement.parse(fields.text("statement").encode())
    assert change == proposal.change(steward.origin)
    assert [one.text("name") for one in fields.objects("approvals", 9)] == ["alice", "carol"]


def test_the_same_approver_counts_once(steward: Steward, make_policy: Policy) -> None:
    """However often one approves, it is one approval."""
    proposal = steward.propose(make_policy("two"))
    for _ in range(3):
        proposal = steward.approve(proposal, "alice")
    assert len(proposal.approvals) == 1
    assert proposal.version is None


def test_a_stranger_cannot_approve(steward: Steward, make_policy: Policy) -> None:
    """A key that is not listed is refused, whatever name it takes."""
    proposal = steward.propose(make_policy("two"))
    with pytest.raises(UnauthenticError, match="approver"):
        steward.approve(proposal, "mallory")
    with pytest.raises(UnauthenticError, match="signature"):
        steward.approve(proposal, "alice", steward.signed(proposal, "mallory"))
    with pytest.raises(UnauthenticError, match="signature"):
        steward.approve(proposal, "alice", steward.signed(proposal, "bob"))


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, b"x" * 63, b"x" * 65])
def test_a_forged_signature_is_refused(
    steward: Steward, make_policy: Policy, signature: bytes
) -> None:
    """Bytes of any size that the key did not make count for nothing."""
    proposal = steward.propose(make_policy("two"))
    with pytest.raises(UnauthenticError, match="signature"):
        steward.approve(proposal, "alice", signature)
    with reading(steward.engine) as connection:
        found = store.find(connection, proposal.number)
    assert found is not None
    assert found.approvals == ()


@pytest.mark.parametrize(
    "other",
    [
        {"sha256": "sha256:" + "00" * 32},
        {"origin": "other.example.org/log"},
        {"kind": "approvers"},
        {"version": 3},
        {"previous": "sha256:" + "00" * 32},
    ],
)
def test_an_approval_of_something_else_is_refused(
    steward: Steward, make_policy: Policy, other: dict[str, object]
) -> None:
    """Another document, Steward, kind, or place in the history is another statement."""
    proposal = steward.propose(make_policy("two"))
    with pytest.raises(UnauthenticError, match="signature"):
        steward.approve(proposal, "alice", steward.signed(proposal, "alice", **other))


def test_another_stewards_approvals_are_worthless_here(
    steward: Steward, make_policy: Policy
) -> None:
    """The same document at the same place, approved for another Steward, is not approved."""
    proposal = steward.propose(make_policy("two"))
    signature = steward.signed(proposal, "alice")
    steward.origin = "other.example.org/log"
    with pytest.raises(UnauthenticError, match="signature"):
        steward.approve(proposal, "alice", signature)


def test_a_proposal_must_replace_what_counts(steward: Steward, make_policy: Policy) -> None:
    """Whoever did not see the current version would undo it unseen."""
    for replaces in ("", document.digest(make_policy("zero"))):
        with pytest.raises(StaleError, match="it replaces"):
            steward.propose(make_policy("two"), replaces=replaces)
    with pytest.raises(StaleError, match="the same as version 1"):
        steward.propose(make_policy("one"))


def test_a_proposal_that_was_overtaken_is_stale(steward: Steward, make_policy: Policy) -> None:
    """When another change came first, the approvals of this one count no more: no lost update."""
    late, first = steward.propose(make_policy("late")), steward.propose(make_policy("first"))
    steward.approve(late, "alice")
    for name in ("alice", "bob"):
        steward.approve(first, name)
    with pytest.raises(StaleError, match="it follows version 1, and version 2 counts"):
        steward.approve(late, "bob")
    assert steward.active() == (2, make_policy("first"))
    with reading(steward.engine) as connection:
        assert store.pending(connection) == ()


def test_what_counts_already_cannot_be_approved(steward: Steward, make_policy: Policy) -> None:
    """A late approval of a version is refused, and recorded nowhere."""
    proposal = steward.propose(make_policy("two"))
    for name in ("alice", "bob"):
        steward.approve(proposal, name)
    with pytest.raises(StaleError, match="is version 2 already"):
        steward.approve(proposal, "carol")
    assert len(steward.entries()) == 3


def test_going_back_needs_new_approvals(steward: Steward, make_policy: Policy) -> None:
    """Old approvals, of the same bytes over the same predecessor, do not bring a document back."""
    two = steward.propose(make_policy("two"))
    old = {name: steward.signed(two, name) for name in ("alice", "bob")}
    for name, signature in old.items():
        steward.approve(two, name, signature)
    back = steward.propose(make_policy("one"))
    for name in ("alice", "bob"):
        steward.approve(back, name)
    assert steward.active() == (3, make_policy("one"))
    again = steward.propose(make_policy("two"))
    assert (again.sha256, again.previous) == (two.sha256, two.previous)
    for name, signature in old.items():
        with pytest.raises(UnauthenticError, match="signature"):
            steward.approve(again, name, signature)
    with reading(steward.engine) as connection:
        versions = [(one.version, one.sha256) for one in store.history(connection, "policy")]
        assert [one.version for one in store.history(connection, "policy", before=3)] == [2, 1]
    assert [number for number, _ in versions] == [3, 2, 1]
    assert versions[0][1] == versions[2][1]


def test_approvers_are_changed_by_approvers(
    steward: Steward, make_policy: Policy, make_approvers: ApproversOf
) -> None:
    """It takes the current ones, and from then on only the new ones count."""
    proposal = steward.propose(make_approvers(1, "dave"), "approvers")
    with pytest.raises(UnauthenticError, match="approver"):
        steward.approve(proposal, "dave")
    for name in ("alice", "bob"):
        steward.approve(proposal, name)
    assert steward.active("approvers")[0] == 2
    change = steward.propose(make_policy("two"))
    with pytest.raises(UnauthenticError, match="approver"):
        steward.approve(change, "alice")
    assert steward.approve(change, "dave").version == 2


def test_approvals_of_former_approvers_do_not_count(
    steward: Steward, make_policy: Policy, make_approvers: ApproversOf
) -> None:
    """What alice signed before she left is not added to what bob signs after."""
    change = steward.propose(make_policy("two"))
    steward.approve(change, "alice")
    leave = steward.propose(make_approvers(2, "bob", "carol"), "approvers")
    for name in ("bob", "carol"):
        steward.approve(leave, name)
    assert steward.approve(change, "bob").version is None
    assert steward.approve(change, "carol").version == 2
    with reading(steward.engine) as connection:
        opened = store.opening(connection, "policy", 2)
    assert opened is not None
    counted = canonical.decode(opened[1], "payload").objects("approvals", 9)
    assert [one.text("name") for one in counted] == ["bob", "carol"]


def test_without_approvers_a_proposal_counts_at_once(
    empty: Steward, make_policy: Policy, make_approvers: ApproversOf
) -> None:
    """One person's Steward: nobody approves, and every version says so."""
    empty.initialise(make_approvers(0))
    proposal = empty.propose(make_policy("two"))
    assert (proposal.version, proposal.approvals) == (2, ())
    assert empty.active() == (2, make_policy("two"))
    empty.propose(make_approvers(1, "alice"), "approvers")
    assert empty.propose(make_policy("three")).version is None


def test_the_last_approval_counts_once(steward: Steward, make_policy: Policy) -> None:
    """Approvals that arrive at the same time make one version and one entry of the log."""
    proposal = steward.propose(make_policy("two"))

    def approve(name: str) -> str:
        try:
            steward.approve(proposal, name)
        except StaleError:
            return "late"
        return "counted"

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(approve, ["alice", "bob", "carol"] * 2))
    assert found.count("counted") >= 2
    assert steward.active() == (2, make_policy("two"))
    assert len(steward.entries()) == 3


def test_proposals_at_the_same_time_make_one_version(
    empty: Steward, make_policy: Policy, make_approvers: ApproversOf
) -> None:
    """Of changes to the same version, one wins and the others are told."""
    empty.initialise(make_approvers(0))
    seen = document.digest(make_policy("one"))

    def propose(name: str) -> bool:
        try:
            empty.propose(make_policy(name), replaces=seen)
        except StaleError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(propose, "abcdef")) == 1
    assert empty.active()[0] == 2


@pytest.mark.parametrize("data", [b"", b"version = 1\n", b'include = ["x"]\n'])
def test_what_is_no_policy_cannot_be_proposed(steward: Steward, data: bytes) -> None:
    """A document that could not be appraised by is refused when it is proposed."""
    with pytest.raises(MisconfiguredError):
        steward.propose(data)


def test_a_proposal_that_is_not_there(steward: Steward, make_policy: Policy) -> None:
    """Its number is named."""
    proposal = steward.propose(make_policy("two"))
    with (
        reading(steward.engine) as connection,
        pytest.raises(MisconfiguredError, match="the number 99"),
    ):
        steward.policies.approve(
            connection, 99, name="alice", signature=steward.signed(proposal, "alice"), now=0
        )
