// The client of every network benchmark, in C so that it is not what is measured.
//
//   client ping|poll|http|in|out|quit COUNT PORT [tls]
//
// ping, poll: COUNT round trips of one byte; prints their median and 99th percentile in ns.
// http: COUNT requests over one connection; prints requests per second.
// in, out: COUNT bytes to, or from, the server; prints bytes per second.
// quit: the server ends.
// TLS comes from the system's libssl, loaded when asked for: exit code 3 where there is none.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 16, NO_TLS = 3 };

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n";
static char buffer[ROOM + 1];
static int connection;
static void *tls;
static int (*tls_read)(void *, void *, int);
static int (*tls_write)(void *, const void *, int);

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void send_all(const char *from, size_t left) {
    while (left) {
        ssize_t sent = tls ? tls_write(tls, from, (int)left) : write(connection, from, left);
        if (sent <= 0) fail("send");
        from += sent, left -= (size_t)sent;
    }
}

static size_t receive(size_t room) {
    ssize_t got = tls ? tls_read(tls, buffer, (int)room) : read(connection, buffer, room);
    if (got <= 0) fail("receive");
    return (size_t)got;
}

static void begin_tls(void) {
    void *lib = dlopen("libssl.so.3", RTLD_NOW);
    if (!lib) exit(NO_TLS);
    void *(*method)(void) = (void *(*)(void))dlsym(lib, "TLS_client_method");
    void *(*new_context)(void *) = (void *(*)(void *))dlsym(lib, "SSL_CTX_new");
    void *(*new_connection)(void *) = (void *(*)(void *))dlsym(lib, "SSL_new");
    int (*set_fd)(void *, int) = (int (*)(void *, int))dlsym(lib, "SSL_set_fd");
    int (*handshake)(void *) = (int (*)(void *))dlsym(lib, "SSL_connect");
    tls_read = (int (*)(void *, void *, int))dlsym(lib, "SSL_read");
    tls_write = (int (*)(void *, const void *, int))dlsym(lib, "SSL_write");
    void *made = new_connection(new_context(method()));
    set_fd(made, connection);
    if (handshake(made) != 1) fail("handshake");
    tls = made;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void ping(const char *how, size_t count) {
    uint64_t *taken = calloc(count, sizeof *taken);
    send_all(how, 1);
    for (size_t n = 0; n < count; n++) {
        uint64_t start = now_ns();
        send_all("x", 1);
        receive(1);
        taken[n] = now_ns() - start;
    }
    qsort(taken, count, sizeof *taken, ascending);
    printf("%llu %llu\n", (unsigned long long)taken[count / 2],
           (unsigned long long)taken[count * 99 / 100]);
}

static void http(size_t count) {
    uint64_t start = now_ns();
    for (size_t n = 0; n < count; n++) {
        send_all(REQUEST, sizeof REQUEST - 1);
        size_t have = 0;
        while (have < 13 || memcmp(buffer + have - 13, "Hello, world\n", 13)) {
            ssize_t got = tls ? tls_read(tls, buffer + have, (int)(ROOM - have))
                              : read(connection, buffer + have, ROOM - have);
            if (got <= 0) fail("receive");
            have += (size_t)got;
        }
    }
    printf("%.0f\n", (double)count / ((double)(now_ns() - start) / 1e9));
}

static void stream(char how, uint64_t count) {
    char head[9] = {how};
    memcpy(head + 1, &count, 8);
    send_all(head, sizeof head);
    uint64_t start = now_ns();
    for (uint64_t left = count; left;) {
        size_t piece = left < ROOM ? (size_t)left : ROOM;
        if (how == 'i') send_all(buffer, piece);
        left -= how == 'i' ? piece : receive(piece);
    }
    if (how == 'i') receive(1); // it has read everything
    printf("%.0f\n", (double)count / ((double)(now_ns() - start) / 1e9));
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&to, sizeof to)) fail("connect");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (argc > 4) begin_tls();
    size_t count = strtoull(argv[2], NULL, 10);
    if (!strcmp(argv[1], "ping")) ping("p", count);
    else if (!strcmp(argv[1], "poll")) ping("P", count);
    else if (!strcmp(argv[1], "http")) http(count);
    else if (!strcmp(argv[1], "in")) stream('i', count);
    else if (!strcmp(argv[1], "out")) stream('o', count);
    else if (!strcmp(argv[1], "quit")) send_all("q", 1);
    else return 2;
    return 0;
}
