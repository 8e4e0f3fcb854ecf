import enarx.start.otherwise.*

/**
 * Calls the program's main function, of which there are two kinds.
 *
 * A function of this package comes before one that is imported by `*`, and the one that is imported
 * says that there is none.  `CompileToWasi` refuses a program for which both are taken.
 */
internal object EnarxStart {
    fun plainly(): Any = main()

    fun with(arguments: Array<String>): Any = main(arguments)
}
