// The work program in C++: see ../reference.py for what it must print.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

std::string read_all(std::istream &input) {
    return {std::istreambuf_iterator<char>(input), {}};
}

// zig's C++ library for WASI has no file streams: C's are the way to files.
using File = std::unique_ptr<std::FILE, decltype([](std::FILE *file) { std::fclose(file); })>;

std::string read_file(const char *path) {
    File file(std::fopen(path, "r"));
    std::string text;
    for (int c; file && (c = std::fgetc(file.get())) != EOF;) text += static_cast<char>(c);
    return text;
}

void words() {
    std::istringstream text(read_all(std::cin));
    std::map<std::string, unsigned> counts; // sorted by UTF-8, which is by code point
    unsigned total = 0;
    for (std::string word; text >> word; total++) {
        std::ranges::transform(word, word.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
        counts[word]++;
    }
    std::vector<std::pair<std::string, unsigned>> ranked(counts.begin(), counts.end());
    std::ranges::stable_sort(ranked, [](auto &a, auto &b) { return a.second > b.second; });
    std::cout << "words: " << total << '\n';
    for (size_t i = 0; i < std::min<size_t>(3, ranked.size()); i++)
        std::cout << ranked[i].second << ' ' << ranked[i].first << '\n';
}

// JSON: as much of it as one object of numbers and strings needs.
class Parser {
public:
    explicit Parser(const std::string &text) : input_(text) {}

    char peek() {
        input_ >> std::ws;
        return static_cast<char>(input_.peek());
    }
    bool skip(char wanted) {
        if (peek() != wanted) return false;
        input_.get();
        return true;
    }
    long number() {
        long value = 0;
        input_ >> value;
        return value;
    }
    std::string string() {
        std::string found;
        skip('"');
        for (char c = next(); c != '"'; c = next()) {
            if (c == '\\') put_escape(found);
            else found += c;
        }
        return found;
    }

private:
    char next() { return static_cast<char>(input_.get()); }
    void put_escape(std::string &out) {
        char c = next();
        if (c != 'u') {
            out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
            return;
        }
        std::string digits;
        for (int i = 0; i < 4; i++) digits += next();
        unsigned code = static_cast<unsigned>(std::strtoul(digits.c_str(), nullptr, 16));
        if (code < 0x80) out += static_cast<char>(code);
        else if (code < 0x800) out += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
        else out += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                     static_cast<char>(0x80 | (code & 0x3F))};
    }
    std::istringstream input_;
};

void json() {
    Parser parser(read_file("/data/in.json"));
    std::string name;
    long sum = 0, count = 0;
    parser.skip('{');
    while (parser.peek() == '"') {
        std::string key = parser.string();
        parser.skip(':');
        if (key == "name") {
            name = parser.string();
        } else {
            parser.skip('[');
            for (; parser.peek() != ']'; count++, parser.skip(',')) sum += parser.number();
            parser.skip(']');
        }
        parser.skip(',');
    }
    std::cout << "json: {\"count\":" << count << ",\"name\":" << std::quoted(name) << ",\"sum\":" << sum << "}\n";
}

// SHA-256 (FIPS 180-4), whose constants are worked out from the first primes.
class Sha256 {
public:
    static std::string hexadecimal(std::string data) {
        Sha256 hash;
        uint64_t bits = data.size() * 8;
        data += '\x80';
        while (data.size() % 64 != 56) data += '\0';
        for (int i = 7; i >= 0; i--) data += static_cast<char>(bits >> (8 * i));
        for (size_t i = 0; i < data.size(); i += 64)
            hash.compress(reinterpret_cast<const unsigned char *>(data.data() + i));
        std::ostringstream out;
        for (uint32_t word : hash.state_) out << std::hex << std::setw(8) << std::setfill('0') << word;
        return out.str();
    }

private:
    Sha256() {
        size_t found = 0;
        for (unsigned n = 2; found < 64; n++) {
            bool prime = true;
            for (unsigned divisor = 2; divisor < n; divisor++) prime &= n % divisor != 0;
            if (!prime) continue;
            if (found < 8) state_[found] = root(n, 2);
            constants_[found++] = root(n, 3);
        }
    }
    // The first 32 bits of the fraction of a square or cube root.
    static uint32_t root(unsigned of, int power) {
        unsigned __int128 low = 0, high = static_cast<unsigned __int128>(1) << 40;
        unsigned __int128 want = static_cast<unsigned __int128>(of) << (32 * power);
        while (high - low > 1) {
            unsigned __int128 middle = (low + high) / 2;
            (middle * middle * (power == 3 ? middle : 1) > want ? high : low) = middle;
        }
        return static_cast<uint32_t>(low);
    }
    static uint32_t turn(uint32_t word, int by) { return word >> by | word << (32 - by); }
    void compress(const unsigned char *block) {
        std::array<uint32_t, 64> w;
        for (int i = 0; i < 16; i++)
            w[i] = static_cast<uint32_t>(block[4 * i]) << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
                   block[4 * i + 3];
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
                   (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
        auto s = state_;
        for (int i = 0; i < 64; i++) {
            uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                           constants_[i] + w[i];
            uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
                           ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            std::ranges::copy_backward(s.begin(), s.end() - 1, s.end());
            s[4] += one;
            s[0] = one + two;
        }
        for (int i = 0; i < 8; i++) state_[i] += s[i];
    }
    std::array<uint32_t, 8> state_;
    std::array<uint32_t, 64> constants_;
};

std::string scratch() {
    {
        File file(std::fopen("/scratch/work.txt", "w"));
        if (!file) return "no scratch";
        std::fputs("scratch", file.get());
    }
    return read_file("/scratch/work.txt") == "scratch" ? "ok" : "failed";
}

int main(int argc, char **argv) {
    words();
    json();
    std::string megabyte(1 << 20, '\0');
    for (size_t i = 0; i < megabyte.size(); i++) megabyte[i] = static_cast<char>(i * 7 + 3);
    const char *greeting = std::getenv("WORK_GREETING");
    std::cout << "sha256: " << Sha256::hexadecimal(megabyte) << "\nenv: " << (greeting ? greeting : "") << "\nargs: ";
    for (int i = 1; i < argc; i++) std::cout << (i > 1 ? "," : "") << argv[i];
    auto now = std::chrono::system_clock::now().time_since_epoch();
    std::array<unsigned char, 16> one, two;
    getentropy(one.data(), one.size());
    getentropy(two.data(), two.size());
    std::cout << "\nfile: " << scratch() << "\ntime " << (now > std::chrono::seconds(1577836800) ? "ok" : "wrong")
              << "\nrandom " << (one == two ? "wrong" : "ok") << '\n';
    return 7;
}
