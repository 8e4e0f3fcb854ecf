"""How guest code ends other than by returning, and the engine's own error texts.

A trap is the guest's fault at run time; an engine error is a module the engine refuses.
"""

from __future__ import annotations

import ctypes

from enarx.keep.engine.library import lib
from enarx.keep.engine.structures import Vector

# wasmtime_trap_code_t, in the order of the engine's header (trap.h)
CODES = (
    "stack_overflow",
    "memory_out_of_bounds",
    "heap_misaligned",
    "table_out_of_bounds",
    "indirect_call_to_null",
    "bad_signature",
    "integer_overflow",
    "integer_division_by_zero",
    "bad_conversion_to_integer",
    "unreachable",
    "interrupt",
    "out_of_fuel",
    "atomic_wait_non_shared_memory",
    "null_reference",
    "array_out_of_bounds",
    "allocation_too_large",
    "cast_failure",
    "cannot_enter_component",
    "no_async_result",
    "unhandled_tag",
    "continuation_already_consumed",
    "disabled_opcode",
    "async_deadlock",
    "cannot_leave_component",
    "cannot_block_sync_task",
    "invalid_char",
    "debug_assert_string_encoding_finished",
    "debug_assert_equal_code_units",
    "debug_assert_pointer_aligned",
    "debug_assert_upper_bits_unset",
    "string_out_of_bounds",
    "list_out_of_bounds",
    "invalid_discriminant",
    "unaligned_pointer",
    "task_cancel_not_cancelled",
    "task_cancel_or_return_twice",
    "subtask_cancel_after_terminal",
    "task_return_invalid",
    "waitable_set_drop_has_waiters",
    "subtask_drop_not_resolved",
    "thread_new_indirect_invalid_type",
    "thread_new_indirect_uninitialized",
    "backpressure_overflow",
    "unsupported_callback_code",
    "cannot_resume_thread",
    "concurrent_future_stream_op",
    "reference_count_overflow",
    "stream_op_too_big",
    "waitable_sync_and_async",
    "uncaught_exception",
)
MAX_FRAMES = 24
_THROWN = "thrown Wasm exception"  # the engine gives it no code of its own
_UNKNOWN_OFFSET = 2**64 - 1


class Trap(Exception):
    """The guest was stopped by the engine.

    Attributes:
        code: one of ``CODES``, or "" where the engine gives none.
        message: one line.
        backtrace: guest functions, innermost first, at most ``MAX_FRAMES``; one after itself is
            left out and counted.
    """

    def __init__(self, message: str, *, code: str = "", backtrace: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.backtrace = backtrace


class ProcExit(Exception):
    """The guest called ``proc_exit``; not a failure.  *code* is 0 … 2**32-1."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class EngineError(Exception):
    """The engine refused; the text is its own, causes joined to one line."""


def take_bytes(vector: Vector) -> bytes:
    """Copy a byte vector out of the engine and free it there."""
    data = ctypes.string_at(vector.data, vector.size) if vector.size else b""
    lib.wasm_byte_vec_delete(ctypes.byref(vector))
    return data


def raise_error(error: int | None) -> None:
    """Raise EngineError for a ``wasmtime_error_t``; nothing for a null one."""
    if not error:
        return
    vector = Vector()
    lib.wasmtime_error_message(error, ctypes.byref(vector))
    text = take_bytes(vector).decode("utf-8", "replace")
    lib.wasmtime_error_delete(error)
    raise EngineError(text)


def trap_from(trap: int) -> Trap:
    """Turn a ``wasm_trap_t`` into an exception and free it."""
    code = ctypes.c_uint8(0)
    name = ""
    if lib.wasmtime_trap_code(trap, ctypes.byref(code)):
        name = CODES[code.value] if code.value < len(CODES) else f"code {code.value}"
    vector = Vector()
    lib.wasm_trap_message(trap, ctypes.byref(vector))
    text = take_bytes(vector).rstrip(b"\0").decode("utf-8", "replace")
    if not name and _THROWN in text:
        name, text = "uncaught_exception", "uncaught exception"
    frames = Vector()
    lib.wasm_trap_trace(trap, ctypes.byref(frames))
    backtrace = backtrace_of(frames)
    lib.wasm_trap_delete(trap)
    return Trap(_innermost(text), code=name, backtrace=backtrace)


def _innermost(text: str) -> str:
    """The cause itself: the engine prints a context line, a backtrace, then causes."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if "wasm trap: " in line:
            return line.split("wasm trap: ", 1)[1]
    return lines[-1] if lines else "unknown trap"


def backtrace_of(frames: Vector) -> tuple[str, ...]:
    """Name the functions of a ``wasm_frame_vec_t``, innermost first, and free it."""
    pointers = ctypes.cast(frames.data, ctypes.POINTER(ctypes.c_void_p))
    shown: list[str] = []
    repeated = 0
    for index in range(min(frames.size, MAX_FRAMES)):
        frame = pointers[index]
        name = lib.wasmtime_frame_func_name(frame)
        if name:
            vector = Vector.from_address(name)
            label = ctypes.string_at(vector.data, vector.size).decode("utf-8", "replace")
        else:
            label = f"function {lib.wasm_frame_func_index(frame)}"
        offset = lib.wasm_frame_func_offset(frame)
        if offset != _UNKNOWN_OFFSET:
            label += f"+0x{offset:x}"
        if shown and label == shown[-1]:  # recursion
            repeated += 1
        else:
            shown.append(label)
    hidden = repeated + max(0, frames.size - MAX_FRAMES)
    if hidden:
        shown.append(f"… {hidden} more")
    lib.wasm_frame_vec_delete(ctypes.byref(frames))
    return tuple(shown)
