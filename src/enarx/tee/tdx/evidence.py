"""TDX evidence: a quote whose body is a trust domain's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.dcap.fields import Fields
from enarx.tee.dcap.quote import BODY_TD10, BODY_TD15, BODY_TD15_EX, Quote, parse_quote
from enarx.tee.tdx.fields import EVIDENCE
from enarx.tee.tdx.report import TdReport, TdReport10, TdReport15, TdReport15Ex
from enarx.wire.record import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.claims import ClaimValue
    from enarx.tee.endorsements import Endorsements

_REPORTS: dict[int, type[TdReport]] = {
    BODY_TD10: TdReport10,
    BODY_TD15: TdReport15,
    BODY_TD15_EX: TdReport15Ex,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TdxEvidence:
    """Evidence of the right shape; nothing of it is proven.

    Args:
        report: the quote's body, in fields.
    """

    quote: Quote
    report: TdReport

    @property
    def raw(self) -> bytes:
        """The bytes that arrived."""
        return self.quote.raw

    @property
    def carried(self) -> Endorsements:
        """The certificates in the quote."""
        return self.quote.carried

    def fields(self) -> Mapping[str, ClaimValue]:
        """Every field by its dotted name, in the specification's order; unproven."""
        return Fields(EVIDENCE[self.quote.header.version, type(self.report)], self)


def parse(raw: bytes) -> TdxEvidence:
    """*raw* as a TDX quote of version 4 or 5.

    Raises:
        MalformedError: it is not that.
    """
    quote = parse_quote(raw)
    if quote.tee != "tdx":
        raise MalformedError(
            "quote.header.tee_type", "got an SGX quote, want a TDX quote", offset=4
        )
    report = unpack(_REPORTS[quote.body_type], quote.body, "quote.body")
    return TdxEvidence(quote=quote, report=report)
