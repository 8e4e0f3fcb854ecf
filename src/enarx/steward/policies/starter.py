"""The policy that ``enarx steward policy init`` writes: complete, strict, and commented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.appraisal.starter import starter as appraisal_starter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.appraisal.image import ReferenceValue


def starter(
    platforms: tuple[str, ...],
    name: str,
    *,
    references: Sequence[ReferenceValue] = (),
    accept_simulated: bool = False,
    any_workload: bool = False,
) -> str:
    """The text of a policy that accepts *platforms*, at least one.

    Args:
        references: of the images that it accepts; without any it leaves the image unchecked.
        accept_simulated: accept simulations as well.
        any_workload: give every workload a certificate; without it, those that are added only.
    """
    appraisal = appraisal_starter(
        platforms, name, references=references, accept_simulated=accept_simulated
    )
    own = _OWN.replace("ANY", str(any_workload).lower())
    return appraisal.replace("enarx policy check", "enarx steward policy check") + own


_OWN = """
## What the Steward issues to whoever passes.

[issue]

## How long certificates and results count; at most 7 days.
lifetime = "12h"

## The DNS names that every workload may have.
dns_names = ["localhost"]

## Whether workloads that are not listed below get anything: a certificate, never a secret.
any_workload = ANY

## Whether evidence that names no workload gets nothing.
require_workload = true

## A workload by the digest of its manifest (enarx package digest), one table for each.
# [[workload]]
# digest = "sha256:…"
# name = "shop"
# dns_names = ["shop.example.org"]
# secrets = ["db-password"]
"""
