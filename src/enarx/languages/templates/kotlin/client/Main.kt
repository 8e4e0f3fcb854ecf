import enarx.wasi.Descriptor
import enarx.wasi.exit
import enarx.wasi.standardError
import enarx.wasi.standardOutput

private const val SERVER = 3 // the fourth of [[files]] in Enarx.toml

/** HTTP/1.0: the answer comes whole, and ends with the connection. */
private const val REQUEST = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n"

private val END_OF_HEAD = "\r\n\r\n".encodeToByteArray()

/**
 * A client of HTTPS on the connection that the keep opens as descriptor 3.
 *
 * TLS begins in the keep, which checks the server: the program speaks plain HTTP.
 */
fun main() {
    val answer = Descriptor(SERVER).use {
        it.write(REQUEST)
        it.readAll()
    }
    val body = bodyOf(answer)
    val head = answer.decodeToString(0, if (body < 0) answer.size else body)
    if (body < 0 || !head.startsWith("HTTP/1.") || !head.startsWith(" 200 ", 8)) {
        standardError.write("no: ${head.substringBefore("\r\n")}\n")
        exit(1)
    }
    standardOutput.write(answer, body)
}

/** Where the body begins; -1 if the head has no end. */
private fun bodyOf(answer: ByteArray): Int {
    val place = (0..answer.size - END_OF_HEAD.size).firstOrNull { at ->
        END_OF_HEAD.indices.all { answer[at + it] == END_OF_HEAD[it] }
    }
    return place?.plus(END_OF_HEAD.size) ?: -1
}
