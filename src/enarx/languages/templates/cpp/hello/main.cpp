#include <iostream>

int main(int argc, char **argv) {
    std::cout << "hello from C++ in a keep\n";
    for (int i = 1; i < argc; i++) std::cout << "argument: " << argv[i] << '\n';
}
