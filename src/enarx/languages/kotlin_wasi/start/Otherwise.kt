package enarx.start.otherwise

internal object None

internal const val NONE: String = "there is no such main function"

@Deprecated(NONE)
@Suppress("UNUSED_PARAMETER")
internal fun main(none: None = None): None = none

@Deprecated(NONE)
@Suppress("UNUSED_PARAMETER")
internal fun main(arguments: Array<String>, none: None = None): None = none
