"""The reference of policy files is what the catalogue says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_policy_page_is_made_from_the_catalogue() -> None:
    """docs/reference/policy-toml.md is what docs/policy_reference.py writes."""
    command = [
        sys.executable,
        "docs/policy_reference.py",
        "--check",
        "docs/reference/policy-toml.md",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
