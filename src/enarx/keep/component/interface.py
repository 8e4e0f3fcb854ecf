"""How an interface is written down: functions with their types, beside the class that answers.

The tables read like the WIT they come from: ``"read": func(U64, returns=...)`` is answered by the
method ``read``, ``"blocking-read"`` by ``blocking_read``.
"""

from __future__ import annotations

from enarx.keep.component.resource import NAMES
from enarx.keep.component.types import SIZE, Borrow, Result, mistyped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from enarx.keep.component.resource import Resource
    from enarx.keep.component.types import Type
    from enarx.keep.system import System


class Func:
    """Types of one function; of a method, without its ``self``."""

    __slots__ = ("params", "returns")

    def __init__(self, params: tuple[Type, ...], returns: Type | None) -> None:
        self.params = params
        self.returns = returns


def func(*params: Type, returns: Type | None = None) -> Func:
    """``func(params) -> returns``."""
    return Func(params, returns)


class Bound:
    """A function ready to be called: how its values cross, and the callable that answers.

    Attributes:
        loads: for each parameter, what loads it and where it begins.
        fallible: the result's type if it can hold an error.
    """

    __slots__ = ("call", "count", "fallible", "loads", "result_count", "returns")

    def __init__(
        self, params: tuple[Type, ...], returns: Type | None, call: Callable[..., Any]
    ) -> None:
        self.loads = tuple((kind.load, index * SIZE) for index, kind in enumerate(params))
        self.count = len(params)
        self.returns = returns
        self.result_count = 0 if returns is None else 1
        self.fallible = returns if isinstance(returns, Result) else None
        self.call = call


class Interface:
    """One interface of WASI 0.2.

    Attributes:
        resources: the resources that the interface defines (not those it uses).
        functions: free functions, answered by *answers*, made with the system.
        methods: by the resource's class.
        statics: by the resource's class too: functions without a ``self``, and "" for its
            constructor; the class answers.
        never_made: no handle of its resources exists, so none of its methods can be called.
    """

    __slots__ = ("_answers", "functions", "methods", "name", "never_made", "statics")

    def __init__(
        self,
        name: str,
        answers: Callable[[System], object] | None = None,
        *,
        functions: Mapping[str, Func] | None = None,
        methods: Mapping[type[Resource], Mapping[str, Func]] | None = None,
        statics: Mapping[type[Resource], Mapping[str, Func]] | None = None,
        never_made: bool = False,
    ) -> None:
        self.name = name
        self._answers = answers
        self.functions = functions or {}
        self.methods = methods or {}
        self.statics = statics or {}
        self.never_made = never_made

    def resources(self) -> list[tuple[str, int]]:
        """(name, type number) of each resource defined here."""
        return [(kind.wit_name, NAMES.index(kind.wit_name)) for kind in self.methods]

    def bind(self, system: System) -> dict[str, Bound]:
        """Every function by the name it has in a component's imports, but those of never_made."""
        bound = {}
        if self._answers is not None:
            answers = self._answers(system)
            for name, kind in self.functions.items():
                call = getattr(answers, name.replace("-", "_"))
                bound[name] = Bound(kind.params, kind.returns, call)
        for resource, methods in self.methods.items():
            itself = Borrow(resource)
            for name, kind in methods.items():
                bound[f"[method]{resource.wit_name}.{name}"] = Bound(
                    (itself, *kind.params), kind.returns, _method(name.replace("-", "_"))
                )
        for resource, statics in self.statics.items():
            for name, kind in statics.items():
                full, call = _static(resource, name)
                bound[full] = Bound(kind.params, kind.returns, call)
        return bound


def unreachable(*_arguments: object) -> None:
    """Answers a method of a resource that is never made: only a component with wrong types."""
    raise mistyped()


def _static(resource: type[Resource], name: str) -> tuple[str, Callable[..., Any]]:
    """The name in a component's imports, and what answers."""
    if not name:
        return f"[constructor]{resource.wit_name}", resource
    return f"[static]{resource.wit_name}.{name}", getattr(resource, name.replace("-", "_"))


def _method(name: str) -> Callable[..., Any]:
    """A call of *name*, found anew each time because the target may be a subclass."""

    def call(target: object, *arguments: object) -> object:
        return getattr(target, name)(*arguments)

    return call
