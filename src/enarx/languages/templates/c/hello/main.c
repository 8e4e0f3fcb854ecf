#include <stdio.h>

int main(int argc, char **argv) {
    puts("hello from C in a keep");
    for (int i = 1; i < argc; i++) printf("argument: %s\n", argv[i]);
    return 0;
}
