//! Names the shared library for the linker: a program that is built with it asks for this name when it starts, so it never
//! runs with a library whose calls have changed. While the major version is 0, each minor version may change them.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let part = |name: &str| var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
    let version = match part("MAJOR").as_str() {
        "0" => format!("0.{}", part("MINOR")),
        major => major.to_owned(),
    };
    let system = var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let vendor = var("CARGO_CFG_TARGET_VENDOR").unwrap_or_default();
    if vendor == "apple" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libicecap_c.{version}.dylib");
    } else if var("CARGO_CFG_UNIX").is_ok() && system != "aix" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libicecap_c.so.{version}");
    }
}
