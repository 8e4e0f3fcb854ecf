@file:OptIn(UnsafeWasmMemoryApi::class)

package enarx.wasi

import kotlin.wasm.unsafe.UnsafeWasmMemoryApi
import kotlin.wasm.unsafe.withScopedMemoryAllocator

private const val PIECE = 65_536

public val standardInput: Descriptor = Descriptor(0)
public val standardOutput: Descriptor = Descriptor(1)
public val standardError: Descriptor = Descriptor(2)

/** An open descriptor: a standard stream, a file, or a connection; nothing is buffered. */
public class Descriptor(public val number: Int) : AutoCloseable {
    /** Read at most [length] bytes into [bytes]; how many, 0 at the end. */
    public fun read(bytes: ByteArray, offset: Int = 0, length: Int = bytes.size - offset): Int =
        withScopedMemoryAllocator { memory ->
            val room = minOf(length, PIECE)
            val buffer = memory.allocate(room)
            val vector = memory.allocate(8)
            val size = memory.allocate(4)
            vector.storeInt(buffer.number)
            (vector + 4).storeInt(room)
            check("fd_read", fdRead(number, vector.number, 1, size.number))
            size.loadInt().also { buffer.load(bytes, offset, it) }
        }

    /** Everything up to the end. */
    public fun readAll(): ByteArray {
        var all = ByteArray(PIECE)
        var size = 0
        while (true) {
            if (size == all.size) all = all.copyOf(2 * size)
            val got = read(all, size)
            if (got == 0) return all.copyOf(size)
            size += got
        }
    }

    /** Write [length] bytes of [bytes]. */
    public fun write(bytes: ByteArray, offset: Int = 0, length: Int = bytes.size - offset): Unit =
        withScopedMemoryAllocator { memory ->
            val buffer = memory.allocate(minOf(length, PIECE))
            val vector = memory.allocate(8)
            val size = memory.allocate(4)
            var sent = 0
            while (sent < length) {
                val piece = minOf(length - sent, PIECE)
                buffer.store(bytes, offset + sent, piece)
                vector.storeInt(buffer.number)
                (vector + 4).storeInt(piece)
                check("fd_write", fdWrite(number, vector.number, 1, size.number))
                sent += size.loadInt()
            }
        }

    /** Write [text] in UTF-8. */
    public fun write(text: String): Unit = write(text.encodeToByteArray())

    /** Close it: a connection ends. */
    override fun close(): Unit = check("fd_close", fdClose(number))
}

/** A listening socket that the keep opened; [number] is its place in `[[files]]`, from 0. */
public class Listener(public val number: Int) {
    /** Wait for the next connection. */
    public fun accept(): Descriptor = withScopedMemoryAllocator { memory ->
        val accepted = memory.allocate(4)
        check("sock_accept", sockAccept(number, 0, accepted.number))
        Descriptor(accepted.loadInt())
    }
}
