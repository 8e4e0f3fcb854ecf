package enarx.start

import EnarxStart
import enarx.start.otherwise.None
import enarx.wasi.arguments
import enarx.wasi.exit
import enarx.wasi.standardError

/** Starts the program: what it throws is reported, with status 1, as by a Java virtual machine. */
fun main() {
    try {
        if (EnarxStart.with(arguments.toTypedArray()) is None) EnarxStart.plainly()
    } catch (thrown: Throwable) {
        standardError.write("Exception in thread \"main\" ${thrown.stackTraceToString().trimEnd()}\n")
        exit(1)
    }
}
