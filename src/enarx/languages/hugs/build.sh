# Compiles Hugs 98 for WASI, in the folder of its toolchain: sh build.sh OURS ZIG
# It leaves hugs.linked.wasm, what a package needs in the folder library, and objects in build.
set -e
ours=$1 zig=$2 source=source/hugs98 library=usr/lib/hugs
base=$source/packages/base
export LD_LIBRARY_PATH=$PWD/lib/x86_64-linux-gnu
mkdir -p build/stubs
cp -R "$ours/library/." $library/packages/base/

# Messages of the end go where they are seen; a file's mode says nothing on WASI.
sed -i 's/Printf("\\nFATAL ERROR: /fprintf(stderr,"\\nFATAL ERROR: /' $source/src/errors.c
sed -i 's/(scbuf.st_mode & S_IREAD)/1/' $source/src/machdep.c
# Hugs's own error comes before the end of the stack that an engine has for C's recursion.
sed -i '/define MAX_EVAL_DEPTH/s/16384/5000/' $source/src/prelude.h

compile() {
    object=$1
    shift
    "$zig" cc -target wasm32-wasi -mcpu=generic+exception_handling \
        -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=true \
        -O2 -g0 -w -Wno-int-conversion -std=gnu89 -fno-sanitize=undefined -DNDEBUG=1 \
        -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS \
        -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_GETPID \
        "-I$ours" -I$source/src -I$base/include -I$source/libraries/hugsbase/Hugs "$@" -c -o "build/$object.o"
}

# The program of Debian writes the C of a module's foreign imports, and would have gcc compile it
# for this machine; only of the module that is ours is that wanted, for check.sh.
printf '#!/bin/sh\nexec "%s" cc "$@"\n' "$zig" >build/gcc
chmod +x build/gcc
stub() {
    path=$library/packages/$1
    PATH=$PWD/build:$PATH HUGSDIR=$PWD/$library usr/bin/ffihugs \
        "-P{Hugs}/packages/*" -98 "$path.hs" "-I$ours" >build/stubs/log 2>&1 || true
    mv "$path.c" "build/stubs/$2.c" || { cat build/stubs/log; exit 1; }
    compile "$2" -DABSENT_CALLS -DENABLE_MACRO_INTERFACE -include HsBase.h \
        "-DinitModule=init$2" "-DHugsAPIVersion=version$2" "build/stubs/$2.c"
}

stub base/Data/ByteString/Base Bytes
stub base/Foreign/C/Error Error
stub base/Foreign/Marshal/Alloc Alloc
stub base/Foreign/Marshal/Utils Utils
stub base/Foreign/Ptr Ptr
stub base/System/Entropy Entropy
stub base/System/Posix/Internals Internals
stub hugsbase/Hugs/Storable Storable

for name in PrelIOUtils consUtils dirUtils fpstring; do
    compile $name -DABSENT_CALLS $base/cbits/$name.c
done
compile Storable_aux $source/libraries/hugsbase/Hugs/Storable_aux.c
for name in builtin char compiler errors evaluator ffi goal input machdep machine module opts \
    output script server static storage strutil subst type version; do
    compile $name $source/src/$name.c
done
compile plugin -include plugins.h $source/src/plugin.c
compile main "$ours/main.c"

"$zig" cc -target wasm32-wasi -mcpu=generic+exception_handling -O1 -g0 build/*.o \
    "$ours/../microhs_wasi/tag.S" -lwasi-emulated-signal -lwasi-emulated-process-clocks \
    -lwasi-emulated-mman -lwasi-emulated-getpid -Wl,-z,stack-size=67108864 -o hugs.linked.wasm

mkdir library
cp -R $library/packages library
find library -name '*.so' -delete
