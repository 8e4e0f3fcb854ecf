#include <iostream>
#include <string>
#include <string_view>
#include <sys/socket.h>

constexpr int server = 3; // the fourth of [[files]] in Enarx.toml

// HTTP/1.0: the answer comes whole, and ends with the connection.
constexpr std::string_view request = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";

static bool send_all(std::string_view text) {
    while (!text.empty()) {
        ssize_t written = send(server, text.data(), text.size(), 0);
        if (written < 0) return false;
        text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

static bool receive_all(std::string &answer) {
    char piece[65536];
    for (;;) {
        ssize_t got = recv(server, piece, sizeof piece, 0);
        if (got <= 0) return got == 0;
        answer.append(piece, static_cast<size_t>(got));
    }
}

int main() {
    std::string answer;
    if (!send_all(request) || !receive_all(answer)) {
        std::cerr << "the connection broke" << std::endl;
        return 1;
    }
    std::string status = answer.substr(0, answer.find("\r\n"));
    size_t body = answer.find("\r\n\r\n");
    if (body == std::string::npos || status.substr(0, 7) != "HTTP/1." || status.substr(8, 5) != " 200 ") {
        std::cerr << "no: " << status << std::endl;
        return 1;
    }
    std::cout << std::string_view(answer).substr(body + 4) << std::flush;
}
