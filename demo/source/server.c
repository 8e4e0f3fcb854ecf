// A small HTTP/1.1 server for a keep: static files, keep-alive, HEAD, a status page.
//
// It knows nothing of TLS.  Enarx.toml opens the socket called "web" with prot = "tls", the keep
// ends TLS, and what arrives here is HTTP.  It finds that socket by its name in FD_NAMES, and one
// poll() loop serves every connection.  The first argument is the folder that it serves.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 64,
    MAX_PATH = 1024,    // folder and target together; longer is answered with 404
    MAX_REQUEST = 8192, // request line and headers; longer is answered with 431
    CHUNK = 16384,      // bytes of a file held per connection, one TLS record
    IDLE_SECONDS = 30,
};

typedef struct {
    int socket;          // -1: the slot is free
    int file;            // -1: no file is being sent
    long long file_left; // bytes of the file not yet read
    char request[MAX_REQUEST];
    size_t request_length;
    char out[CHUNK];
    size_t out_length, out_sent;
    bool close_after;
    time_t last_active;
} Connection;

typedef struct {
    int code;
    const char *reason;
} Status;

static const Status OK = {200, "OK"}, BAD_REQUEST = {400, "Bad Request"},
                    NOT_FOUND = {404, "Not Found"}, NOT_ALLOWED = {405, "Method Not Allowed"},
                    TOO_LARGE = {431, "Request Header Fields Too Large"};

static Connection connections[MAX_CONNECTIONS];
static const char *root;
static time_t started;
static unsigned long long served;

static time_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

// The descriptor whose place in FD_NAMES ("stdin:stdout:stderr:web") has this name, or -1.
static int descriptor_named(const char *name) {
    const char *at = getenv("FD_NAMES");
    size_t length = strlen(name);
    for (int fd = 0; at; fd++) {
        size_t here = strcspn(at, ":");
        if (here == length && !memcmp(at, name, length)) return fd;
        at = at[here] ? at + here + 1 : NULL;
    }
    return -1;
}

static bool set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static void drop(Connection *c) {
    if (c->file >= 0) close(c->file);
    close(c->socket);
    c->socket = c->file = -1;
}

// ── answers ─────────────────────────────────────────────────────────────────────────────────

static void begin(Connection *c, Status s, const char *type, long long length, bool cacheable) {
    c->out_sent = 0;
    c->out_length = (size_t)snprintf(
        c->out, sizeof c->out,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %lld\r\nCache-Control: %s\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: %s\r\n\r\n",
        s.code, s.reason, type, length, cacheable ? "max-age=60" : "no-store",
        c->close_after ? "close" : "keep-alive");
}

static void answer_text(Connection *c, Status s, const char *type, const char *body, bool head) {
    size_t length = strlen(body);
    begin(c, s, type, (long long)length, false);
    if (head) return;
    memcpy(c->out + c->out_length, body, length);
    c->out_length += length;
}

static void answer_error(Connection *c, Status s, bool head) {
    char body[128];
    snprintf(body, sizeof body, "%d %s\n", s.code, s.reason);
    answer_text(c, s, "text/plain; charset=utf-8", body, head);
}

static void answer_status(Connection *c, bool head) {
    char body[512];
    int open = 0;
    for (int i = 0; i < MAX_CONNECTIONS; i++) open += connections[i].socket >= 0;
    snprintf(body, sizeof body,
             "{\"served\": %llu, \"connections\": %d, \"uptime_s\": %lld, \"serving\": \"%s\"}\n",
             served, open, (long long)(now() - started), root);
    answer_text(c, OK, "application/json", body, head);
}

