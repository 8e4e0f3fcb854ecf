"""Components: compile, load and save them, say what they import, link and call them.

The same life as a core module's (``engine``, ``instance``), through the component half of the C
interface.  Values are not this file's business: a host function gets the addresses of its
arguments and of its results, and ``enarx.keep.component`` reads and writes what is there.

Source: wasmtime 50.0.1, crates/c-api/include/wasmtime/component (component.h, linker.h, func.h,
instance.h, types/component.h).
"""

from __future__ import annotations

import ctypes

from enarx.keep.engine.library import declare, lib
from enarx.keep.engine.refusal import refusal
from enarx.keep.engine.structures import Vector
from enarx.keep.engine.trap import CODES, EngineError, Trap, backtrace_of, raise_error, take_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enarx.keep.engine.engine import Engine

    # (index given to define, context, function type, address of the arguments, their number,
    # address of the results, theirs) -> an error or 0; and (0, context, representation)
    HostFunction = Callable[[int, int, int, int, int, int, int], int]
    Destructor = Callable[[int, int, int], int]

PROTOTYPES = {
    # components
    "wasmtime_component_deserialize_file": "pppp",
    "wasmtime_component_export_index_delete": "vp",
    "wasmtime_component_get_export_index": "ppppz",
    "wasmtime_component_new": "pppzp",
    "wasmtime_component_serialize": "ppp",
    "wasmtime_component_type": "pp",
    # what a component imports and exports
    "wasmtime_component_extern_delete": "vp",
    "wasmtime_component_extern_type": "vpp",
    "wasmtime_component_instance_type_export_count": "zpp",
    "wasmtime_component_instance_type_export_nth": "bppzppp",
    "wasmtime_component_item_delete": "vp",
    "wasmtime_component_type_delete": "vp",
    "wasmtime_component_type_export_count": "zpp",
    "wasmtime_component_type_export_nth": "bppzppp",
    "wasmtime_component_type_import_count": "zpp",
    "wasmtime_component_type_import_nth": "bppzppp",
    # linking and running
    "wasmtime_component_func_call": "ppppzpz",
    "wasmtime_component_instance_get_func": "bpppp",
    "wasmtime_component_linker_instance_add_func": "pppzppp",
    "wasmtime_component_linker_instance_add_instance": "pppzp",
    "wasmtime_component_linker_instance_add_resource": "pppzpppp",
    "wasmtime_component_linker_instance_delete": "vp",
    "wasmtime_component_linker_instantiate": "ppppp",
    "wasmtime_component_linker_new": "pp",
    "wasmtime_component_linker_root": "pp",
    "wasmtime_component_resource_type_new_host": "pi",
    "wasmtime_trap_new_code": "pB",
}

# malloc.h of the GNU C library
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# wasmtime_component_item_kind_t
ITEM_INSTANCE, ITEM_FUNC, ITEM_RESOURCE = 1, 3, 4

# wasmtime_component_func_callback_t: data, context, function type, arguments, their number,
# results, their number; the result is an error or 0.  Sizes, so that ctypes hands over integers.
FunctionCallback = ctypes.CFUNCTYPE(ctypes.c_size_t, *[ctypes.c_size_t] * 7)
# wasmtime_component_resource_destructor_t: data, context, representation
DestructorCallback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32
)


class ComponentFunc(ctypes.Structure):
    """``wasmtime_component_func_t``; all of it is the engine's business."""

    _fields_ = (
        ("store_id", ctypes.c_uint64),
        ("private_1", ctypes.c_uint64),
        ("private_2", ctypes.c_uint32),
        ("private_3", ctypes.c_void_p),
    )


class ComponentInstance(ctypes.Structure):
    """``wasmtime_component_instance_t``."""

    _fields_ = (("store_id", ctypes.c_uint64), ("private", ctypes.c_uint32))


class Item(ctypes.Structure):
    """``wasmtime_component_item_t``: a kind and the largest member of its union."""

    _fields_ = (("kind", ctypes.c_uint8), ("of", ctypes.c_void_p), ("more", ctypes.c_void_p))


