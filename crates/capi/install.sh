#!/bin/sh
# Puts the header, both libraries and the file for pkg-config below PREFIX.
#
# usage: crates/capi/install.sh PREFIX [FOLDER]     FOLDER: where cargo put the libraries [default: target/release]
set -eu
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: install.sh PREFIX [FOLDER]" >&2
    exit 2
fi
room=$(dirname "$0")
from=${2:-$room/../../target/release}
if [ ! -f "$from/libicecap_c.a" ]; then
    echo "$from: no libicecap_c.a; build it first: cargo build --release -p icecap-capi" >&2
    exit 5
fi
mkdir -p "$1/include" "$1/lib/pkgconfig"
prefix=$(cd "$1" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$room/../../Cargo.toml" | head -n 1)
cp "$room/include/icecap.h" "$prefix/include/"
for library in libicecap_c.a libicecap_c.so libicecap_c.dylib; do
    if [ -f "$from/$library" ]; then
        cp "$from/$library" "$prefix/lib/"
    fi
done
# A sign that sed would take for its own is none of it.
quoted=$(printf '%s\n' "$prefix" | sed 's/[&|\\]/\\&/g')
sed "s|@PREFIX@|$quoted|; s|@VERSION@|$version|" "$room/icecap.pc.in" >"$prefix/lib/pkgconfig/icecap.pc"
