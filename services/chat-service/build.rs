//! The migrations are built in, which cargo does not see by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/schema");
}
