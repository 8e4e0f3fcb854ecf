/* Emscripten is what Mono knows; nothing of it is here. */
#define EMSCRIPTEN_KEEPALIVE
