"""The API does what its OpenAPI document says, asked by a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.host.api.hosts import Host

from enarx.host.api.openapi import document

pytestmark = pytest.mark.slow  # each starts processes

HOOKS = """
import schemathesis

@schemathesis.serializer("application/vnd.enarx.envelope.v1")
def envelope(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
"""


def ask(host: Host, examples: int, path: Path) -> None:
    """Run schemathesis in a process of its own: it has warnings of its own."""
    (path / "hooks.py").write_text(HOOKS)
    ran = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{host.url}/openapi.json",
            "--header", f"Authorization: Bearer {host.token}",
            "--max-examples", str(examples), "--exclude-path-regex", "channel",
            "--phases", "coverage,fuzzing", "--mode", "all", "--seed", "1", "--no-color",
            "--exclude-checks", "unsupported_method,positive_data_acceptance",
        ],
        cwd=path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


def test_every_operation_keeps_to_its_description(host: Host, tmp_path: Path) -> None:
    """Generated requests, right and wrong ones, get what the document promises; never a 5xx."""
    ask(host, 15, tmp_path)


def test_the_document_is_served(host: Host) -> None:
    """Without a token, and as it is in the code."""
    answer = httpx.get(f"{host.url}/openapi.json")
    assert answer.json() == json.loads(json.dumps(document(("snp", "tdx", "sgx"))))
    assert answer.json()["openapi"] == "3.1.0"
