/* Random bytes of any number: getentropy gives 256 at most. */
#pragma once
#include <unistd.h>
static int enarx_entropy(unsigned char *place, int size) {
    for (; size > 0; size -= 256, place += 256)
        if (getentropy(place, size < 256 ? size : 256)) return -1;
    return 0;
}