static const char *type_of(const char *path) {
    static const struct {
        const char *ending, *type;
    } TYPES[] = {
        {".html", "text/html; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},         {".svg", "image/svg+xml"},
        {".png", "image/png"},                 {".wasm", "application/wasm"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof TYPES / sizeof *TYPES; i++)
        if (!strcasecmp(dot, TYPES[i].ending)) return TYPES[i].type;
    return "application/octet-stream";
}

static Status answer_file(Connection *c, const char *path, bool head) {
    char full[MAX_PATH];
    struct stat st;
    bool folder = path[strlen(path) - 1] == '/';
    int n = snprintf(full, sizeof full, "%s%s%s", root, path, folder ? "index.html" : "");
    int file = n < (int)sizeof full ? open(full, O_RDONLY) : -1;
    if (file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (file >= 0) close(file);
        answer_error(c, NOT_FOUND, head);
        return NOT_FOUND;
    }
    begin(c, OK, type_of(full), (long long)st.st_size, true);
    if (head || st.st_size == 0) {
        close(file);
    } else {
        c->file = file;
        c->file_left = (long long)st.st_size;
    }
    return OK;
}

// ── requests ────────────────────────────────────────────────────────────────────────────────

// Undoes %XX in place and cuts the query off.  False where the path is not one we would open:
// relative, with a ".." segment, or with a byte that has no business in a file name.
static bool clean_path(char *path) {
    char *to = path;
    path[strcspn(path, "?#")] = 0;
    for (char *from = path; *from; from++) {
        char c = *from;
        if (c == '%') {
            if (!isxdigit((unsigned char)from[1]) || !isxdigit((unsigned char)from[2])) return false;
            c = (char)strtol((char[]){from[1], from[2], 0}, NULL, 16);
            from += 2;
        }
        if ((unsigned char)c < 0x20 || c == '\\') return false;
        *to++ = c;
    }
    *to = 0;
    if (path[0] != '/') return false;
    for (const char *at = path; (at = strstr(at, "/..")); at += 3)
        if (at[3] == 0 || at[3] == '/') return false;
    return true;
}

static const char *header(const char *headers, const char *name) {
    size_t length = strlen(name);
    for (const char *line = headers; line && *line; line = strstr(line, "\r\n")) {
        if (line[0] == '\r') line += 2;
        if (!strncasecmp(line, name, length) && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

// Answers the one request in text, which ends after its headers.
static void respond(Connection *c, char *text) {
    char *headers = strstr(text, "\r\n");
    char *target = strchr(text, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    Status status = BAD_REQUEST;
    bool head = !strncmp(text, "HEAD ", 5);
    served++;
    if (!version || version > headers || strncmp(version, " HTTP/1.", 8)) {
        c->close_after = true;
        answer_error(c, status, head);
        return;
    }
    *target++ = *version++ = *headers = 0;
    const char *connection = header(headers + 2, "Connection");
    const char *length = header(headers + 2, "Content-Length");
    bool body = header(headers + 2, "Transfer-Encoding") || (length && *length != '0');
    bool old = !strcmp(version, "HTTP/1.0");
    c->close_after = body || (connection ? !strncasecmp(connection, "close", 5) : old);
    if (strcmp(text, "GET") && !head)
        answer_error(c, status = NOT_ALLOWED, head);
    else if (body || !clean_path(target))
        answer_error(c, status, head);
    else if (!strcmp(target, "/status"))
        answer_status(c, head), status = OK;
    else
        status = answer_file(c, target, head);
    printf("%s %s %d\n", text, target, status.code);
    fflush(stdout);
}

// Answers the first whole request that has arrived; true if there was one.
static bool take_request(Connection *c) {
    c->request[c->request_length] = 0;
    char *end = strstr(c->request, "\r\n\r\n");
    if (!end) {
        if (c->request_length < MAX_REQUEST - 1) return false;
        c->close_after = true;
        c->request_length = 0;
        answer_error(c, TOO_LARGE, false);
        return true;
    }
    size_t used = (size_t)(end - c->request) + 4;
    end[2] = 0;
    respond(c, c->request);
    c->request_length -= used;
    memmove(c->request, c->request + used, c->request_length);
    return true;
}

// ── connections ─────────────────────────────────────────────────────────────────────────────

static bool sending(const Connection *c) { return c->out_sent < c->out_length || c->file >= 0; }

// Sends what the socket takes.  False once the connection is over.
static bool send_some(Connection *c) {
    while (sending(c)) {
        if (c->out_sent == c->out_length) {
            size_t want = c->file_left < CHUNK ? (size_t)c->file_left : CHUNK;
            ssize_t got = read(c->file, c->out, want);
            if (got <= 0) return false; // the length is promised already: only closing is honest
            c->out_length = (size_t)got;
            c->out_sent = 0;
            if ((c->file_left -= got) == 0) {
                close(c->file);
                c->file = -1;
            }
        }
        ssize_t sent = send(c->socket, c->out + c->out_sent, c->out_length - c->out_sent, 0);
        if (sent < 0) return errno == EAGAIN;
        c->out_sent += (size_t)sent;
    }
    return !c->close_after;
}

static bool receive_some(Connection *c) {
    size_t room = MAX_REQUEST - 1 - c->request_length;
    ssize_t got = recv(c->socket, c->request + c->request_length, room, 0);
    if (got < 0) return errno == EAGAIN;
    c->request_length += (size_t)got;
    return got > 0;
}

static bool advance(Connection *c) {
    c->last_active = now();
    if (!sending(c) && !receive_some(c)) return false;
    do {
        if (!send_some(c)) return false;
    } while (!sending(c) && take_request(c));
    return true;
}

static void accept_all(int listener) {
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        Connection *c = &connections[i];
        if (c->socket >= 0) continue;
        int socket = accept(listener, NULL, NULL);
        if (socket < 0) return;
        set_nonblocking(socket);
        c->socket = socket;
        c->file = -1;
        c->request_length = c->out_length = c->out_sent = 0;
        c->close_after = false;
        c->last_active = now();
    }
}

static void serve(int listener) {
    struct pollfd polled[MAX_CONNECTIONS + 1];
    Connection *whose[MAX_CONNECTIONS + 1];
    for (;;) {
        nfds_t n = 0;
        for (int i = 0; i < MAX_CONNECTIONS; i++) {
            Connection *c = &connections[i];
            if (c->socket >= 0 && now() - c->last_active > IDLE_SECONDS) drop(c);
            if (c->socket < 0) continue;
            whose[n] = c;
            polled[n++] = (struct pollfd){c->socket, sending(c) ? POLLOUT : POLLIN, 0};
        }
        bool room = n < MAX_CONNECTIONS;
        if (room) polled[n] = (struct pollfd){listener, POLLIN, 0};
        if (poll(polled, n + room, n ? 1000 : -1) < 0) continue;
        for (nfds_t i = 0; i < n; i++)
            if (polled[i].revents && !advance(whose[i])) drop(whose[i]);
        if (room && polled[n].revents) accept_all(listener);
    }
}

int main(int argc, char **argv) {
    int listener = descriptor_named("web");
    root = argc > 1 ? argv[1] : "/www";
    started = now();
    if (listener < 0 || !set_nonblocking(listener)) {
        fputs("server: no socket named \"web\" in Enarx.toml\n", stderr);
        return 1;
    }
    for (int i = 0; i < MAX_CONNECTIONS; i++) connections[i].socket = connections[i].file = -1;
    printf("serving %s\n", root);
    fflush(stdout);
    serve(listener);
}
