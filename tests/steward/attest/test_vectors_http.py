"""A recorded request of Enarx 0.7 over HTTP, as Enarx 0.7 sent it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
from cryptography import x509
from tests.steward.attest.conftest import Steward
from tests.steward.attest.test_vectors import (
    ACCEPTING,
    OTHER48,
    Recorded,
    authority,
    snp,
)

from enarx.pki import pki_path
from enarx.steward.api.app import application
from enarx.steward.api.desk import Desk
from enarx.steward.api.metrics import Metrics
from enarx.steward.api.settings import Settings
from enarx.web.server import json_log

__all__ = ["authority", "snp"]  # fixtures


def posted(steward: Steward, body: bytes) -> httpx.Response:
    """What the application answers to *body*."""
    desk = Desk(steward.service, Settings(), Metrics(), time.monotonic)
    transport = httpx.ASGITransport(application(desk, json_log()))

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="https://steward") as client:
            kind = {"Content-Type": "application/pkcs10"}
            return await client.post("/", content=body, headers=kind)

    try:
        return asyncio.run(post())
    finally:
        desk.close()


def test_the_recorded_request_is_answered_as_the_policy_says(snp: Recorded, shared: Path) -> None:
    """A PkiPath that ends in a certificate of its key; 400 and every reason if it is refused."""
    assert shared.exists()
    snp.ask(ACCEPTING)
    answer = posted(snp.steward, snp.request)
    assert answer.headers["content-type"] == "application/pkix-pkipath"
    issuer, ours = map(x509.load_der_x509_certificate, pki_path.decode_path(answer.content))
    ours.verify_directly_issued_by(issuer)
    assert ours.public_key() == x509.load_der_x509_csr(snp.request).public_key()
    assert not snp.ask(f'[snp]\nhash = ["{OTHER48}"]\n').decision.accepted
    refused = posted(snp.steward, snp.request)
    assert refused.status_code == 400
    assert [one["claim"] for one in refused.json()["failures"]] == ["image.measurement"]
