/* The choices of Hugs: where a package has its libraries and the program, and large tables. */
#pragma once
#define HUGSDIR "/hugs"
#define HUGSPATH "/app:{Hugs}/packages/*"
#define HUGSSUFFIXES ".hs:.lhs"
#define LARGE_HUGS 1
