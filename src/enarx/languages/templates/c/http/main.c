#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENER = 3 }; /* the fourth of [[files]] in Enarx.toml */

static unsigned long answered;

/* Read until the empty line that ends a request's head; its length, or 0 if there is none. */
static size_t read_head(int connection, char *head, size_t size) {
    size_t length = 0;
    while (length < size - 1) {
        ssize_t got = recv(connection, head + length, size - 1 - length, 0);
        if (got <= 0) return 0;
        length += (size_t)got;
        head[length] = 0;
        if (strstr(head, "\r\n\r\n")) return length;
    }
    return 0;
}

static void answer(int connection, const char *status, const char *body) {
    char text[512];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
                          "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                          status, strlen(body), body);
    for (int sent = 0; sent < length;) {
        ssize_t written = send(connection, text + sent, (size_t)(length - sent), 0);
        if (written <= 0) return;
        sent += (int)written;
    }
}

static void serve(int connection) {
    char head[8192], count[32];
    if (!read_head(connection, head, sizeof head)) return;
    answered++;
    if (!strncmp(head, "GET / ", 6)) {
        answer(connection, "200 OK", "hello from C in a keep\n");
    } else if (!strncmp(head, "GET /count ", 11)) {
        snprintf(count, sizeof count, "%lu\n", answered);
        answer(connection, "200 OK", count);
    } else {
        answer(connection, "404 Not Found", "there is only / and /count\n");
    }
}

int main(void) {
    puts("serving");
    fflush(stdout);
    for (;;) {
        int connection = accept(LISTENER, NULL, NULL);
        if (connection < 0) continue; /* a client that gave up */
        serve(connection);
        shutdown(connection, SHUT_RDWR);
        close(connection);
    }
}
