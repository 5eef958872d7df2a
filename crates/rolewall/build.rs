//! How the program lies in memory: functions by how often they are needed (`layout.ld`), and relocations packed.
//! Not here: which options it is compiled with (`Cargo.toml` and `.cargo/config.toml` of the workspace).

use std::env::var;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    let is = |name: &str, value: &str| var(name).is_ok_and(|v| v == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    let directory = var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{directory}/layout.ld");
    if unpacks_itself() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Nothing but its own C library relocates a static program, and glibc reads packed relocations from 2.36 on.
fn unpacks_itself() -> bool {
    let is_own = var("HOST") == var("TARGET") && var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    is_own && glibc().is_some_and(|version| version >= (2, 36))
}

/// The version of this machine's, which is what is linked.
fn glibc() -> Option<(u32, u32)> {
    let printed = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let printed = String::from_utf8(printed.stdout).ok()?;
    let (major, minor) = printed.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
