// One server, compiled twice: as a guest for a keep, and for this machine, to compare with.
//
// Descriptor 3 listens.  Connections are served one after another; the first byte says how:
//   p  every byte received is sent back
//   P  the same by a loop around poll(), as servers of many connections do
//   i  8 bytes of count, then that many bytes are read and one is sent
//   o  8 bytes of count, then that many bytes are sent
//   G  HTTP/1.1 with keep-alive (the first byte of "GET")
//   q  the server ends
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENER = 3, ROOM = 1 << 16 };

static char buffer[ROOM];
static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n";

static int send_all(int fd, const char *from, size_t left) {
    while (left) {
        ssize_t sent = write(fd, from, left);
        if (sent <= 0) return 0;
        from += sent, left -= (size_t)sent;
    }
    return 1;
}

static uint64_t receive_count(int fd) {
    uint64_t count = 0;
    size_t have = 0;
    while (have < sizeof count) {
        ssize_t got = read(fd, (char *)&count + have, sizeof count - have);
        if (got <= 0) return 0;
        have += (size_t)got;
    }
    return count;
}

static void echo(int fd) {
    ssize_t got;
    while ((got = read(fd, buffer, ROOM)) > 0)
        if (!send_all(fd, buffer, (size_t)got)) return;
}

static void poll_and_echo(int fd) {
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = LISTENER, .events = POLLIN}};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    for (;;) {
        if (poll(polled, 2, -1) < 0) return;
        if (!polled[0].revents) continue;
        ssize_t got = read(fd, buffer, ROOM);
        if (got <= 0 || !send_all(fd, buffer, (size_t)got)) return;
    }
}

static void take(int fd) {
    uint64_t left = receive_count(fd);
    while (left) {
        ssize_t got = read(fd, buffer, ROOM);
        if (got <= 0) return;
        left -= (uint64_t)got;
    }
    send_all(fd, "k", 1);
}

static void give(int fd) {
    uint64_t left = receive_count(fd);
    while (left) {
        size_t piece = left < ROOM ? (size_t)left : ROOM;
        if (!send_all(fd, buffer, piece)) return;
        left -= piece;
    }
}

// `have` bytes of the first request are in the buffer already.
static void http(int fd, size_t have) {
    for (;;) {
        buffer[have] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (end) {
            size_t used = (size_t)(end - buffer) + 4;
            if (!send_all(fd, ANSWER, sizeof ANSWER - 1)) return;
            have -= used;
            memmove(buffer, buffer + used, have);
            continue;
        }
        ssize_t got = read(fd, buffer + have, ROOM - 1 - have);
        if (got <= 0) return;
        have += (size_t)got;
    }
}

int main(void) {
    for (;;) {
        int fd = accept(LISTENER, NULL, NULL);
        if (fd < 0) return 1;
        ssize_t got = read(fd, buffer, 1);
        char how = got == 1 ? buffer[0] : 0;
        if (how == 'p') echo(fd);
        if (how == 'P') poll_and_echo(fd);
        if (how == 'i') take(fd);
        if (how == 'o') give(fd);
        if (how == 'G') http(fd, 1);
        close(fd);
        if (how == 'q') return 0;
    }
}
