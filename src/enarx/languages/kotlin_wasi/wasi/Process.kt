@file:OptIn(UnsafeWasmMemoryApi::class)

package enarx.wasi

import kotlin.wasm.unsafe.UnsafeWasmMemoryApi
import kotlin.wasm.unsafe.withScopedMemoryAllocator

/** What the program was called with, without its own name. */
public val arguments: List<String> by lazy {
    texts("args", ::argsSizesGet, ::argsGet).drop(1)
}

/** The environment, by name. */
public val environment: Map<String, String> by lazy {
    texts("environ", ::environSizesGet, ::environGet).associate {
        it.substringBefore('=') to it.substringAfter('=')
    }
}

/** End the program with [status]. */
public fun exit(status: Int): Nothing {
    procExit(status)
    error("proc_exit returned")
}

/** Fill [bytes] from the keep's secure generator; kotlin.random's is not made for secrets. */
public fun randomBytes(bytes: ByteArray): Unit = withScopedMemoryAllocator { memory ->
    val buffer = memory.allocate(bytes.size)
    check("random_get", randomGet(buffer.number, bytes.size))
    buffer.load(bytes, 0, bytes.size)
}

/** Texts that two calls of WASI give: how many and how large, then all, each with a zero byte. */
private fun texts(
    name: String, sizes: (Int, Int) -> Int, get: (Int, Int) -> Int,
): List<String> = withScopedMemoryAllocator { memory ->
    val count = memory.allocate(4)
    val size = memory.allocate(4)
    check("${name}_sizes_get", sizes(count.number, size.number))
    val pointers = memory.allocate(4 * count.loadInt())
    val text = memory.allocate(size.loadInt())
    check("${name}_get", get(pointers.number, text.number))
    val bytes = ByteArray(size.loadInt())
    text.load(bytes, 0, bytes.size)
    if (bytes.isEmpty()) emptyList() else bytes.decodeToString().removeSuffix("\u0000").split('\u0000')
}
