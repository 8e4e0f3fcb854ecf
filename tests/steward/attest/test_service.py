"""A Steward certifies keeps that prove themselves, and nobody else: its ways, and attacks on it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509
from tests.steward.attest.conftest import ORIGIN, Steward
from tests.steward.keeps import WORKLOAD, Keep

from enarx.appraisal import ear_token
from enarx.errors import MalformedError, UnauthenticError
from enarx.pki import request
from enarx.pki.issue import SIMULATED, credential
from enarx.protocol.claims import ChannelClaims, IdentityClaims, beside, report_data
from enarx.steward.attest.service import Answer, NonceError
from enarx.steward.records import denials
from enarx.steward.records.database import reading
from enarx.steward.records.tables import certificates, decisions
from enarx.transparency import leaf, proof
from enarx.wire.text import to_base64url

OTHER = "sha256:" + "cd" * 32


def names_of(answer: Answer) -> x509.SubjectAlternativeName:
    """The names in the certificate that was issued."""
    found = x509.load_der_x509_certificate(answer.chain[0])
    return found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def failed(answer: Answer) -> list[str]:
    """The claims that failed."""
    assert not answer.decision.accepted
    assert answer.chain == ()
    return [one.claim for one in answer.decision.failures]


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_a_keep_that_proves_itself_is_certified(steward: Steward, platform: str) -> None:
    """The certificate is for its key, for hours, in the name of its workload, and SIMULATED."""
    keep = Keep(platform=platform)  # type: ignore[arg-type]
    answer = steward.service.certify(keep.request(steward.nonce()))
    assert answer.decision.failures == ()
    chain = (*answer.chain, steward.service.authority.chain[-1])
    ours, issuer, root = (x509.load_der_x509_certificate(one) for one in chain)
    ours.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(root)
    assert ours.public_key() == keep.key.public_key()
    assert ours.not_valid_after_utc - ours.not_valid_before_utc <= timedelta(hours=12, minutes=5)
    names = names_of(answer)
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [f"spiffe://enarx.local/workload/{WORKLOAD.replace(':', '/')}"]
    (organisation,) = ours.subject
    assert organisation.value == SIMULATED
    assert credential(answer.chain[0])["workload"] == WORKLOAD.encode()


def test_certificate_and_result_prove_that_the_decision_is_in_the_log(steward: Steward) -> None:
    """The proof leads from the decision's entry to a checkpoint that the log signed."""
    nonce = steward.nonce()
    answer = steward.service.certify(Keep().request(nonce))
    decision = answer.decision
    held = credential(answer.chain[0])["log"]
    assert held == answer.proof
    checkpoint = proof.check(decision.entry(), held, ORIGIN, (steward.service.log.verifier,))
    assert checkpoint.size > answer.recorded.index
    entry = leaf.parse(decision.entry())
    assert entry.subject == decision.id
    assert entry.opens(decision.salt, decision.payload())
    assert not entry.opens(bytes(32), decision.payload())
    result = ear_token.verify(
        answer.result,
        steward.service.authority.result_key.public_key(),
        algorithms=("ES384",),
        now=steward.clock.at,
        nonce=to_base64url(nonce),
    )
    (module,) = result.submods.values()
    assert module.status != "affirming"  # it is simulated
    assert module.extensions["ear.enarx.log-proof"] == held.decode()
    assert module.extensions["ear.enarx.decision"] == decision.id


def test_evidence_alone_gets_a_result_and_no_certificate(steward: Steward) -> None:
    """The claims bring the nonce."""
    answer = steward.service.appraise(Keep().evidence(steward.nonce()))
    assert answer.decision.accepted
    assert (answer.chain, answer.decision.serial) == ((), 0)
    assert answer.result


def test_reused_nonce(steward: Steward) -> None:
    """Attack: the same request again, and another one with the same nonce."""
    nonce = steward.nonce()
    first = Keep().request(nonce)
    assert steward.service.certify(first).decision.accepted
    for again in (first, Keep().request(nonce)):
        with pytest.raises(NonceError, match="used before"):
            steward.service.certify(again)


def test_nonce_is_used_once_by_many_at_once(steward: Steward) -> None:
    """Attack: a race for one nonce; one gets through, and there is one decision."""
    nonce = steward.nonce()
    requests = [Keep().request(nonce) for _ in range(8)]

    def ask(data: bytes) -> bool:
        try:
            return steward.service.certify(data).decision.accepted
        except NonceError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, requests)) == 1
    with reading(steward.service.engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(decisions)) == 1


def test_stale_nonce(steward: Steward) -> None:
    """Attack: evidence that was made long before."""
    data = Keep().request(steward.nonce())
    steward.clock.pass_(seconds=301)
    with pytest.raises(NonceError, match="expired"):
        steward.service.certify(data)


def test_nonce_of_our_own_making(steward: Steward) -> None:
    """Attack: a nonce that the Steward never gave."""
    with pytest.raises(NonceError, match="never issued"):
        steward.service.certify(Keep().request(b"n" * 32))


def test_request_without_a_nonce(steward: Steward) -> None:
    """Evidence that shows no freshness is not certified in this way."""
    keep = Keep()
    data = request.make(keep.key, keep.quote(hashlib.sha256(keep.spki).digest().ljust(64, b"\0")))
    with pytest.raises(MalformedError, match="no identity claims with a nonce"):
        steward.service.certify(data)


def test_key_not_bound(steward: Steward) -> None:
    """Attack: a keep's evidence in a request for another key, with its claims or with others."""
    keep, thief = Keep(), Keep()
    stolen = keep.evidence(steward.nonce())
    found = failed(steward.service.certify(request.make(thief.key, stolen)))
    assert found == ["key binding: claims.spki"]
    claims = IdentityClaims(steward.nonce(), thief.spki, WORKLOAD).encode()
    swapped = beside(claims, keep.quote(report_data(b"something else")))
    found = failed(steward.service.certify(request.make(thief.key, swapped)))
    assert found == ["key binding: report_data"]


