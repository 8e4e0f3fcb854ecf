"""AWS's evidence under the shape that all technologies share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.nitro import document, verify
from enarx.tee.technology import Technology

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.endorsements import Endorsements, Need


def needs(_: document.NitroEvidence, __: Endorsements, ___: datetime) -> tuple[Need, ...]:
    """Nothing: a document carries its chain, and nobody is asked for AWS's revocation lists."""
    return ()


NITRO = Technology(
    name="nitro",
    title="AWS Nitro attestation document",
    vendor="aws",
    recognises=document.recognises,
    parse=document.parse,
    needs=needs,
    authenticate=verify.authenticate,
)
