/* The work program in C: see ../reference.py for what it must print. */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ── words ── */

typedef struct { char *text; unsigned count; } Word;

static char *read_all(FILE *file) {
    size_t length = 0, room = 4096;
    char *text = malloc(room);
    for (size_t got; (got = fread(text + length, 1, room - length - 1, file)); length += got)
        if (room - length - got < 2) text = realloc(text, room *= 2);
    text[length] = 0;
    return text;
}

static int by_count(const void *a, const void *b) {
    const Word *left = a, *right = b;
    if (left->count != right->count) return left->count < right->count ? 1 : -1;
    return strcmp(left->text, right->text); /* the order of UTF-8 is that of code points */
}

static void words(void) {
    char *text = read_all(stdin);
    Word *found = NULL;
    unsigned total = 0, distinct = 0;
    for (char *word = strtok(text, " \t\n\v\f\r"); word; word = strtok(NULL, " \t\n\v\f\r")) {
        unsigned at = 0;
        for (char *letter = word; *letter; letter++)
            if (*letter >= 'A' && *letter <= 'Z') *letter += 'a' - 'A';
        while (at < distinct && strcmp(found[at].text, word)) at++;
        if (at == distinct) {
            found = realloc(found, ++distinct * sizeof *found);
            found[at] = (Word){word, 0};
        }
        found[at].count++;
        total++;
    }
    qsort(found, distinct, sizeof *found, by_count);
    printf("words: %u\n", total);
    for (unsigned at = 0; at < distinct && at < 3; at++)
        printf("%u %s\n", found[at].count, found[at].text);
}

/* ── JSON: one object of integers' arrays and strings ── */

static char *skip_space(char *at) {
    while (isspace((unsigned char)*at)) at++;
    return at;
}

static char *put_utf8(char *out, unsigned code) {
    if (code < 0x80) { *out++ = (char)code; return out; }
    if (code < 0x800) { *out++ = (char)(0xC0 | code >> 6); }
    else { *out++ = (char)(0xE0 | code >> 12); *out++ = (char)(0x80 | (code >> 6 & 0x3F)); }
    *out++ = (char)(0x80 | (code & 0x3F));
    return out;
}

/* Read a string, without its quotes, into *out*; what follows it. */
static char *read_string(char *at, char *out) {
    for (at++; *at != '"';) {
        if (*at != '\\') { *out++ = *at++; continue; }
        if (at[1] == 'u') {
            char digits[5] = {at[2], at[3], at[4], at[5], 0};
            out = put_utf8(out, (unsigned)strtoul(digits, NULL, 16));
            at += 6;
        } else {
            *out++ = at[1] == 'n' ? '\n' : at[1] == 't' ? '\t' : at[1];
            at += 2;
        }
    }
    *out = 0;
    return at + 1;
}

static void write_string(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void json(void) {
    FILE *file = fopen("/data/in.json", "r");
    if (!file) { puts("json: no file"); return; }
    char *at = skip_space(read_all(file)) + 1, key[64], name[256] = "";
    long sum = 0;
    unsigned count = 0;
    while (*(at = skip_space(at)) == '"') {
        at = skip_space(read_string(at, key)) + 1;
        at = skip_space(at);
        if (*at == '"') at = read_string(at, name);
        else for (at++; *(at = skip_space(at)) != ']'; count++) {
            sum += strtol(at, &at, 10);
            if (*(at = skip_space(at)) == ',') at++;
        }
        if (*at == ']') at++;
        if (*(at = skip_space(at)) == ',') at++;
    }
    printf("json: {\"count\":%u,\"name\":", count);
    write_string(name);
    printf(",\"sum\":%ld}\n", sum);
    fclose(file);
}

/* ── SHA-256 (FIPS 180-4) ── */

static uint32_t constants[64], state[8];

/* The first 32 bits of the fraction of the root of *n*, by whole numbers alone. */
static uint32_t fraction(unsigned n, int cube) {
    unsigned __int128 low = 0, high = (unsigned __int128)1 << 40;
    unsigned __int128 want = (unsigned __int128)n << (cube ? 96 : 64);
    while (high - low > 1) {
        unsigned __int128 middle = (low + high) / 2;
        if (middle * middle * (cube ? middle : 1) > want) high = middle; else low = middle;
    }
    return (uint32_t)low;
}

static void make_constants(void) {
    unsigned found = 0;
    for (unsigned n = 2; found < 64; n++) {
        unsigned divisor = 2;
        while (n % divisor) divisor++;
        if (divisor != n) continue;
        if (found < 8) state[found] = fraction(n, 0);
        constants[found++] = fraction(n, 1);
    }
}

static uint32_t turn(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void digest_block(const unsigned char *block) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
                       ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[i] + w[i];
        uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
                       ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

static void sha256(void) {
    enum { SIZE = 1 << 20 };
    unsigned char *data = calloc(SIZE + 64, 1);
    for (unsigned i = 0; i < SIZE; i++) data[i] = (unsigned char)(i * 7 + 3);
    data[SIZE] = 0x80;
    for (int i = 0; i < 8; i++) data[SIZE + 56 + i] = (unsigned char)((uint64_t)SIZE * 8 >> (56 - 8 * i));
    make_constants();
    for (unsigned i = 0; i <= SIZE; i += 64) digest_block(data + i);
    printf("sha256: ");
    for (int i = 0; i < 8; i++) printf("%08x", state[i]);
    puts("");
}

/* ── the world ── */

static void scratch(void) {
    char back[8] = "";
    FILE *file = fopen("/scratch/work.txt", "w");
    if (!file) { puts("file: no scratch"); return; }
    fputs("scratch", file);
    fclose(file);
    file = fopen("/scratch/work.txt", "r");
    size_t got = fread(back, 1, sizeof back, file);
    fclose(file);
    puts(got == 7 && !memcmp(back, "scratch", 7) ? "file: ok" : "file: failed");
}

int main(int argc, char **argv) {
    const char *greeting = getenv("WORK_GREETING");
    unsigned char one[16], two[16];
    words();
    json();
    sha256();
    printf("env: %s\nargs: ", greeting ? greeting : "");
    for (int i = 1; i < argc; i++) printf("%s%s", i > 1 ? "," : "", argv[i]);
    puts("");
    scratch();
    puts(time(NULL) > 1577836800 ? "time ok" : "time wrong");
    getentropy(one, sizeof one);
    getentropy(two, sizeof two);
    puts(memcmp(one, two, sizeof one) ? "random ok" : "random wrong");
    return 7;
}
