@file:OptIn(UnsafeWasmMemoryApi::class)

package enarx.wasi

import kotlin.wasm.unsafe.MemoryAllocator
import kotlin.wasm.unsafe.UnsafeWasmMemoryApi
import kotlin.wasm.unsafe.withScopedMemoryAllocator

private const val NOENT = 44
private const val FOLDER = 0
private const val FIRST_DESCRIPTOR = 3 // after the standard streams
private const val FOLLOW = 1

private const val CREATE = 1
private const val TRUNCATE = 8
private const val APPEND = 1

private const val READ = 1L shl 1 or (1L shl 2) or (1L shl 5) // fd_read, fd_seek, fd_tell
private const val WRITE = 1L shl 6 or (1L shl 2) or (1L shl 5) // fd_write, fd_seek, fd_tell

/** What a file is opened for. */
public enum class Mode(internal val create: Int, internal val rights: Long, internal val flags: Int) {
    /** A file that is there is read. */
    READING(0, READ, 0),

    /** A file is made, or emptied, and written. */
    WRITING(CREATE or TRUNCATE, WRITE, 0),

    /** A file is made, or written on at its end. */
    APPENDING(CREATE, WRITE, APPEND),
}

/** Open the file at [path], which begins in one of the folders of `[[mounts]]`. */
public fun open(path: String, mode: Mode = Mode.READING): Descriptor =
    withScopedMemoryAllocator { memory ->
        val (folder, name) = located(path, memory)
        val opened = memory.allocate(4)
        val errno = pathOpen(
            folder.number, FOLLOW, name.start, name.size, mode.create, mode.rights, mode.rights,
            mode.flags, opened.number,
        )
        check("path_open of $path", errno)
        Descriptor(opened.loadInt())
    }

/** Everything in the file at [path]. */
public fun readFile(path: String): ByteArray = open(path).use { it.readAll() }

/** Make the file at [path], or put [bytes] in place of what is in it. */
public fun writeFile(path: String, bytes: ByteArray): Unit =
    open(path, Mode.WRITING).use { it.write(bytes) }

/** Take the file at [path] away. */
public fun removeFile(path: String): Unit = withScopedMemoryAllocator { memory ->
    val (folder, name) = located(path, memory)
    check("path_unlink_file of $path", pathUnlinkFile(folder.number, name.start, name.size))
}

private class Folder(val number: Int, val path: String)

private val folders: List<Folder> by lazy(::openFolders)

private class Text(val start: Int, val size: Int)

/** The folder that [path] begins with, the longest such, and the rest of it in [memory]. */
private fun located(path: String, memory: MemoryAllocator): Pair<Folder, Text> {
    val whole = "/" + path.removePrefix("/")
    val folder = folders.filter { whole.startsWith("${it.path}/") }.maxByOrNull { it.path.length }
        ?: throw WasiException("path_open of $path", NOENT)
    val name = whole.drop(folder.path.length + 1).encodeToByteArray()
    val text = memory.allocate(name.size)
    text.store(name, 0, name.size)
    return Pair(folder, Text(text.number, name.size))
}

/** The descriptors that are folders, among which there may be sockets. */
private fun openFolders(): List<Folder> = withScopedMemoryAllocator { memory ->
    val prestat = memory.allocate(8)
    val found = mutableListOf<Folder>()
    var number = FIRST_DESCRIPTOR
    while (fdPrestatGet(number, prestat.number) == 0) {
        if (prestat.loadByte().toInt() == FOLDER) {
            found += Folder(number, folderPath(number, (prestat + 4).loadInt()))
        }
        number++
    }
    found
}

private fun folderPath(number: Int, size: Int): String = withScopedMemoryAllocator { memory ->
    val text = memory.allocate(size)
    check("fd_prestat_dir_name", fdPrestatDirName(number, text.number, size))
    val path = ByteArray(size)
    text.load(path, 0, size)
    path.decodeToString().trimEnd('/')
}