class Component:
    """One compiled ``wasmtime_component_t``."""

    __slots__ = ("_engine", "pointer")

    def __init__(self, engine: Engine, pointer: int | None) -> None:
        self._engine = engine
        self.pointer = pointer

    def serialize(self) -> bytes:
        """The compiled code, for the ahead-of-time cache."""
        vector = Vector()
        raise_error(lib.wasmtime_component_serialize(self.pointer, ctypes.byref(vector)))
        return take_bytes(vector)

    def imports(self) -> dict[str, dict[str, int]]:
        """Import name to the kinds of what is asked of it, by name; of a non-instance, nothing."""
        return self._items("import")

    def exports(self) -> dict[str, dict[str, int]]:
        """Export name to the kinds of what it holds, by name; of a non-instance, nothing."""
        return self._items("export")

    def _items(self, direction: str) -> dict[str, dict[str, int]]:
        kind = lib.wasmtime_component_type(self.pointer)
        try:
            found = {}
            for name, item in _nth_items(
                getattr(lib, f"wasmtime_component_type_{direction}_count"),
                getattr(lib, f"wasmtime_component_type_{direction}_nth"),
                kind,
                self._engine.pointer,
            ):
                found[name] = self._instance_items(item.of) if item.kind == ITEM_INSTANCE else {}
                lib.wasmtime_component_item_delete(ctypes.byref(item))
            return found
        finally:
            lib.wasmtime_component_type_delete(kind)

    def _instance_items(self, kind: int) -> dict[str, int]:
        found = {}
        for name, item in _nth_items(
            lib.wasmtime_component_instance_type_export_count,
            lib.wasmtime_component_instance_type_export_nth,
            kind,
            self._engine.pointer,
        ):
            found[name] = item.kind
            lib.wasmtime_component_item_delete(ctypes.byref(item))
        return found


