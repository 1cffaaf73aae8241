#!/bin/sh
# Puts the header, both libraries, licenses and the file for pkg-config below PREFIX.
#
# The shared library is a file with its whole version, the name by which programs ask for it, and the name by which the linker
# finds it: libicecap_c.so -> libicecap_c.so.0.1 -> libicecap_c.so.0.1.0. While the major version is 0, each minor version may
# change the calls, so both are in the middle name, as build.rs gives it to the library.
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
mkdir -p "$1/include" "$1/lib/pkgconfig" "$1/share/doc/icecap"
prefix=$(cd "$1" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$room/../../Cargo.toml" | head -n 1)
case $version in
0.*.*) called=${version%.*} ;;
*) called=${version%%.*} ;;
esac

# Puts a file in the place of an older one, which a program may be running with, in one step.
put() {
    cp "$1" "$2.new"
    mv -f "$2.new" "$2"
}

put "$room/include/icecap.h" "$prefix/include/icecap.h"
put "$from/libicecap_c.a" "$prefix/lib/libicecap_c.a"
# Links a shared library: the file, its whole name, the name that programs ask for, the name for the linker.
share() {
    if [ -f "$1" ]; then
        put "$1" "$prefix/lib/$2"
        ln -sf "$2" "$prefix/lib/$3"
        ln -sf "$3" "$prefix/lib/$4"
    fi
}
share "$from/libicecap_c.so" "libicecap_c.so.$version" "libicecap_c.so.$called" libicecap_c.so
share "$from/libicecap_c.dylib" "libicecap_c.$version.dylib" "libicecap_c.$called.dylib" libicecap_c.dylib
for license in "$room/../../LICENSE-APACHE" "$room/../../LICENSE-MIT" "$from"/LICENSES-*; do
    if [ -f "$license" ]; then
        put "$license" "$prefix/share/doc/icecap/$(basename "$license")"
    fi
done
if [ ! -f "$from/LICENSES-THIRD-PARTY.txt" ]; then
    echo "note: no licenses of the crates that the library is made of; whoever hands it on needs them:" \
        "cargo run --release -p xtask -- licenses icecap-capi $from" >&2
fi
# A sign that sed, or pkg-config between quotes, would take for its own is none of it.
quoted=$(printf '%s\n' "$prefix" | sed 's/[\\"]/\\&/g; s/[&|\\]/\\&/g')
sed "s|@PREFIX@|$quoted|; s|@VERSION@|$version|" "$room/icecap.pc.in" >"$prefix/lib/pkgconfig/icecap.pc"
