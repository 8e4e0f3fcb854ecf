/* Included by Mono, and not used. */
