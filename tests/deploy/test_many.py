"""Many owners at once: what the host cannot do now it does later, and nobody sees an error."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.deploy.conftest import PATIENCE_S

if TYPE_CHECKING:
    from tests.deploy.conftest import Owner

pytestmark = pytest.mark.slow

AT_ONCE = int(os.environ.get("ENARX_DEPLOYS_AT_ONCE", "40"))
"""200 is the goal for two processors, and takes a minute and a half there."""


def test_many_deploys_at_once(owner: Owner) -> None:
    """Each is a process of its own, and each ends as its program does."""
    environment = {
        **owner.environment,
        "ENARX_HOST": owner.agent.url,
        "ENARX_TOKEN_FILE": str(owner.agent.token_file),
    }
    command = [sys.executable, "-m", "enarx", "deploy", "--insecure-accept-simulated", "hello.wasm"]

    def deploy(_number: int) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            command, cwd=owner.folder, env=environment, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=PATIENCE_S * 5,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    before = {keep["id"] for keep in keeps_of(owner)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(deploy, range(AT_ONCE)))
    wrong = [result for result in results if result[:2] != (7, b"hello\n")]
    assert wrong == []
    ours = [keep for keep in keeps_of(owner) if keep["id"] not in before]
    assert [keep for keep in ours if keep["state"] in ("provisioned", "running")] == []


def keeps_of(owner: Owner) -> list[dict[str, str]]:
    """Every keep of the host, those that other tests left running too."""
    headers = {"Authorization": f"Bearer {owner.agent.token_file.read_text().strip()}"}
    answer = httpx.get(f"{owner.agent.url}/v1/keeps", headers=headers)
    keeps: list[dict[str, str]] = answer.json()["keeps"]
    return keeps
