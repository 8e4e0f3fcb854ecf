import enarx.wasi.exit
import enarx.wasi.standardError
import enarx.wasi.standardInput
import enarx.wasi.standardOutput

private const val PIECE = 65_536
private const val NEWLINE = '\n'.code.toByte()
private const val SPACE = ' '.code.toByte()
private const val SMALL_A = 'a'.code.toByte()
private const val SMALL_Z = 'z'.code.toByte()

/** Numbers the lines of standard input, in capitals. */
fun main() {
    val piece = ByteArray(PIECE)
    val out = Output()
    var count = 0
    var previous = NEWLINE
    while (true) {
        val size = standardInput.read(piece)
        if (size == 0) break
        for (i in 0 until size) {
            if (previous == NEWLINE) {
                count++
                for (digit in count.toString()) out.put(digit.code.toByte())
                out.put(SPACE)
            }
            previous = piece[i]
            out.put(capital(previous))
        }
    }
    out.flush()
    if (count == 0) {
        standardError.write("no input\n")
        exit(2)
    }
}

private fun capital(letter: Byte): Byte =
    if (letter >= SMALL_A && letter <= SMALL_Z) (letter - 32).toByte() else letter

/** Standard output, in pieces. */
private class Output {
    private val piece = ByteArray(PIECE)
    private var size = 0

    fun put(byte: Byte) {
        if (size == piece.size) flush()
        piece[size++] = byte
    }

    fun flush() {
        standardOutput.write(piece, 0, size)
        size = 0
    }
}
