"""Structured damage of quotes: taken apart, changed with knowledge of the format, put together."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from enarx.tee.dcap.certification import PckGiven
from enarx.tee.dcap.layout import CertificationHead, HeaderV4, QeReport, QuoteSignature
from enarx.tee.dcap.quote import V3, V5, Quote, parse_quote
from enarx.wire.record import pack, size_of
from enarx.wire.text import to_pem

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIZES = ("section", "envelope", "authentication", "certification")
TYPES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 0xFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A quote in pieces.

    Args:
        lies: what is added to a length, by its name in ``SIZES``.
        tail: what follows the quote.
    """

    header: bytes
    descriptor: bytes
    body: bytes
    signature: bytes
    key: bytes
    report: bytes
    report_signature: bytes
    authentication: bytes
    envelope: int
    kind: int
    chain: tuple[bytes, ...]
    text: bytes
    lies: Mapping[str, int] = field(default_factory=dict)
    tail: bytes = b""

    @property
    def version(self) -> int:
        """Of the layout in which the pieces are put together."""
        return int.from_bytes(self.header[:2], "little")

    def assemble(self) -> bytes:
        """The quote."""
        head = pack(QuoteSignature(signature=self.signature, attestation_key=self.key))
        block = pack(QeReport(report=self.report, signature=self.report_signature))
        block += self._sized("authentication", self.authentication, 2)
        block += self._part("certification", self.kind, self.text)
        if self.version != V3:
            block = self._part("envelope", self.envelope, block)
        signed = self.header + self.descriptor + self.body
        return signed + self._sized("section", head + block, 4) + self.tail

    def _part(self, name: str, kind: int, content: bytes) -> bytes:
        size = max(0, len(content) + self.lies.get(name, 0))
        return pack(CertificationHead(type=kind, size=size)) + content

    def _sized(self, name: str, content: bytes, prefix: int) -> bytes:
        size = max(0, len(content) + self.lies.get(name, 0))
        return size.to_bytes(prefix, "little") + content


def take_apart(quote: bytes) -> Parts:
    """A good quote with a chain of certificates, in pieces that make it again."""
    found = parse_quote(quote)
    assert isinstance(found.certification, PckGiven)
    header = quote[: size_of(HeaderV4)]
    descriptor = found.signed[len(header) : -len(found.body)]
    certificates = found.certification.certificates
    return Parts(
        header=header,
        descriptor=descriptor,
        body=found.body,
        signature=found.signature,
        key=found.attestation_key,
        report=found.qe_signed,
        report_signature=found.qe_signature,
        authentication=found.qe_auth,
        envelope=6,
        kind=found.certification.type,
        chain=certificates,
        text=_text(quote, found),
    )


def _text(quote: bytes, found: Quote) -> bytes:
    """The certification data, which are the end of the quote."""
    block = found.qe_signed + found.qe_signature
    head = len(block) + 2 + len(found.qe_auth) + size_of(CertificationHead)
    return quote[quote.index(block) + head :]


Change = Callable[[Parts, Sequence[Parts], random.Random], Parts]


