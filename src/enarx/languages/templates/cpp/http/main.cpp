#include <iostream>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

constexpr int listener = 3; // the fourth of [[files]] in Enarx.toml

// A connection, closed when it goes out of scope.
class Connection {
public:
    explicit Connection(int descriptor) : descriptor_(descriptor) {}
    Connection(const Connection &) = delete;
    ~Connection() {
        shutdown(descriptor_, SHUT_RDWR);
        close(descriptor_);
    }

    // The request's head, with the empty line that ends it; empty if there is none.
    std::string read_head() {
        std::string head;
        char piece[1024];
        while (head.size() < 8192 && head.find("\r\n\r\n") == std::string::npos) {
            ssize_t got = recv(descriptor_, piece, sizeof piece, 0);
            if (got <= 0) return "";
            head.append(piece, static_cast<size_t>(got));
        }
        return head.find("\r\n\r\n") == std::string::npos ? "" : head;
    }

    void answer(const std::string &status, const std::string &body) {
        std::string text = "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
        for (size_t sent = 0; sent < text.size();) {
            ssize_t written = send(descriptor_, text.data() + sent, text.size() - sent, 0);
            if (written <= 0) return;
            sent += static_cast<size_t>(written);
        }
    }

private:
    int descriptor_;
};

int main() {
    std::cout << "serving" << std::endl;
    for (unsigned long answered = 0;;) {
        int accepted = accept(listener, nullptr, nullptr);
        if (accepted < 0) continue; // a client that gave up
        Connection connection(accepted);
        std::string head = connection.read_head();
        if (head.empty()) continue;
        answered++;
        if (head.starts_with("GET / "))
            connection.answer("200 OK", "hello from C++ in a keep\n");
        else if (head.starts_with("GET /count "))
            connection.answer("200 OK", std::to_string(answered) + "\n");
        else
            connection.answer("404 Not Found", "there is only / and /count\n");
    }
}
