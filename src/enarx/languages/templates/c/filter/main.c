#include <ctype.h>
#include <stdio.h>

enum { PIECE = 65536 }; /* the C library's own buffers have 1024 bytes: 64 times the calls */

int main(void) {
    int previous = '\n';
    unsigned long line = 0;
    setvbuf(stdin, NULL, _IOFBF, PIECE);
    setvbuf(stdout, NULL, _IOFBF, PIECE);
    for (int letter; (letter = getchar()) != EOF; previous = letter) {
        if (previous == '\n') printf("%lu ", ++line);
        putchar(toupper(letter)); /* bytes above 127 stay as they are */
    }
    if (line == 0) {
        fputs("no input\n", stderr);
        return 2;
    }
    return 0;
}
