# build.sh ZIG DATA OPTIMISER: in the toolchain's folder, makes mono.wasm of source/mono, and lib.
set -e
zig=$1 data=$2 optimiser=$3 source=source/mono
node=$(command -v node) || { echo "node is not there: install Node.js, then try again" >&2; exit 1; }

# One thread: finalizers run when the program waits for them.  Two floats need four places.
sed -i -e '0,/^\thazard_free_queue_pump ();/s//\thazard_free_queue_pump (); pending_done = TRUE;/' \
    -e '/^\tif (gc_thread == NULL)$/,+1d' $source/mono/metadata/gc.c
sed -i 's/margs->flen++;/margs->flen += 2;/' $source/mono/mini/interp/interp.c
pal=external/corefx/src/Native/Unix
sed -i 's/(int32_t)entry->d_type/wasi_kind (entry->d_type)/' $source/$pal/System.Native/pal_io.c

cat > compile.sh <<END
case \$1 in
mono/metadata/*|mono/sgen/*) more=-DHAVE_SGEN_GC ;;
external/*|mono/native/*) more="-D_WASM_ -include $data/include/pal.h" ;;
esac
case \$1 in *.c) from=$source/\$1 ;; *) from=$data/\$1.c ;; esac
exec $zig cc -target wasm32-wasi -O2 -std=gnu99 -w -fno-sanitize=undefined -fno-strict-aliasing \
    -fwrapv -fvisibility=hidden -D_REENTRANT -D_GNU_SOURCE -DMONO_DLL_EXPORT -DHAVE_CONFIG_H \
    -DDISABLE_CRASH_REPORTING=1 -DNO_UNALIGNED_ACCESS -D_WASI_EMULATED_SIGNAL \
    -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS \
    -DMONO_BINDIR='"/app/"' -DMONO_ASSEMBLIES='"/app"' -DMONO_CFG_DIR='"/app"' \
    -DMONO_RELOC_LIBDIR='"app"' -include $data/include/wasi.h -I$data/include -I$source \
    -I$source/mono -I$source/mono/eglib -I$source/mono/mini -I$source/mono/native \
    -I$source/support -I$source/$pal/Common -I$source/$pal/System.Native \
    \$more -c \$from -o objects/\$(echo \$1 | tr / _).o
END
export ZIG_GLOBAL_CACHE_DIR=$PWD/cache ZIG_LOCAL_CACHE_DIR=$PWD/cache
mkdir objects
{ cat "$data/sources.txt"; printf '%s\n' wasi calls main; } | xargs -n 1 -P "$(nproc)" sh compile.sh
$zig cc -target wasm32-wasi -O2 -w objects/*.o -lwasi-emulated-signal -lwasi-emulated-mman \
    -lwasi-emulated-getpid -lwasi-emulated-process-clocks -Wl,-z,stack-size=16777216 -o linked.wasm

# The collector looks for pointers in memory only: those in WebAssembly's locals go there too.  Locals
# that are never alive together become one first, or the interpreter's frame takes half a megabyte.
"$node" "$optimiser" --all-features --strip-debug --flatten \
    --coalesce-locals --reorder-locals --vacuum --spill-pointers -O1 linked.wasm \
    -o mono.wasm

mkdir lib
cp usr/lib/mono/4.5/mscorlib.dll lib
find usr/lib/mono/gac -name '*.dll' -exec cp {} lib \;
ln -s lib 4.5  # the compiler's SDK: what lies beside its library's folder
rm -r source objects cache compile.sh linked.wasm
