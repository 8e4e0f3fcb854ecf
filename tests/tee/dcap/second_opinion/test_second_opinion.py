"""dcap-qvl, an implementation by others in Rust, answers as we do, or for a reason that is known.

Every question is asked twice, and every difference must be one of the reasons in ``disagreements``;
what these are, and how often each was met, is printed.  Mutations are the same in every run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from tests.tee.dcap.second_opinion import collateral, quotes
from tests.tee.dcap.second_opinion.disagreements import REASONS, agree, explained
from tests.tee.dcap.second_opinion.machines import Workshop
from tests.tee.dcap.second_opinion.opinions import Case, Collateral, Opinion, ours, signed, theirs

from enarx.tee.dcap.roots import ANCHORS
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.x509 import load_certificate
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge
    from tests.tee.dcap.conftest import Recorded

pytestmark = pytest.mark.needs("dcap_qvl")

NUMBER = 2_000
"""Of mutations in each of five parts, so that no test takes minutes on a slow machine."""

PARTS = range(5)


@pytest.fixture(scope="module")
def recordings(recorded: tuple[Recorded, ...]) -> tuple[Case, ...]:
    """Every evaluation of a recorded quote."""
    return tuple(
        asked(one, evaluation["collateral"], datetime.fromisoformat(evaluation["valid_at"]))
        for one in recorded
        for evaluation in one.evaluations
    )


def asked(one: Recorded, name: str, now: datetime) -> Case:
    """A recorded quote with its collateral of that name."""
    folder = one.folder / name

    def read(file: str) -> bytes:
        return (folder / file).read_bytes() if (folder / file).exists() else b""

    def chain(file: str) -> tuple[bytes, ...]:
        return tuple(der for _, der in pem_blocks(read(file), file))

    signers = chain("tcb_signing_chain.pem")
    return Case(
        what=f"{one.folder.name} {name}",
        quote=one.quote,
        collateral=Collateral(
            signers=signers,
            issuers=chain("pck_crl_issuer_chain.pem"),
            pck_crl=read("pck_crl.der"),
            root_crl=read("root_ca_crl.der"),
            tcb_info=signed(read("tcb_info.json"), "tcbInfo"),
            qe_identity=signed(read("qe_identity.json"), "enclaveIdentity"),
        ),
        anchors=ANCHORS,
        root=next(der for der in signers if ANCHORS[0].is_key_of(load_certificate(der, "root"))),
        now=now,
    )


def compare(cases: Iterable[Case]) -> Counter[str]:
    """How often both answered alike, and how often not and for which reason; there must be one."""
    counts: Counter[str] = Counter()
    for case in cases:
        mine, other = ours(case), theirs(case)
        if agree(mine, other):
            counts["both accept" if mine.accepted else "both refuse"] += 1
            continue
        reason = explained(case, mine, other)
        assert reason is not None, f"{case.what}: we say {mine}, dcap-qvl says {other}"
        counts[reason.name] += 1
    for name, count in counts.most_common():
        print(f"{count:6} {name}")  # noqa: T201 - asked for
    return counts


def mutated_recordings(good: tuple[Case, ...], chance: random.Random) -> Iterator[Case]:
    """Recorded quotes, or the collateral that they are judged by, with one or two changes."""
    parts = {case.quote: quotes.take_apart(case.quote) for case in good}
    everything = tuple(parts.values())
    for _ in range(NUMBER):
        case = chance.choice(good)
        steps = chance.choice((1, 1, 1, 2))
        if chance.random() < 0.6:
            yield changed_quote(case, parts[case.quote], everything, steps, chance)
            continue
        for change in chance.choices(collateral.CHANGES, k=steps):
            case = replace(change(case, good, chance), what=f"{case.what}, {change.__name__}")
        yield case


def changed_quote(
    case: Case,
    parts: quotes.Parts,
    others: tuple[quotes.Parts, ...],
    steps: int,
    chance: random.Random,
) -> Case:
    """*case* with some changes of its quote."""
    what = case.what
    for change in chance.choices(quotes.CHANGES, k=steps):
        parts, what = change(parts, others, chance), f"{what}, {change.__name__}"
    return replace(case, quote=parts.assemble(), what=what)


def simulations(workshop: Workshop, chance: random.Random) -> Iterator[Case]:
    """Simulated quotes and collateral, every fifth with a change of the quote."""
    donors: tuple[quotes.Parts, ...] = ()
    for number in range(NUMBER):
        case = workshop.case()
        if number % 5 == 0:
            parts = quotes.take_apart(case.quote)
            donors = (parts, *donors[:20])
            case = changed_quote(case, parts, donors, 1, chance)
        yield case


@pytest.mark.slow
def test_recorded_quotes(recordings: tuple[Case, ...]) -> None:
    """All recorded quotes, with all sets of collateral that they are recorded with."""
    counts = compare(recordings)
    assert counts["both accept"] >= 29
    assert counts.total() == len(recordings) >= 74


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_mutations_of_recorded_quotes(recordings: tuple[Case, ...], part: int) -> None:
    """10,000 mutations of those that both accept."""
    good = tuple(case for case in recordings if agree(ours(case), theirs(case)))
    chance = random.Random(100 + part)  # noqa: S311 - the same always
    counts = compare(mutated_recordings(good, chance))
    assert counts.total() == NUMBER
    assert counts["both accept"] > NUMBER // 10


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_simulated_machines(
    simulated_intel: IntelMachine, tdx_forge: QuoteForge, sgx_forge: QuoteForge, part: int
) -> None:
    """10,000 machines, quotes and sets of collateral of every kind, which meet most reasons."""
    chance = random.Random(200 + part)  # noqa: S311 - the same always
    workshop = Workshop(machine=simulated_intel, forges=(tdx_forge, sgx_forge), chance=chance)
    counts = compare(simulations(workshop, chance))
    assert counts.total() == NUMBER
    assert counts["both accept"] > NUMBER // 10
    assert len({one.name for one in REASONS} & counts.keys()) > len(REASONS) // 2


def test_what_has_no_reason(
    simulated_intel: IntelMachine, tdx_forge: QuoteForge, sgx_forge: QuoteForge
) -> None:
    """A wrong signature, a wrong status or a wrong fact would have none, whoever is wrong."""
    chance = random.Random(3)  # noqa: S311 - the same always
    workshop = Workshop(machine=simulated_intel, forges=(tdx_forge, sgx_forge), chance=chance)
    cases = (workshop.case() for _ in range(100))
    case = next(case for case in cases if ours(case).accepted and agree(ours(case), theirs(case)))
    mine = ours(case)
    for refusal in ("Signature is invalid for qe_report in quote", "Fmspc mismatch", "refused"):
        assert explained(case, Opinion(refusal=refusal), mine) is None
        assert explained(case, mine, Opinion(refusal=refusal)) is None
    for facts in (("Revoked", *mine.facts[1:]), (*mine.facts[:2], b"other data")):
        assert explained(case, replace(mine, claims=None, facts=facts), mine) is None
