import enarx.wasi.Descriptor
import enarx.wasi.Listener
import enarx.wasi.WasiException
import enarx.wasi.standardError

private const val SOCKET = 3 // the fourth of [[files]] in Enarx.toml
private const val MAX_HEAD = 8192

private var answered = 0

/**
 * An HTTP server on the listening socket that the keep opens as descriptor 3.
 *
 * TLS begins and ends in the keep: the program sees plain HTTP.
 */
fun main() {
    val listener = Listener(SOCKET)
    println("serving")
    while (true) {
        try {
            listener.accept().use(::serve)
        } catch (error: WasiException) {
            standardError.write("${error.message}\n") // a client that gave up
        }
    }
}

private fun serve(connection: Descriptor) {
    val request = readHead(connection) ?: return
    answered++
    when {
        request.startsWith("GET / ") -> answer(connection, "200 OK", "hello from Kotlin in a keep\n")
        request.startsWith("GET /count ") -> answer(connection, "200 OK", "$answered\n")
        else -> answer(connection, "404 Not Found", "there is only / and /count\n")
    }
}

/** Everything up to the empty line that ends a request's head; null if there is none. */
private fun readHead(connection: Descriptor): String? {
    val head = ByteArray(MAX_HEAD)
    var size = 0
    while (size < head.size) {
        val got = connection.read(head, size)
        if (got == 0) return null
        size += got
        val text = head.decodeToString(0, size)
        if ("\r\n\r\n" in text) return text
    }
    return null
}

private fun answer(connection: Descriptor, status: String, body: String) {
    val length = body.encodeToByteArray().size
    connection.write(
        "HTTP/1.1 $status\r\nContent-Type: text/plain\r\nContent-Length: $length\r\n" +
            "Connection: close\r\n\r\n$body",
    )
}
