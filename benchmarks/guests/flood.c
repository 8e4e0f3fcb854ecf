// Writes as many bytes to its standard output as its argument says.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 65536 };

int main(int argc, char **argv)
{
    static char piece[PIECE];
    if (argc != 2)
        return 2;
    memset(piece, 'x', sizeof piece);
    for (long long left = atoll(argv[1]); left > 0;) {
        ssize_t n = write(1, piece, left < PIECE ? (size_t)left : PIECE);
        if (n < 0)
            return 1;
        left -= n;
    }
    return 0;
}
