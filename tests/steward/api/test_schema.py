"""The Steward does what its OpenAPI document says, asked by a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.steward.stewards import Serving, start

from enarx.steward.policies.starter import starter

pytestmark = pytest.mark.slow  # each starts processes

HOOKS = """
import schemathesis

@schemathesis.serializer(
    "application/pkcs10",
    "application/vnd.steward.pkcs10-bundle.v1",
    "application/cmw+cbor",
    "application/vnd.enarx.receipt.v1+json",
)
def as_bytes(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
"""


CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 406, 408, 409, 413, 415, 422, 429]
"""
LONGEST = 2000
"""Of a line of its report that is shown: a request may have megabytes."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A Steward with every part that it may have, guests of Confidential Containers too."""
    folder = tmp_path_factory.mktemp("steward")
    policy = folder / "guests.toml"
    policy.write_text(starter(("snp",), "guests", accept_simulated=True, any_workload=True))
    made = start(
        folder, "--insecure-accept-simulated", "--workers", "1", "--guests-policy", str(policy)
    )
    yield made
    made.end()


def ask(serving: Serving, operator: dict[str, str], path: Path, *options: str) -> None:
    """Run schemathesis in a process of its own: it has warnings of its own."""
    (path / "hooks.py").write_text(HOOKS)
    (path / "schemathesis.toml").write_text(CONFIG)
    ran = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{serving.url}/openapi.json",
            "--tls-verify", serving.ca_file, *options,
            "--header", f"Authorization: {operator['Authorization']}",
            "--mode", "all", "--seed", "1", "--no-color",
            "--exclude-checks", "unsupported_method,positive_data_acceptance",
        ],
        cwd=path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    said = "\n".join(line[:LONGEST] for line in (ran.stdout + ran.stderr).splitlines())
    assert ran.returncode == 0, said[-10_000:]


def test_every_operation_keeps_to_its_description(
    serving: Serving, operator: dict[str, str], tmp_path: Path
) -> None:
    """Generated requests, right and wrong ones, get what the document promises; never a 5xx."""
    ask(serving, operator, tmp_path, "--phases", "coverage,fuzzing", "--max-examples", "25")


def test_the_document_is_served_and_describes_every_part(client: httpx.Client) -> None:
    """Without a token; each part that answers has its paths in it, and each path answers."""
    served = client.get("/openapi.json").json()
    assert served["openapi"] == "3.1.0"
    parts = {
        "/v1/certificate", "/v1/denials", "/log/checkpoint", "/v1/secrets", "/v1/policy",
        "/kbs/v0/auth",
    }  # fmt: skip
    assert parts <= set(served["paths"])
    names = [
        operation["operationId"]
        for path in served["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names))