def of_a_field(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """A piece of fixed size with a bit flipped, or some bytes of it zero, one, or random."""
    names = ("header", "descriptor", "body", "signature", "key", "report", "report_signature")
    name = chance.choice([one for one in names if getattr(parts, one)])
    return replace(parts, **{name: scribbled(getattr(parts, name), chance)})


def scribbled(data: bytes, chance: random.Random) -> bytes:
    """*data* of the same size with something else in it."""
    if not data:
        return data
    changed = bytearray(data)
    begin, size = chance.randrange(len(data)), chance.choice((1, 1, 2, 4, 8, 16, 48))
    how = chance.choice(("bit", "zero", "ones", "random"))
    if how == "bit":
        changed[begin] ^= 1 << chance.randrange(8)
        return bytes(changed)
    for place in range(begin, min(len(data), begin + size)):
        changed[place] = {"zero": 0, "ones": 0xFF}.get(how, chance.randrange(256))
    return bytes(changed)


def of_a_length(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """A length that is not the size of what follows."""
    off = chance.choice((-64, -2, -1, 1, 2, 64, 1 << 10))
    return replace(parts, lies={chance.choice(SIZES): off})


def of_a_type(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """Another type of certification data, outside or inside."""
    return replace(parts, **{chance.choice(("envelope", "kind")): chance.choice(TYPES)})


def of_the_header(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """A field of the header or of the body's descriptor with a likely other value."""
    changed = bytearray(parts.header)
    place, value = chance.choice(
        (
            (0, 2),
            (0, 3),
            (0, 4),
            (0, 5),
            (0, 6),
            (2, 3),
            (4, 0),
            (4, 0x81),
            (8, 1),
            (10, 1),
            (12, 0),
        )
    )
    changed[place] = value
    if parts.version == V5 and chance.random() < 0.5:
        body_type = chance.choice((1, 2, 3, 4, 5))
        return replace(parts, descriptor=bytes((body_type,)) + parts.descriptor[1:])
    return replace(parts, header=bytes(changed))


def of_a_signature(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """``r`` and ``s`` exchanged, zero, of the group's order, or ``s`` as its other root."""
    name = chance.choice(("signature", "report_signature"))
    found = getattr(parts, name)
    r, s = found[:32], found[32:]
    other = (-int.from_bytes(s, "big") % P256_ORDER).to_bytes(32, "big")
    order = P256_ORDER.to_bytes(32, "big")
    made = chance.choice((s + r, bytes(64), r + bytes(32), bytes(32) + s, r + order, r + other))
    return replace(parts, **{name: made})


def of_another(parts: Parts, others: Sequence[Parts], chance: random.Random) -> Parts:
    """One or two pieces are another quote's."""
    donor = chance.choice(others)
    names = [one.name for one in fields(Parts) if one.name not in {"lies", "tail"}]
    picked = chance.sample(names, chance.choice((1, 1, 2)))
    return replace(parts, **{name: getattr(donor, name) for name in picked})


def of_two(parts: Parts, others: Sequence[Parts], chance: random.Random) -> Parts:
    """The pieces up to one of them, then another quote's."""
    donor = chance.choice(others)
    names = [one.name for one in fields(Parts) if one.name not in {"lies", "tail"}]
    kept = names[chance.randrange(1, len(names)) :]
    return replace(parts, **{name: getattr(donor, name) for name in kept})


def of_the_authentication(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """Authentication data that are shorter, longer, or others."""
    data = parts.authentication
    made = chance.choice((b"", data[:-1], data + b"\0", scribbled(data, chance), data * 2))
    return replace(parts, authentication=made)


def of_the_chain(parts: Parts, others: Sequence[Parts], chance: random.Random) -> Parts:
    """Certificates in another order, fewer, more, exchanged with another quote's, or damaged."""
    donor = chance.choice(others).chain
    chain = list(parts.chain or donor)
    how = chance.randrange(7)
    if how == 0:
        chance.shuffle(chain)
    elif how == 1:
        chain.pop(chance.randrange(len(chain)))
    elif how == 2:
        chain.insert(chance.randrange(len(chain) + 1), chance.choice(chain))
    elif how == 3:
        chain.insert(chance.randrange(len(chain) + 1), chance.choice(donor))
    elif how == 4:
        chain[chance.randrange(len(chain))] = chance.choice(donor)
    elif how == 5:
        chain = list(donor)
    else:
        place = chance.randrange(len(chain))
        chain[place] = scribbled(chain[place], chance)
    text = b"".join(to_pem("CERTIFICATE", der) for der in chain)
    return replace(parts, chain=tuple(chain), text=text)


def of_the_text(parts: Parts, _: Sequence[Parts], chance: random.Random) -> Parts:
    """The same certificates in DER or in other spellings of PEM; or damaged text."""
    text = parts.text
    made = chance.choice(
        (
            b"".join(parts.chain),
            parts.chain[0],
            text.replace(b"\n", b"\r\n"),
            text.replace(b"\n", b""),
            text.rstrip(b"\0\n"),
            text + b"\0",
            text + b"\n\n",
            text + b"x",
            b"# comment\n" + text,
            text.replace(b"CERTIFICATE", b"X509 CRL"),
            text.replace(b"-----END", b"----END", 1),
            scribbled(text, chance),
            b"",
        )
    )
    return replace(parts, text=made)


def of_the_end(parts: Parts, others: Sequence[Parts], chance: random.Random) -> Parts:
    """Something follows the quote."""
    tail = chance.choice((b"\0", bytes(64), b"\n", b"x", chance.choice(others).assemble()))
    return replace(parts, tail=tail)


CHANGES: tuple[Change, ...] = (
    of_a_field,
    of_a_field,
    of_a_length,
    of_a_type,
    of_the_header,
    of_a_signature,
    of_another,
    of_two,
    of_the_authentication,
    of_the_chain,
    of_the_chain,
    of_the_text,
    of_the_end,
)
