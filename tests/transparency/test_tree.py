"""The tree of a log: the published vectors, and every proof against the definition itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import UnauthenticError
from enarx.transparency import tree
from enarx.transparency.tree import (
    EMPTY_ROOT,
    Frontier,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    root_of,
)

ENTRIES = [
    bytes.fromhex(digits)
    for digits in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""The entries of the test vectors of Certificate Transparency's reference implementation."""

ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LIMIT = 40


def definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there, over hashes of leaves."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + definition(leaves[:k]) + definition(leaves[k:])).digest()


def hashes(count: int, salt: bytes = b"") -> list[bytes]:
    """Of so many leaves."""
    return [leaf_hash(salt + bytes((number,))) for number in range(count)]


def nodes(leaves: Sequence[bytes]) -> tree.Node:
    """The nodes of a tree, as a log keeps them."""
    kept: dict[tuple[int, int], bytes] = {}
    frontier = Frontier()
    for leaf in leaves:
        kept |= {(level, index): found for level, index, found in frontier.append(leaf)}
    return lambda level, index: kept[level, index]


@pytest.mark.parametrize("size", ROOTS)
def test_the_published_roots(size: int) -> None:
    """Of the test vectors that Certificate Transparency has."""
    assert root_of([leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


def test_leaf_and_node_are_told_apart() -> None:
    """Else a node could be passed off as an entry (RFC 6962, section 2.1)."""
    assert leaf_hash(b"") == hashlib.sha256(b"\0").digest()
    assert node_hash(b"a", b"b") == hashlib.sha256(b"\1ab").digest()


def test_roots_are_those_of_the_definition() -> None:
    """At every size, grown or taken from kept nodes."""
    leaves = hashes(LIMIT)
    node = nodes(leaves)
    for size in range(LIMIT + 1):
        want = definition(leaves[:size])
        assert root_of(leaves[:size]) == root_at(size, node) == want
        assert Frontier(size, node).root() == want
        frontier = Frontier(size, node)
        for leaf in leaves[size:]:
            frontier.append(leaf)
        assert frontier.root() == definition(leaves)
    with pytest.raises(TypeError):
        Frontier(3)


def test_every_inclusion_is_proven_and_nothing_else() -> None:
    """Each entry of each size; another entry, index, size, root or proof is refused."""
    leaves = hashes(LIMIT)
    node = nodes(leaves)
    for size in range(1, LIMIT + 1):
        root = definition(leaves[:size])
        for index in range(size):
            proof = inclusion_proof(index, size, node)
            check_inclusion(leaves[index], index, size, proof, root)
            for wrong in (
                (leaf_hash(b"x"), index, size, proof, root),
                (leaves[index], index ^ 1, size, proof, root),
                (leaves[index], index, size, (*proof, root), root),
                (leaves[index], index, size, proof, leaf_hash(b"x")),
                *([(leaves[index], index, size, proof[:-1], root)] if proof else []),
                *([(leaves[index], index, size, (*proof[:-1], root), root)] if proof else []),
            ):
                with pytest.raises(UnauthenticError):
                    check_inclusion(*wrong)


def test_every_growth_is_proven_and_nothing_else() -> None:
    """From each size to each later one; a rewritten log is refused."""
    leaves, other = hashes(LIMIT), hashes(LIMIT, b"other")
    node, forked = nodes(leaves), nodes(other)
    for new in range(LIMIT + 1):
        for old in range(new + 1):
            roots = definition(leaves[:old]), definition(leaves[:new])
            proof = consistency_proof(old, new, node)
            check_consistency(old, roots[0], new, roots[1], proof)
            wrong = [(old, roots[0], new, roots[1], (*proof, EMPTY_ROOT))]
            if old:
                wrong.append((old, definition(other[:old]), new, roots[1], proof))
                fork = consistency_proof(old, new, forked)
                wrong.append((old, roots[0], new, definition(other[:new]), fork))
            if proof:
                wrong.append((old, roots[0], new, roots[1], proof[:-1]))
            for one in wrong:
                with pytest.raises(UnauthenticError):
                    check_consistency(*one)


def test_sizes_that_cannot_be_are_refused() -> None:
    """A log does not shrink, and has no entry behind its end."""
    root = leaf_hash(b"")
    with pytest.raises(UnauthenticError, match="size"):
        check_consistency(2, root, 1, root, ())
    with pytest.raises(UnauthenticError, match="index"):
        check_inclusion(root, 1, 1, (), root)
    with pytest.raises(UnauthenticError, match="hashes of 32 bytes"):
        check_inclusion(root, 0, 2, (b"short",), root)
    with pytest.raises(UnauthenticError, match="hashes of 32 bytes"):
        check_consistency(1, b"short", 2, root, (root,))
    with pytest.raises(UnauthenticError):
        check_consistency(3, root, 5, root, ())
    for call in (
        lambda: inclusion_proof(1, 1, nodes([root])),
        lambda: consistency_proof(2, 1, nodes([root])),
    ):
        with pytest.raises(ValueError, match=r"entry|then"):
            call()


@given(st.integers(1, 300), st.data())
def test_large_trees_keep_their_promises(size: int, data: st.DataObject) -> None:
    """Beyond one tile's width, at any place."""
    leaves = [leaf_hash(number.to_bytes(2, "big")) for number in range(size)]
    node = nodes(leaves)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    root = root_of(leaves)
    check_inclusion(leaves[index], index, size, inclusion_proof(index, size, node), root)
    check_consistency(old, root_at(old, node), size, root, consistency_proof(old, size, node))
