//! Has the crate rebuilt when a file of the built-in pipeline is added; of changed files the compiler knows by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../pipelines/pinterest");
}
