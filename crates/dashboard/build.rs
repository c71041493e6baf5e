//! Has cargo build the crate again when the page gains or loses a file; changed ones it notices by itself.

fn main() {
    println!("cargo::rerun-if-changed=page");
}
