//! The process: hands the command line to `commands`.
fn main() {}
