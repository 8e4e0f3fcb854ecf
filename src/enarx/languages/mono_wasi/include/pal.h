/* What pal_io.c of the class library asks of headers; WASI's kinds of files have other numbers. */
#pragma once
#include <dirent.h>
#include <sys/stat.h>
static inline int
wasi_kind (int kind)
{
	return kind == DT_DIR ? 4 : kind == DT_REG ? 8 : kind == DT_LNK ? 10 : kind == DT_CHR ? 2 : 0;
}
#undef DT_FIFO
#undef DT_CHR
#undef DT_DIR
#undef DT_BLK
#undef DT_REG
#undef DT_LNK
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#undef DT_SOCK
#define DT_SOCK 12
#define DT_WHT 14
#undef DT_UNKNOWN
#define DT_UNKNOWN 0
#define F_DUPFD 1000
#define POLLPRI 0x40
#define EPFNOSUPPORT 200
#define ESHUTDOWN 201
#define EHOSTDOWN 202
#define ENODATA 203
void sync (void);
#define fchmod(fd, mode) 0 /* files have no modes */
