"""The request that Enarx 0.7 sent on real hardware, over HTTP, as its client sends it.

The clock is today's: the chip's certificate is valid until 2029, the request's lists have ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from tests.steward.stewards import Serving, start

from enarx.adapters.endorsement_cache import EndorsementCache
from enarx.pki import pki_path
from enarx.ports import Answer
from enarx.steward.policies.enarx07 import imported
from enarx.tee.endorsements import AmdChainNeed, Endorsements
from enarx.wire.text import pem_blocks

PKCS10 = {"Content-Type": "application/pkcs10"}
SIGNER = "7dc22240a8344fce6ba5f22ffbedabc52d4123ae0ba1c59796e521b953916b503f223b15c4429e7d8c5489ad71f1e193"  # noqa: E501
CONFIG = f'[snp]\nsigner = ["{SIGNER}"]\n'
LENIENT = 'snp.revocation = { unchecked = "the lists of 2022 have ended" }'


@dataclass(frozen=True)
class Asked:
    """A Steward that believes vendors only, and the recorded request."""

    serving: Serving
    request: bytes
    policy: str

    def post(self) -> httpx.Response:
        """Its answer."""
        with self.serving.client() as client:
            return client.post("/", content=self.request, headers=PKCS10)

    def change(self, policy: str, file: Path) -> None:
        """Make *policy* count."""
        file.write_text(policy)
        self.serving.command("policy", "propose", str(file))


@pytest.fixture(scope="module")
def asked(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Started with an imported policy; AMD's chain of certificates is in the cache."""
    vector = shared / "vectors/snp/milan-v2-enarx-csr"
    folder = tmp_path_factory.mktemp("recorded")
    policy = imported(CONFIG.encode(), "steward.toml", dns_names=("keep.example",)).text
    (folder / "policy.toml").write_text(policy)
    serving = start(folder, "--workers", "1", "--policy", str(folder / "policy.toml"))
    chain = pem_blocks((vector / "ca_chain.pem").read_bytes(), "ca_chain.pem")
    EndorsementCache(str(folder / "cache/enarx/endorsements")).save(
        AmdChainNeed(products=("Milan",), signer="vcek"),
        Answer(
            endorsements=Endorsements(certificates=tuple(der for _, der in chain)),
            source="https://kdsintf.amd.com/vcek/v1/Milan/cert_chain",
        ),
        datetime.now(UTC),
    )
    yield Asked(serving, (vector / "enarx.csr").read_bytes(), policy)
    serving.end()


@pytest.mark.slow
def test_what_the_policy_says_is_answered(asked: Asked, tmp_path: Path) -> None:
    """Lists that ended are refused; without that demand it is certified; another signer is not."""
    refused = asked.post()
    assert refused.status_code == 400
    assert [one["claim"] for one in refused.json()["failures"]] == ["revocation"]
    lenient = asked.policy.replace('snp.revocation = "required"', LENIENT)
    assert lenient != asked.policy
    asked.change(lenient, tmp_path / "policy.toml")
    answer = asked.post()
    assert answer.status_code == 200, answer.text
    issuer, issued = map(x509.load_der_x509_certificate, pki_path.decode_path(answer.content))
    issued.verify_directly_issued_by(issuer)
    assert issued.public_key() == x509.load_der_x509_csr(asked.request).public_key()
    asked.change(lenient.replace(SIGNER, "aa" * 48), tmp_path / "policy.toml")
    other = asked.post()
    assert other.status_code == 400
    assert [one["claim"] for one in other.json()["failures"]] == ["snp.author_key_digest"]
