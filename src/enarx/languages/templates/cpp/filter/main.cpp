#include <algorithm>
#include <cctype>
#include <iostream>
#include <string>

constexpr std::size_t piece = 65536; // characters written at once

int main() {
    std::string line, out;
    unsigned long number = 0;
    while (std::getline(std::cin, line)) {
        std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::toupper(c); });
        out += std::to_string(++number) + ' ' + line + '\n';
        if (out.size() > piece) {
            std::cout << out;
            out.clear();
        }
    }
    std::cout << out;
    if (number == 0) {
        std::cerr << "no input\n";
        return 2;
    }
}
