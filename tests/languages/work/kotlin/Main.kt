import enarx.wasi.WasiException
import enarx.wasi.environment
import enarx.wasi.exit
import enarx.wasi.randomBytes
import enarx.wasi.readFile
import enarx.wasi.standardInput
import enarx.wasi.writeFile
import kotlin.time.Clock

private const val STATUS = 7
private const val YEAR_2020 = 1_577_836_800L

/** The work program in Kotlin: see ../reference.py for what it must print. */
fun main(arguments: Array<String>) {
    words()
    json()
    val megabyte = ByteArray(1 shl 20) { (it * 7 + 3).toByte() }
    println("sha256: ${Sha256.hexadecimal(megabyte)}")
    println("env: ${environment["WORK_GREETING"] ?: ""}")
    println("args: ${arguments.joinToString(",")}")
    println("file: ${scratch("/scratch/work.txt")}")
    println(if (Clock.System.now().epochSeconds > YEAR_2020) "time ok" else "time wrong")
    println(if (random().contentEquals(random())) "random wrong" else "random ok")
    exit(STATUS)
}

private fun words() {
    val text = standardInput.readAll().decodeToString()
    val found = text.split(' ', '\t', '\n', '\u000b', '\u000c', '\r').filter { it.isNotEmpty() }
    val counts = found.groupingBy(::lower).eachCount()
    val order = compareByDescending<String> { counts[it] }.thenComparator(::byCodePoints)
    println("words: ${found.size}")
    for (word in counts.keys.sortedWith(order).take(3)) println("${counts[word]} $word")
}

/** ASCII letters in lower case. */
private fun lower(word: String): String =
    word.map { if (it in 'A'..'Z') it + ('a' - 'A') else it }.joinToString("")

/** UTF-8 keeps the order of code points; that of strings is the order of UTF-16's units. */
private fun byCodePoints(left: String, right: String): Int {
    val a = left.encodeToByteArray().asUByteArray()
    val b = right.encodeToByteArray().asUByteArray()
    val at = a.zip(b).indexOfFirst { (one, other) -> one != other }
    return if (at < 0) a.size - b.size else a[at].compareTo(b[at])
}

private fun json() {
    val given = Json.parse(readFile("/data/in.json").decodeToString()) as Map<*, *>
    val numbers = (given["numbers"] as List<*>).map { it as Long }
    val made = mapOf("count" to numbers.size.toLong(), "name" to given["name"], "sum" to numbers.sum())
    println("json: ${Json.write(made)}")
}

private fun scratch(path: String): String {
    val text = "scratch".encodeToByteArray()
    try {
        writeFile(path, text)
    } catch (_: WasiException) {
        return "no scratch"
    }
    return if (readFile(path).contentEquals(text)) "ok" else "failed"
}

private fun random(): ByteArray = ByteArray(16).also(::randomBytes)
