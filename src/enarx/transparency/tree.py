"""The Merkle tree of a log: its hashes, its proofs, and how they are checked.

A log of *n* entries has the root MTH of RFC 6962.  Nodes that stand over 2^level entries, all of
them there, never change; they are addressed by (level, index), and every root and proof is made of
them.  So a log keeps such nodes, and a proof takes O(log n) of them.

Sources: RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4 (the checks).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from enarx.errors import Failure, UnauthenticError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Node = Callable[[int, int], bytes]
    """``(level, index)`` to the hash of the node over 2^level entries from index·2^level."""

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""Of a log without an entry."""

MAX_SIZE = 1 << 62
INCLUSION = "inclusion in the log"
CONSISTENCY = "consistency of the log"


def leaf_hash(entry: bytes) -> bytes:
    """The hash of the leaf for *entry*."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: what is needed to append and to know the root.

    Attributes:
        size: how many entries there are.
    """

    __slots__ = ("_edge", "size")

    def __init__(self, size: int = 0, node: Node | None = None) -> None:
        """The edge of a tree of *size* entries, whose nodes *node* knows."""
        self.size = size
        self._edge: list[tuple[int, bytes]] = []
        if size:
            if node is None:
                raise TypeError("a tree with entries needs its nodes")
            self._edge = [(level, node(level, index)) for level, index in _peaks(0, size)]

    def append(self, leaf: bytes) -> tuple[tuple[int, int, bytes], ...]:
        """Add an entry by its leaf's hash; the new nodes, the leaf first: (level, index, hash)."""
        made = [(0, self.size, leaf)]
        level, found = 0, leaf
        while self._edge and self._edge[-1][0] == level:
            found = node_hash(self._edge.pop()[1], found)
            level += 1
            made.append((level, self.size >> level, found))
        self._edge.append((level, found))
        self.size += 1
        return tuple(made)

    def root(self) -> bytes:
        """The root of all entries."""
        return _fold([found for _, found in self._edge])


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over the hashes of *leaves*."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def root_at(size: int, node: Node) -> bytes:
    """The root of the first *size* entries."""
    return _fold([node(level, index) for level, index in _peaks(0, size)])


def inclusion_proof(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Proof that entry *index* is among the first *size*.

    Raises:
        ValueError: there is no such entry.
    """
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} among {size}")
    return tuple(_path(index, 0, size, node))


def consistency_proof(old_size: int, new_size: int, node: Node) -> tuple[bytes, ...]:
    """Proof that the first *old_size* of *new_size* entries are what they were.

    Raises:
        ValueError: the sizes are not in this order.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"got {old_size} and then {new_size}")
    if old_size in (0, new_size):
        return ()
    return tuple(_extension(old_size, 0, new_size, node, whole=True))


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Insist that the entry with the hash *leaf* is number *index* of *size* under *root*.

    Raises:
        UnauthenticError: *proof* does not show it.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise _refusal(INCLUSION, "index", f"less than {size}", str(index))
    _must_be_hashes(INCLUSION, (leaf, root, *proof))
    found = leaf
    for step, is_left in _sides(INCLUSION, index, size - 1, proof):
        found = node_hash(step, found) if is_left else node_hash(found, step)
    _must_be(INCLUSION, "root", root, found)


def check_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Insist that the log with *new_root* begins with the one with *old_root*.

    Raises:
        UnauthenticError: *proof* does not show it: the log was rewritten, or shows another.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise _refusal(CONSISTENCY, "size", f"at least {old_size}", str(new_size))
    _must_be_hashes(CONSISTENCY, (old_root, new_root, *proof))
    if old_size in (0, new_size):
        _must_be(CONSISTENCY, "old root", new_root if old_size else EMPTY_ROOT, old_root)
        _must_be(CONSISTENCY, "proof", b"", b"".join(proof))
        return
    steps = list(proof)
    if not old_size & (old_size - 1):  # a whole tree, whose root is known already
        steps.insert(0, old_root)
    number, last = old_size - 1, new_size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = steps[0] if steps else b""
    for step, is_left in _sides(CONSISTENCY, number, last, steps[1:]):
        if is_left:
            old, new = node_hash(step, old), node_hash(step, new)
        else:
            new = node_hash(new, step)
    _must_be(CONSISTENCY, "old root", old_root, old)
    _must_be(CONSISTENCY, "new root", new_root, new)


def _sides(
    step: str, number: int, last: int, proof: Sequence[bytes]
) -> Iterator[tuple[bytes, bool]]:
    """Each hash of *proof*, and whether it stands to the left of what is known already.

    Args:
        number, last: of the node where the proof begins, and of the last one beside it.

    Raises:
        UnauthenticError: the proof has more or fewer hashes than the tree is high there.
    """
    for found in proof:
        if not last:
            raise _refusal(step, "proof", "as many hashes as the tree is high", "more")
        is_left = bool(number & 1) or number == last
        yield found, is_left
        if is_left:
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        number, last = number >> 1, last >> 1
    if last:
        raise _refusal(step, "proof", "as many hashes as the tree is high", "fewer")


def _peaks(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The largest whole nodes that entries *begin* to *end* are made of, from the left.

    *begin* is a multiple of a power of two that is not less than their number.
    """
    while begin < end:
        level = (end - begin).bit_length() - 1
        yield level, begin >> level
        begin += 1 << level


def _fold(found: Sequence[bytes]) -> bytes:
    """The root over peaks."""
    if not found:
        return EMPTY_ROOT
    *rest, root = found
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


def _over(begin: int, end: int, node: Node) -> bytes:
    return _fold([node(level, index) for level, index in _peaks(begin, end)])


def _split(size: int) -> int:
    """The largest power of two below *size*."""
    return 1 << ((size - 1).bit_length() - 1)


def _path(index: int, begin: int, end: int, node: Node) -> Iterator[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if end - begin == 1:
        return
    middle = begin + _split(end - begin)
    if index < middle:
        yield from _path(index, begin, middle, node)
        yield _over(middle, end, node)
    else:
        yield from _path(index, middle, end, node)
        yield _over(begin, middle, node)


def _extension(size: int, begin: int, end: int, node: Node, *, whole: bool) -> Iterator[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2; *size* is where the old log ended."""
    if size == end:
        if not whole:
            yield _over(begin, end, node)
        return
    middle = begin + _split(end - begin)
    if size <= middle:
        yield from _extension(size, begin, middle, node, whole=whole)
        yield _over(middle, end, node)
    else:
        yield from _extension(size, middle, end, node, whole=False)
        yield _over(begin, middle, node)


def _must_be_hashes(step: str, found: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in found):
        raise _refusal(step, "proof", f"hashes of {HASH_BYTES} bytes", "others")


def _must_be(step: str, claim: str, want: bytes, got: bytes) -> None:
    if not hmac.compare_digest(want, got):
        raise _refusal(step, claim, want.hex(), got.hex())


def _refusal(step: str, claim: str, want: str, got: str) -> UnauthenticError:
    hint = "keep both: they prove that the log does not tell everybody the same"
    return UnauthenticError(step, Failure(claim, want=want, got=got, hint=hint))
