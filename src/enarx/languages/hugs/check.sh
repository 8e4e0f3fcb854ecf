# Looks for errors in the program of this folder, as Hugs does before it runs it, and prints them:
# sh check.sh HOME MAIN
said=$(printf ':type main\n' |
    LD_LIBRARY_PATH=$1/lib/x86_64-linux-gnu HUGSDIR=$1/usr/lib/hugs LC_ALL=C.UTF-8 \
        "$1/usr/bin/hugs" -q -98 "-P.:{Hugs}/packages/*" "$2" 2>&1)
case $said in
*"> main :: IO "*) ;;
*)
    printf '%s\n' "$said" | tr -d '\b' | sed -n 's/^.*> main ::/main is no IO but ::/; s/^[A-Za-z.]*> ERROR/ERROR/; /ERROR\|^main is/,$ { /> \[Leaving/!p; }'
    exit 1
    ;;
esac
