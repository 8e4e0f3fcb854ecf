#include <ctype.h>
#include <stdio.h>

int main(void) {
    int previous = '\n';
    unsigned long line = 0;
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
