#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SERVER = 3 }; /* the fourth of [[files]] in Enarx.toml */

/* HTTP/1.0: the answer comes whole, and ends with the connection. */
static const char request[] = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";

int main(void) {
    for (size_t sent = 0; sent < sizeof request - 1;) {
        ssize_t written = send(SERVER, request + sent, sizeof request - 1 - sent, 0);
        if (written < 0) return perror("send"), 1;
        sent += (size_t)written;
    }
    char *answer = NULL;
    size_t length = 0, room = 0;
    for (;;) {
        if (length + 1 >= room && !(answer = realloc(answer, room = room * 2 + 65536))) return 1;
        ssize_t got = recv(SERVER, answer + length, room - 1 - length, 0);
        if (got < 0) return perror("recv"), 1;
        if (got == 0) break;
        length += (size_t)got;
    }
    answer[length] = 0;
    char *body = strstr(answer, "\r\n\r\n");
    if (!body || strncmp(answer, "HTTP/1.", 7) || strncmp(answer + 8, " 200 ", 5)) {
        fprintf(stderr, "no: %.*s\n", (int)strcspn(answer, "\r\n"), answer);
        return 1;
    }
    body += 4;
    fwrite(body, 1, length - (size_t)(body - answer), stdout);
    return 0;
}
