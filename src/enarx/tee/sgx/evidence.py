"""SGX evidence: a quote whose body is an enclave's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.dcap.enclave import EnclaveReport
from enarx.tee.dcap.fields import Fields
from enarx.tee.dcap.quote import Quote, parse_quote
from enarx.tee.sgx.fields import EVIDENCE
from enarx.wire.record import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.claims import ClaimValue
    from enarx.tee.endorsements import Endorsements


@dataclass(frozen=True, slots=True, kw_only=True)
class SgxEvidence:
    """Evidence of the right shape; nothing of it is proven.

    Args:
        report: the quote's body, in fields.
    """

    quote: Quote
    report: EnclaveReport

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
        return Fields(EVIDENCE[self.quote.header.version], self)


def parse(raw: bytes) -> SgxEvidence:
    """*raw* as an SGX quote of version 3, 4 or 5.

    Raises:
        MalformedError: it is not that.
    """
    quote = parse_quote(raw)
    if quote.tee != "sgx":
        raise MalformedError(
            "quote.header.tee_type", "got a TDX quote, want an SGX quote", offset=4
        )
    return SgxEvidence(quote=quote, report=unpack(EnclaveReport, quote.body, "quote.body"))
