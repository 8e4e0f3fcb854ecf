"""The sealed launch as a state machine, explored whole, with a host that owns every wire.

Symbols stand for keys, nonces and ciphertexts, and cryptography is perfect.  Honest are two owners,
each with a package, and two keeps of the right image.  The host is everything between them: it
delivers, withholds, replays, reorders and substitutes, has keys of its own, can run another image,
knows every package (they may be public) and every owner's public key, and can be an owner itself.

What a state leaves out is derived from it: the host keeps every offer and envelope that was made,
so delivering one later is a choice in every later state.  A *binding* is a check or a field that
can be taken away; ``explore`` then returns the shortest way to a broken promise, if there is one.

    secret     only a keep that was proven gets what an owner sealed           (DESIGN 2.1, 2.2)
    fresh      an owner seals only to an offer made after it had asked         (2.2)
    agreed     a keep opens an envelope only for the offer that it stands by   (2.2)
    once       an envelope is opened once                                      (2.3)
    output     nobody but the owner reads what its package writes              (2.1)
    true end   what an owner believes to talk to is its own package, in a keep (2.4, 2.5)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

HOST = "host"

BINDINGS = frozenset(
    {
        "client key",  # a keep serves its channel to the owner in the envelope only
        "exporter",  # evidence over a channel names the connection
        "image",  # the owner appraises what is measured
        "info",  # an envelope opens only under the claims that it was sealed to
        "key in report_data",  # evidence names the keys of the offer
        "nonce",  # the owner takes only offers for its own
        "one-time key",  # erased by the first envelope
        "pin",  # the channel's key is the one in the offer
        "receipt",  # the owner waits for one, of its keep and for its envelope
    }
)


class Claims(NamedTuple):
    """What an offer says; keys are named by who holds their private half."""

    nonce: str
    key: str
    spki: str


class Envelope(NamedTuple):
    """Who sealed what for whom, to which key, under which claims."""

    sealer: str
    package: str
    client: str
    key: str
    claims: Claims


class Keep(NamedTuple):
    """The offers that it made, each with the owners who had asked by then, and what it opened."""

    name: str
    offers: tuple[tuple[str, frozenset[str]], ...] = ()
    opened: tuple[Envelope, ...] = ()
    failed: bool = False

    @property
    def claims(self) -> Claims:
        """What it stands by: its latest offer."""
        return Claims(self.offers[-1][0], self.name, self.name)


class State(NamedTuple):
    """Everything that happened, as far as it matters."""

    asked: frozenset[str]
    sealed: tuple[Envelope, ...]
    keeps: tuple[Keep, ...]


class Step(NamedTuple):
    """What happened, the state after it, and the promise that it broke, if any."""

    what: str
    state: State
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is explored: who there is, what holds, and how often things may happen.

    Args:
        bindings: those that are in force.
        stolen: the host has the private halves of the keeps' channel keys.
        offers: most offers of one keep.
    """

    owners: tuple[str, ...] = ("alice", "bob")
    keeps: tuple[str, ...] = ("one", "two")
    bindings: frozenset[str] = BINDINGS
    stolen: bool = False
    offers: int = 2

    def start(self) -> State:
        """Nobody has said anything."""
        return State(frozenset(), (), tuple(Keep(name) for name in self.keeps))

    def steps(self, state: State) -> Iterator[Step]:
        """All that can happen next."""
        yield from self._ask(state)
        for keep in state.keeps:
            yield from self._offer(state, keep)
            yield from self._open(state, keep)
            yield from self._read(state, keep)
        for owner in sorted(state.asked - {e.sealer for e in state.sealed}):
            yield from self._seal(state, owner)
        for envelope in state.sealed:
            yield from self._believe(state, envelope)

    def _ask(self, state: State) -> Iterator[Step]:
        """An owner publishes its nonce."""
        for owner in self.owners:
            if owner not in state.asked:
                yield Step(f"{owner} asks", state._replace(asked=state.asked | {owner}))

    def _offer(self, state: State, keep: Keep) -> Iterator[Step]:
        """A keep quotes for a nonce that the host brings, one of its own perhaps."""
        if keep.opened or keep.failed or len(keep.offers) == self.offers:
            return
        for nonce in (*sorted(state.asked), HOST):
            after = keep._replace(offers=(*keep.offers, (nonce, state.asked)))
            yield Step(f"{keep.name} offers for {nonce}", _with(state, after))

    def _seal(self, state: State, owner: str) -> Iterator[Step]:
        """An owner appraises an offer that the host brings, and seals to it."""
        for claims, fresh in self._acceptable(state, owner):
            envelope = Envelope(owner, owner, owner, claims.key, claims)
            broken = "secret" if claims.key == HOST else "" if owner in fresh else "fresh"
            after = state._replace(sealed=(*state.sealed, envelope))
            yield Step(f"{owner} seals to {claims.key} for {claims.nonce}", after, broken)

    def _acceptable(self, state: State, owner: str) -> Iterator[tuple[Claims, frozenset[str]]]:
        """Every offer that *owner* would take, and who had asked when its evidence was made."""
        wanted = {owner} if "nonce" in self.bindings else {*state.asked, HOST}
        if "image" not in self.bindings:
            yield Claims(owner, HOST, HOST), state.asked
        for keep in state.keeps:
            for nonce, fresh in keep.offers:
                if nonce not in wanted:
                    continue
                yield Claims(nonce, keep.name, keep.name), fresh
                if "key in report_data" not in self.bindings:
                    yield Claims(nonce, HOST, HOST), fresh

    def _open(self, state: State, keep: Keep) -> Iterator[Step]:
        """The host delivers an envelope: an owner's, or one that it sealed itself."""
        spent = keep.opened and "one-time key" in self.bindings
        if not keep.offers or keep.failed or spent or len(keep.opened) > 1:
            return
        yield Step(f"{keep.name} gets junk", _with(state, keep._replace(failed=True)))
        own = keep.claims
        copies = [Envelope(HOST, p, c, keep.name, own) for p in self.owners for c in (p, HOST)]
        for envelope in (*state.sealed, *copies):
            if envelope.key != keep.name or ("info" in self.bindings and envelope.claims != own):
                continue  # the same as junk
            twice = envelope.sealer != HOST and any(envelope in k.opened for k in state.keeps)
            broken = "once" if twice else "" if envelope.claims == own else "agreed"
            after = keep._replace(opened=(*keep.opened, envelope))
            what = f"{keep.name} opens {envelope.sealer}'s {envelope.package}"
            yield Step(what, _with(state, after), broken)

    def _read(self, state: State, keep: Keep) -> Iterator[Step]:
        """The host connects to a keep as a client."""
        if self._serves(keep, HOST) and any(e.sealer != HOST for e in keep.opened):
            yield Step(f"host reads from {keep.name}", state, "output")

    def _believe(self, state: State, sent: Envelope) -> Iterator[Step]:
        """An owner connects, and takes the other end for its package in the keep."""
        spki = sent.claims.spki
        known = self.stolen or spki == HOST
        receipts = {(k.name, e) for k in state.keeps for e in k.opened}
        if "receipt" in self.bindings and not known and (spki, sent) not in receipts:
            return
        for end in (*state.keeps, None):
            if any(self._convinces(state, sent, end, key) for key in self._keys(end)):
                name = end.name if end else HOST
                broken = "" if end and self._is_true(end, sent) else "true end"
                yield Step(f"{sent.sealer} believes {name}", state, broken)

    def _keys(self, end: Keep | None) -> tuple[str, ...]:
        """Channel keys with which *end* can answer; None is the host."""
        if end is not None:
            return (end.name,)
        return (HOST, *self.keeps) if self.stolen else (HOST,)

    def _is_true(self, end: Keep, sent: Envelope) -> bool:
        """Whether the owner is right.  With stolen keys it can know no more than the package."""
        if self.stolen:
            return any(e.package == sent.package for e in end.opened)
        return sent in end.opened

    def _convinces(self, state: State, sent: Envelope, end: Keep | None, key: str) -> bool:
        """Whether evidence can be shown, on a connection to *end*, that the owner takes."""
        owner, wanted = sent.client, sent.claims.spki if "pin" in self.bindings else key
        if key != wanted or (end is not None and not self._serves(end, owner)):
            return False
        if end is not None:
            return self._vouches(end, owner, sent, wanted)
        if "exporter" in self.bindings:
            return False  # what the host could relay names another connection
        return any(self._vouches(keep, HOST, sent, wanted) for keep in state.keeps)

    def _vouches(self, keep: Keep, client: str, sent: Envelope, spki: str) -> bool:
        """Whether *keep* quotes for *client* that it runs the package behind the key *spki*."""
        runs = any(e.package == sent.package for e in keep.opened)
        return runs and keep.name == spki and self._serves(keep, client)

    def _serves(self, keep: Keep, client: str) -> bool:
        """Whether *keep* runs something and lets *client* in."""
        if "client key" not in self.bindings:
            return bool(keep.opened)
        return any(e.client == client for e in keep.opened)


class Explored(NamedTuple):
    """How much there was, the shortest way to a broken promise (empty if none), and every step."""

    states: int
    broken: str
    trace: tuple[str, ...]
    happened: frozenset[str]


def explore(world: World) -> Explored:
    """Every state that can be reached, breadth first, until a promise is broken."""
    start = world.start()
    seen: dict[State, tuple[State, str] | None] = {start: None}
    waiting, happened = deque([start]), set[str]()
    while waiting:
        state = waiting.popleft()
        for step in world.steps(state):
            happened.add(step.what)
            if step.broken:
                trace = (*_trace(seen, state), step.what)
                return Explored(len(seen), step.broken, trace, frozenset(happened))
            if step.state not in seen:
                seen[step.state] = state, step.what
                waiting.append(step.state)
    return Explored(len(seen), "", (), frozenset(happened))


def _trace(seen: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    steps: list[str] = []
    while (before := seen[state]) is not None:
        state, what = before
        steps.append(what)
    return tuple(reversed(steps))


def _with(state: State, keep: Keep) -> State:
    """*state* with another *keep* of that name."""
    return state._replace(keeps=tuple(keep if k.name == keep.name else k for k in state.keeps))
