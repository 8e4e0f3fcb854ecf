"""Policies of several files as one document."""

from __future__ import annotations

import pytest

from enarx.appraisal.composition import Unread
from enarx.appraisal.policy import load
from enarx.errors import MisconfiguredError
from enarx.steward.policies.document import parse
from enarx.steward.policies.flatten import flatten
from enarx.steward.policies.starter import starter

DIGEST = "sha256:" + "ab" * 32
BASE = starter(("snp", "tdx"), "base").partition("## What the Steward issues")[0].encode()
REFERENCES = b"""version = 1
[[reference_values]]
name = "keep"
version = "1"
platform = "snp"
measurements = { measurement = ["ab", "cd"] }
[[reference_values]]
name = "keep"
version = "1"
platform = "tdx"
[reference_values.measurements]
mr_td = ["ee"]
rtmr_0 = { unchecked = "say \\"why\\"" }
rtmr_1 = ["01"]
rtmr_2 = ["02"]
rtmr_3 = ["03"]
"""
ROOT = f"""version = 1
name = "mine"
include = ["base.toml"]
reference_value_files = ["keep.toml"]
image = [{{ name = "keep", version = "1" }}]
collateral_age = "30d"
smt = "forbidden"

[snp]
vmpl = [0, 1]
xyz
[issue]
lifetime = "1h"
any_workload = true
[[workload]]
digest = "{DIGEST}"
name = "shop"
secrets = ["a", "b"]
""".replace("xyz\n", "")
FILES = {"p/root.toml": ROOT.encode(), "p/base.toml": BASE, "p/keep.toml": REFERENCES}


def test_one_document_demands_the_same() -> None:
    """The digest of what is demanded is that of the files together, and nothing is issued else."""
    found = parse(flatten("p/root.toml", FILES))
    appraisal = ROOT.partition("[issue]")[0].encode()
    assert found.appraisal.sha256 == load("p/root.toml", {**FILES, "p/root.toml": appraisal}).sha256
    assert found.issue.lifetime_s == 3600
    assert found.issue.any_workload
    assert found.secrets(DIGEST) == ("a", "b")
    assert found.spiffe_path(DIGEST, "snp") == "/workload/shop"


def test_a_document_by_itself_stays_as_it_is() -> None:
    """Byte for byte, comments too."""
    assert flatten("x.toml", {"x.toml": BASE}) == BASE


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({**FILES, "p/base.toml": Unread("is not there")}, "is not there"),
        ({**FILES, "p/base.toml": BASE + b"[issue]\n"}, "issue: unknown key"),
        ({"p/root.toml": ROOT.encode() + b"nam = 1\n"}, "workload"),
        ({"p/root.toml": b"x = 1\n"}, "unknown key"),
        ({"p/root.toml": b"name ="}, "not TOML"),
    ],
)
def test_problems_of_any_file_are_told(files: dict[str, bytes | Unread], problem: str) -> None:
    """Nothing is written of files that are not whole."""
    complete = {"p/base.toml": BASE, "p/keep.toml": REFERENCES, **files}
    with pytest.raises(MisconfiguredError, match=problem):
        flatten("p/root.toml", complete)