def test_evidence_for_another_purpose(steward: Steward) -> None:
    """Attack: evidence that a keep gave to a connection, passed off as evidence for a name."""
    keep = Keep()
    claims = ChannelClaims(steward.nonce(), keep.spki, bytes(32), WORKLOAD).encode()
    data = request.make(keep.key, beside(claims, keep.quote(report_data(claims))))
    with pytest.raises(MalformedError, match="purpose"):
        steward.service.certify(data)


def test_other_workloads_request(steward: Steward, policy: str) -> None:
    """Attack: a workload that is not listed asks where only listed ones are admitted."""
    listed = policy.replace("any_workload = true", "any_workload = false") + (
        f'\n[[workload]]\ndigest = "{WORKLOAD}"\nname = "shop"\ndns_names = ["shop.example.org"]\n'
    )
    steward.change_policy(listed)
    for other in (OTHER, ""):
        keep = Keep(workload=other)
        assert failed(steward.service.certify(keep.request(steward.nonce()))) == ["workload"]
    names = names_of(steward.service.certify(Keep().request(steward.nonce())))
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "shop.example.org"]
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == ["spiffe://enarx.local/workload/shop"]


@pytest.mark.parametrize("name", ["bank.example", "*.localhost", "localhost.evil.example"])
def test_name_not_allowed(steward: Steward, name: str) -> None:
    """Attack: a keep asks for a name that the policy does not give to its workload."""
    answer = steward.service.certify(Keep().request(steward.nonce(), "localhost", name))
    assert failed(answer) == ["name"]


def test_a_keep_gets_the_names_that_it_asks_for(steward: Steward) -> None:
    """As long as they are among those that it may have."""
    answer = steward.service.certify(Keep().request(steward.nonce(), "localhost"))
    assert names_of(answer).get_values_for_type(x509.DNSName) == ["localhost"]


def test_simulated_evidence_to_a_production_policy(steward: Steward, policy: str) -> None:
    """Attack: a simulated keep where the policy does not say that such are allowed."""
    changed = policy.replace('simulated = "allowed"', 'simulated = "forbidden"')
    assert changed != policy
    steward.change_policy(changed)
    assert "simulated" in failed(steward.service.certify(Keep().request(steward.nonce())))


def test_denied_at_once(steward: Steward) -> None:
    """A workload or a chip that is denied gets nothing more, and what it has is revoked."""
    issued = steward.service.certify(Keep().request(steward.nonce()))
    write = steward.service.writer.write

    def deny(kind: denials.Kind, value: str) -> tuple[str, ...]:
        return write(
            lambda connection: denials.deny(
                connection, kind, value, reason="leaked", by="tests", now=1
            )
        ).result()

    assert deny("workload", WORKLOAD) == (f"{issued.decision.serial:x}",)
    answer = steward.service.certify(Keep().request(steward.nonce()))
    assert failed(answer) == ["workload"]
    assert answer.result == ""  # the appraisal accepted it, so a result would say too much
    assert write(lambda connection: denials.lift(connection, 1, 2)).result()
    assert steward.service.certify(Keep().request(steward.nonce())).decision.accepted
    deny("chip", issued.finding.instance)
    assert failed(steward.service.certify(Keep().request(steward.nonce()))) == ["chip"]


def test_refusals_are_decisions_too(steward: Steward) -> None:
    """They are recorded and in the log, with what failed, and certify nothing."""
    answer = steward.service.certify(Keep().request(steward.nonce(), "bank.example"))
    with reading(steward.service.engine) as connection:
        row = connection.execute(sa.select(decisions)).one()
        assert connection.execute(sa.select(certificates)).all() == []
    assert (row.accepted, row.id) == (False, answer.decision.id)
    assert row.payload == answer.decision.payload()
    assert leaf.parse(steward.service.log.entry(row.log_index)).opens(row.salt, row.payload)


def test_request_that_its_key_did_not_sign(steward: Steward) -> None:
    """Attack: somebody else's key in a request."""
    data = bytearray(Keep().request(steward.nonce()))
    data[-1] ^= 1
    with pytest.raises((UnauthenticError, MalformedError)):
        steward.service.certify(bytes(data))


def test_a_changed_policy_counts_for_the_next_request(steward: Steward, policy: str) -> None:
    """A decision says which version it stands on."""
    assert steward.service.certify(Keep().request(steward.nonce())).decision.policy[0] == 1
    steward.change_policy(policy.replace('name = "tests"', 'name = "changed"'))
    decision = steward.service.certify(Keep().request(steward.nonce())).decision
    assert decision.policy[:2] == (2, "changed")


def test_ways_without_claims(steward: Steward, policy: str) -> None:
    """A bare wrapper in a request is bound to the key by its digest, as Enarx 0.7 does it."""
    keep, other = Keep(), Keep()
    good = keep.quote(hashlib.sha384(keep.spki).digest().ljust(64, b"\0"))
    answer = steward.service.certify_unasked(request.make(keep.key, good))
    assert failed(answer) == ["workload"]  # nothing says which
    steward.change_policy(policy.replace("require_workload = true", "require_workload = false"))
    answer = steward.service.certify_unasked(request.make(keep.key, good))
    uris = names_of(answer).get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == ["spiffe://enarx.local/platform/snp"]
    answer = steward.service.certify_unasked(request.make(other.key, good))
    assert failed(answer) == ["key binding: report_data"]
