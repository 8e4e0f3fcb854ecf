// Times four kernels by its own clock and prints "name nanoseconds" for each: integers and
// memory, floating point, calls, and indirect comparisons.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 192, PRIMES = 4000000, SORTED = 300000, DEPTH = 33 };

static volatile uint64_t kept; // so that nothing is optimised away

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void matrix(void) {
    static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) a[i][j] = i + j, b[i][j] = i - j, c[i][j] = 0;
    for (int times = 0; times < 4; times++)
        for (int i = 0; i < SIDE; i++)
            for (int k = 0; k < SIDE; k++)
                for (int j = 0; j < SIDE; j++) c[i][j] += a[i][k] * b[k][j];
    kept += (uint64_t)c[7][9];
}

static void sieve(void) {
    char *composite = calloc(PRIMES, 1);
    for (size_t i = 2; i * i < PRIMES; i++)
        if (!composite[i])
            for (size_t j = i * i; j < PRIMES; j += i) composite[j] = 1;
    for (size_t i = 2; i < PRIMES; i++) kept += !composite[i];
    free(composite);
}

static unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static void recursion(void) { kept += fibonacci(DEPTH); }

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void sort(void) {
    uint32_t *numbers = malloc(SORTED * sizeof *numbers), state = 1;
    for (int i = 0; i < SORTED; i++) numbers[i] = state = state * 1664525u + 1013904223u;
    qsort(numbers, SORTED, sizeof *numbers, ascending);
    kept += numbers[SORTED / 2];
    free(numbers);
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } KERNELS[] = {{"matrix", matrix}, {"sieve", sieve}, {"recursion", recursion}, {"sort", sort}};
    for (size_t k = 0; k < sizeof KERNELS / sizeof *KERNELS; k++) {
        uint64_t start = now_ns();
        KERNELS[k].run();
        printf("%s %llu\n", KERNELS[k].name, (unsigned long long)(now_ns() - start));
    }
    return 0;
}
