/** SHA-256 (FIPS 180-4): Kotlin's library has none. */
class Sha256 private constructor() {
    private val constants = IntArray(64) { fraction(PRIMES[it], 3) }
    private val state = IntArray(8) { fraction(PRIMES[it], 2) }

    private fun block(data: ByteArray, at: Int) {
        val w = IntArray(64)
        for (i in 0 until 16) w[i] = word(data, at + 4 * i)
        for (i in 16 until 64) {
            val one = w[i - 15].let { it.rotateRight(7) xor it.rotateRight(18) xor (it ushr 3) }
            val two = w[i - 2].let { it.rotateRight(17) xor it.rotateRight(19) xor (it ushr 10) }
            w[i] = w[i - 16] + one + w[i - 7] + two
        }
        val s = state.copyOf()
        for (i in 0 until 64) {
            val choice = (s[4] and s[5]) xor (s[4].inv() and s[6])
            val majority = (s[0] and s[1]) xor (s[0] and s[2]) xor (s[1] and s[2])
            val turned = s[4].rotateRight(6) xor s[4].rotateRight(11) xor s[4].rotateRight(25)
            val one = s[7] + turned + choice + constants[i] + w[i]
            val two = (s[0].rotateRight(2) xor s[0].rotateRight(13) xor s[0].rotateRight(22)) + majority
            s.copyInto(s, 1, 0, 7)
            s[4] += one
            s[0] = one + two
        }
        for (i in state.indices) state[i] += s[i]
    }

    companion object {
        private val PRIMES =
            generateSequence(2) { it + 1 }.filter { n -> (2 until n).none { n % it == 0 } }.take(64).toList()

        fun hexadecimal(message: ByteArray): String {
            val data = message.copyOf((message.size + 9 + 63) / 64 * 64)
            data[message.size] = 0x80.toByte()
            for (i in 0 until 8) data[data.size - 1 - i] = (message.size * 8L shr 8 * i).toByte()
            val digest = Sha256()
            for (at in data.indices step 64) digest.block(data, at)
            return digest.state.joinToString("") { it.toUInt().toString(16).padStart(8, '0') }
        }

        private fun word(data: ByteArray, at: Int): Int =
            (0 until 4).fold(0) { word, i -> (word shl 8) or (data[at + i].toInt() and 0xFF) }

        /** The first 32 bits of the fraction of a root, found by halving, in whole numbers. */
        private fun fraction(n: Int, degree: Int): Int {
            var low = 0L
            var high = 1L shl 36
            while (high - low > 1) {
                val middle = (low + high) / 2
                if (powerIsMore(middle, degree, n)) high = middle else low = middle
            }
            return low.toInt()
        }

        /** Whether (root / 2^32)^degree > n, in pieces of 16 bits: there is no larger type than Long. */
        private fun powerIsMore(root: Long, degree: Int, n: Int): Boolean {
            val digits = List(3) { root shr 16 * it and 0xFFFF }
            val power = (1 until degree).fold(digits) { product, _ -> times(product, digits) }
            val want = List(power.size) { if (it == 2 * degree) n.toLong() else 0L }
            val at = power.indices.lastOrNull { power[it] != want[it] } ?: return false
            return power[at] > want[at]
        }

        private fun times(left: List<Long>, right: List<Long>): List<Long> {
            val product = LongArray(left.size + right.size)
            for (i in left.indices) {
                var carry = 0L
                for (j in right.indices) {
                    val sum = product[i + j] + left[i] * right[j] + carry
                    product[i + j] = sum and 0xFFFF
                    carry = sum shr 16
                }
                product[i + right.size] = carry
            }
            return product.toList()
        }
    }
}
