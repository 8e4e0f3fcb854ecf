"""Small ways to break a module, one at a time; the tests must notice each.

Comparisons and connectives are swapped, operands, conditions, calls for effect and ``raise`` are
dropped, numbers are off by one.  Texts of messages, annotations and docstrings are left alone.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

_SWAPS: dict[type[ast.AST], ast.AST] = {
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(), ast.Lt: ast.LtE(), ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(), ast.GtE: ast.Gt(), ast.In: ast.NotIn(), ast.NotIn: ast.In(),
    ast.Is: ast.IsNot(), ast.IsNot: ast.Is(), ast.Add: ast.Sub(), ast.Sub: ast.Add(),
}  # fmt: skip
_DECLARATIONS = {"frozen", "frozen_default", "kw_only", "kw_only_default", "slots", "strict"}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """A broken module: where, what was there, what is there now, and all of it."""

    line: int
    before: str
    after: str
    module: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    module = ast.parse(source)
    places = list(_places(module))
    for number, place in enumerate(places):
        for variant in range(len(list(_variants(place)))):
            changed = copy.deepcopy(module)
            target = list(_places(changed))[number]
            after = list(_variants(target))[variant]
            _Replace(target, after).visit(changed)
            line = getattr(place, "lineno", 0)
            yield Mutant(line, _told(place), _told(after), ast.fix_missing_locations(changed))


def _told(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:110]


def _places(node: ast.AST) -> Iterator[ast.AST]:
    """What can be changed, without annotations, messages and what only type checkers see."""
    for child in _children(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _places(child)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.JoinedStr | ast.Raise) or _declares(node):
        return
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "bases"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield child


def _declares(node: ast.AST) -> bool:
    """A keyword that a checker of types or a reader profits from, and no behaviour."""
    return isinstance(node, ast.keyword) and node.arg in _DECLARATIONS


def _variants(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 - one case for each operator
    match node:
        case ast.Compare(ops=[op]) if type(op) in _SWAPS:
            yield ast.Compare(node.left, [_SWAPS[type(op)]], node.comparators)
        case ast.BoolOp(values=values):
            for number in range(len(values)):
                kept = values[:number] + values[number + 1 :]
                yield kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _SWAPS and not isinstance(node.left, ast.Constant):
            yield ast.BinOp(node.left, _SWAPS[type(node.op)], node.right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Name(id=name) if name in _NAMES and isinstance(node.ctx, ast.Load):
            yield ast.Name(_NAMES[name], node.ctx)
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.If() | ast.While() | ast.IfExp():
            for outcome in (True, False):
                yield _with_test(node, outcome)
        case ast.comprehension(ifs=[_, *_]):
            yield ast.comprehension(node.target, node.iter, [], node.is_async)


def _with_test(node: ast.If | ast.While | ast.IfExp, outcome: bool) -> ast.AST:  # noqa: FBT001
    changed = copy.copy(node)
    changed.test = ast.Constant(outcome)
    return changed


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, target: ast.AST, after: ast.AST) -> None:
        self._target, self._after = target, after

    def visit(self, node: ast.AST) -> ast.AST:
        return self._after if node is self._target else self.generic_visit(node)
