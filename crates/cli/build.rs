//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of_target = |key: &str| std::env::var(key).unwrap_or_default();
    if of_target("CARGO_CFG_TARGET_OS") == "linux" && of_target("CARGO_CFG_TARGET_ENV") == "gnu" {
        // Addresses to adjust at the start in a hundredth of the room: 1.4 MB less to read and to hold. A linker that is too old for it
        // says so and goes on. https://maskray.me/blog/2021-10-31-relative-relocations-and-relr
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
