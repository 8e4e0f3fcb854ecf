/** Prints a greeting and its arguments. */
fun main(arguments: Array<String>) {
    println("hello from Kotlin in a keep")
    for (argument in arguments) println("argument: $argument")
}
