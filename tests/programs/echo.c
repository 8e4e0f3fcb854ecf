// Prints its arguments, the variable NAME and the file /data/in.txt; tries to write /data/out.txt;
// ends with 7.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    char line[256];
    for (int i = 1; i < argc; i++) printf("%s%s", argv[i], i + 1 < argc ? " " : "\n");
    printf("%s\n", getenv("NAME"));
    FILE *in = fopen("/data/in.txt", "r");
    while (in && fgets(line, sizeof line, in)) fputs(line, stdout);
    FILE *out = fopen("/data/out.txt", "w");
    if (out && fputs("from the keep\n", out) >= 0 && fclose(out) == 0) puts("written");
    else puts(errno == EROFS || errno == ENOTCAPABLE ? "read-only" : "failed");
    return 7;
}
