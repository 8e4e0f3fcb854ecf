#include <algorithm>
#include <cctype>
#include <iostream>
#include <string>

int main() {
    std::ios::sync_with_stdio(false);
    std::string line;
    unsigned long number = 0;
    while (std::getline(std::cin, line)) {
        std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::toupper(c); });
        std::cout << ++number << ' ' << line << '\n';
    }
    if (number == 0) {
        std::cerr << "no input\n";
        return 2;
    }
}
