/* Runs /app/Main.hs: Hugs's own runhugs wants its options before the program's arguments. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#define HUGS_SERVER 1
#include "prelude.h"
#include "storage.h"
#include "connect.h"
#include "machdep.h"
#include "observe.h"
#include "server.h"

static HugsServerAPI *hugs;

static void stop_at_error(void) {
    char *text = hugs->clearError();
    if (!text) return;
    fflush(stdout);
    fputs(text, stderr);
    exit(1);
}

int main(int argc, char **argv) {
    static char *options[] = {"hugs", "-98", "-h4M", 0};
    int status;
    if (!initSystem() || !(hugs = initHugsServer(3, options))) {
        fprintf(stderr, "hugs cannot start: %s\n", lastError ? lastError : "no memory");
        return 1;
    }
    hugs->setOutputEnable(0);
    stop_at_error();
    hugs->loadFile("/app/Main.hs");
    stop_at_error();
    hugs->setHugsArgs(argc, argv);
    hugs->pushHVal(hugs->compileExpr("Main", "main >> return () :: IO ()"));
    status = hugs->doIO();
    stop_at_error();
    shutdownHugsServer(hugs);
    exit(status);
}

int system(const char *command) {
    if (!command) return 0;
    errno = ENOSYS;
    return -1;
}

/* What Hugs's base calls of Unix where WASI has neither. */
int sigaddset(void *set, int signal) { return -1; }
int sigemptyset(void *set) { return -1; }
