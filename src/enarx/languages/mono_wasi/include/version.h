#define FULL_VERSION "tarball"
