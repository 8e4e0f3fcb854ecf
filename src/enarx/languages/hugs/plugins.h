/* The stubs that are linked into the interpreter, by module: nothing can be loaded later. */
#pragma once
#include "HsFFI.h"
void initBytes(HugsAPI5 *), initEntropy(HugsAPI5 *), initError(HugsAPI5 *), initAlloc(HugsAPI5 *);
void initUtils(HugsAPI5 *), initPtr(HugsAPI5 *), initStorable(HugsAPI5 *), initInternals(HugsAPI5 *);
#define PLUGINS                           \
    {"Data.ByteString.Base", initBytes},  \
    {"Foreign.C.Error", initError},       \
    {"Foreign.Marshal.Alloc", initAlloc}, \
    {"Foreign.Marshal.Utils", initUtils}, \
    {"Foreign.Ptr", initPtr},             \
    {"Hugs.Storable", initStorable},      \
    {"System.Entropy", initEntropy},      \
    {"System.Posix.Internals", initInternals},