class ComponentLinker:
    """Host functions by interface and name, and the store their guest will live in."""

    def __init__(self, engine: Engine, *, fuel: int | None = None) -> None:
        self._linker = lib.wasmtime_component_linker_new(engine.pointer)
        self._store = lib.wasmtime_store_new(engine.pointer, None, None)
        self.context = lib.wasmtime_store_context(self._store)
        self._callbacks: list[object] = []
        limit = engine.settings.memory_limit
        if limit is not None:
            # as for a core module: tables hold 8 bytes an element outside guest memory
            lib.wasmtime_store_limiter(self._store, -1, max(limit // 8, 1 << 16), -1, -1, -1)
        if fuel is not None:
            raise_error(lib.wasmtime_context_set_fuel(self.context, fuel))

    def define(
        self,
        interface: str,
        *,
        resources: Sequence[tuple[str, int]],
        functions: Sequence[tuple[str, int]],
        function: HostFunction,
        destructor: Destructor,
    ) -> None:
        """Provide *interface*: (name, type number) of resources, (name, index) of functions.

        All functions are *function*, told apart by their index; it must not raise.
        """
        call, drop = FunctionCallback(function), DestructorCallback(destructor)
        self._callbacks += (call, drop)
        with_root = lib.wasmtime_component_linker_root(self._linker)
        instance = ctypes.c_void_p()
        try:
            raise_error(
                lib.wasmtime_component_linker_instance_add_instance(
                    with_root, *_text(interface), ctypes.byref(instance)
                )
            )
            _define_items(instance.value, resources, functions, call, drop)
        finally:
            if instance.value:
                lib.wasmtime_component_linker_instance_delete(instance.value)
            lib.wasmtime_component_linker_instance_delete(with_root)

    def instantiate(self, component: Component) -> ComponentGuest:
        """Make the guest; runs what the component runs at its start.

        Raises:
            EngineError: an import is not satisfied, or the memory limit is too small.
            Trap: the guest trapped.
        """
        instance = ComponentInstance()
        error = lib.wasmtime_component_linker_instantiate(
            self._linker, self.context, component.pointer, ctypes.byref(instance)
        )
        if error:
            raise trap_from_error(error)
        return ComponentGuest(self.context, instance, component)


class ComponentGuest:
    """One instantiated component."""

    __slots__ = ("_component", "_context", "_instance")

    def __init__(self, context: int, instance: ComponentInstance, component: Component) -> None:
        self._context = context
        self._instance = instance
        self._component = component

    def function(self, interface: str, name: str) -> ComponentFunc | None:
        """The exported function *name* of *interface*, or None."""
        outer = lib.wasmtime_component_get_export_index(
            self._component.pointer, None, *_text(interface)
        )
        if not outer:
            return None
        inner = lib.wasmtime_component_get_export_index(
            self._component.pointer, outer, *_text(name)
        )
        found = ComponentFunc()
        exists = inner and lib.wasmtime_component_instance_get_func(
            ctypes.byref(self._instance), self._context, inner, ctypes.byref(found)
        )
        lib.wasmtime_component_export_index_delete(outer)
        if inner:
            lib.wasmtime_component_export_index_delete(inner)
        return found if exists else None

    def call(self, function: ComponentFunc, results: ctypes.Array[ctypes.c_char]) -> None:
        """Call *function* without arguments; *results* has room for one value of 32 bytes.

        Raises:
            Trap: the guest was stopped.
            EngineError: the engine failed, or a host function said so.
        """
        error = lib.wasmtime_component_func_call(
            ctypes.byref(function), self._context, None, 0, results, 1
        )
        if error:
            raise trap_from_error(error)


def compile_component(engine: Engine, wasm: bytes, *, where: str) -> Component:
    """Compile a component.

    Raises:
        MalformedError: not a valid component, or one that needs a feature the keep has not.
    """
    result = ctypes.c_void_p()
    try:
        raise_error(
            lib.wasmtime_component_new(engine.pointer, wasm, len(wasm), ctypes.byref(result))
        )
    except EngineError as error:
        raise refusal(str(error), where=where) from error
    return Component(engine, result.value)


def load_component(engine: Engine, path: str) -> Component:
    """Map compiled code from *path* and trust it completely, as ``Engine.load_file`` does.

    Raises:
        EngineError: made by another engine, for another processor or with other settings.
    """
    result = ctypes.c_void_p()
    raise_error(
        lib.wasmtime_component_deserialize_file(
            engine.pointer, path.encode() + b"\0", ctypes.byref(result)
        )
    )
    return Component(engine, result.value)


def keep_freed_memory() -> None:
    """Make the allocator keep what it frees instead of returning it to the kernel each time.

    A list is 32 bytes an element here, allocated and freed twice a call: without this, half of a
    transfer's time is page faults.  Only the GNU C library has the setting.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def new_error(text: bytes) -> int:
    """An error for a host function to return; the engine frees it."""
    return lib.wasmtime_error_new(text)  # type: ignore[no-any-return]


def trap_from_error(error: int) -> Trap | EngineError:
    """Turn a ``wasmtime_error_t`` into an exception and free it.

    The component calls give traps as errors, without their code: the code is found by the text
    that the engine itself has for each code.
    """
    vector = Vector()
    lib.wasmtime_error_message(error, ctypes.byref(vector))
    text = take_bytes(vector).decode("utf-8", "replace")
    frames = Vector()
    lib.wasmtime_error_wasm_trace(error, ctypes.byref(frames))
    backtrace = backtrace_of(frames)
    lib.wasmtime_error_delete(error)
    for code, name in enumerate(CODES):
        cause = _code_text(code)
        if cause in text:
            return Trap(cause, code=name, backtrace=backtrace)
    cause = _last_cause(text)
    return Trap(cause, backtrace=backtrace) if backtrace else EngineError(cause)


def _code_text(code: int) -> str:
    trap = lib.wasmtime_trap_new_code(code)
    vector = Vector()
    lib.wasm_trap_message(trap, ctypes.byref(vector))
    lib.wasm_trap_delete(trap)
    text = take_bytes(vector).rstrip(b"\0").decode()
    return text.removeprefix("wasm trap: ")


def _last_cause(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "unknown error"
    number, separator, rest = last.partition(": ")
    return rest if separator and number.isdigit() else last


def _text(name: str) -> tuple[bytes, int]:
    data = name.encode()
    return data, len(data)


def _nth_items(count: object, nth: object, kind: int, engine: int) -> list[tuple[str, Item]]:
    """Every (name, item) of a type; the caller deletes the items."""
    found = []
    name, size, extern = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_void_p()
    for index in range(count(kind, engine)):  # type: ignore[operator]
        nth(  # type: ignore[operator]
            kind, engine, index, ctypes.byref(name), ctypes.byref(size), ctypes.byref(extern)
        )
        item = Item()
        lib.wasmtime_component_extern_type(extern, ctypes.byref(item))
        lib.wasmtime_component_extern_delete(extern)
        found.append((ctypes.string_at(name.value or 0, size.value).decode(), item))
    return found


def _define_items(
    instance: int | None,
    resources: Sequence[tuple[str, int]],
    functions: Sequence[tuple[str, int]],
    call: object,
    drop: object,
) -> None:
    for name, number in resources:
        raise_error(
            lib.wasmtime_component_linker_instance_add_resource(
                instance,
                *_text(name),
                lib.wasmtime_component_resource_type_new_host(number),
                ctypes.cast(drop, ctypes.c_void_p),  # type: ignore[arg-type]
                None,
                None,
            )
        )
    for name, index in functions:
        raise_error(
            lib.wasmtime_component_linker_instance_add_func(
                instance,
                *_text(name),
                ctypes.cast(call, ctypes.c_void_p),  # type: ignore[arg-type]
                index,
                None,
            )
        )


declare(lib, PROTOTYPES)
