@file:OptIn(ExperimentalWasmInterop::class, UnsafeWasmMemoryApi::class)

package enarx.wasi

import kotlin.wasm.ExperimentalWasmInterop
import kotlin.wasm.WasmImport
import kotlin.wasm.unsafe.Pointer
import kotlin.wasm.unsafe.UnsafeWasmMemoryApi

private const val WASI = "wasi_snapshot_preview1"

@WasmImport(WASI, "args_sizes_get")
internal external fun argsSizesGet(count: Int, size: Int): Int

@WasmImport(WASI, "args_get")
internal external fun argsGet(pointers: Int, text: Int): Int

@WasmImport(WASI, "environ_sizes_get")
internal external fun environSizesGet(count: Int, size: Int): Int

@WasmImport(WASI, "environ_get")
internal external fun environGet(pointers: Int, text: Int): Int

@WasmImport(WASI, "random_get")
internal external fun randomGet(buffer: Int, size: Int): Int

@WasmImport(WASI, "proc_exit")
internal external fun procExit(status: Int)

@WasmImport(WASI, "fd_read")
internal external fun fdRead(descriptor: Int, vectors: Int, count: Int, size: Int): Int

@WasmImport(WASI, "fd_write")
internal external fun fdWrite(descriptor: Int, vectors: Int, count: Int, size: Int): Int

@WasmImport(WASI, "fd_close")
internal external fun fdClose(descriptor: Int): Int

@WasmImport(WASI, "fd_prestat_get")
internal external fun fdPrestatGet(descriptor: Int, prestat: Int): Int

@WasmImport(WASI, "fd_prestat_dir_name")
internal external fun fdPrestatDirName(descriptor: Int, path: Int, length: Int): Int

@WasmImport(WASI, "path_open")
internal external fun pathOpen(
    folder: Int, lookup: Int, path: Int, length: Int, create: Int, rights: Long, inherited: Long,
    flags: Int, opened: Int,
): Int

@WasmImport(WASI, "path_unlink_file")
internal external fun pathUnlinkFile(folder: Int, path: Int, length: Int): Int

@WasmImport(WASI, "sock_accept")
internal external fun sockAccept(descriptor: Int, flags: Int, accepted: Int): Int

/** What a call of WASI preview 1 said, other than that it went well. */
public class WasiException(call: String, public val errno: Int) :
    RuntimeException("$call failed: WASI error $errno")

internal fun check(call: String, errno: Int) {
    if (errno != 0) throw WasiException(call, errno)
}

internal val Pointer.number: Int get() = address.toInt()

/** Eight bytes at a time: each access to memory is a call. */
internal fun Pointer.store(bytes: ByteArray, offset: Int, length: Int) {
    var i = 0
    while (i + 8 <= length) {
        var word = 0L
        for (j in 7 downTo 0) word = (word shl 8) or (bytes[offset + i + j].toLong() and 0xFF)
        (this + i).storeLong(word)
        i += 8
    }
    while (i < length) (this + i).storeByte(bytes[offset + i++])
}

internal fun Pointer.load(bytes: ByteArray, offset: Int, length: Int) {
    var i = 0
    while (i + 8 <= length) {
        var word = (this + i).loadLong()
        for (j in 0 until 8) {
            bytes[offset + i + j] = word.toByte()
            word = word ushr 8
        }
        i += 8
    }
    while (i < length) bytes[offset + i] = (this + i++).loadByte()
}
