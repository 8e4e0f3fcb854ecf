"""Arm's evidence under the shape that all technologies share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.cca import token, verify
from enarx.tee.technology import Technology

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.endorsements import Endorsements, Need


def needs(_: token.CcaEvidence, __: Endorsements, ___: datetime) -> tuple[Need, ...]:
    """Nothing that could be fetched: a platform's key is an anchor, which the caller gives."""
    return ()


CCA = Technology(
    name="cca",
    title="Arm CCA token",
    vendor="arm",
    recognises=token.recognises,
    parse=token.parse,
    needs=needs,
    authenticate=verify.authenticate,
)
