/* Mono says that it has jumps; what is compiled here makes none. */
#pragma once
typedef int jmp_buf [1];
