// What a start costs is measured with the smallest program that has output.
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
