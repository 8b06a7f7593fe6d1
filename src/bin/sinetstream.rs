//! The command `sinetstream`; see the module `cli` of the crate.

fn main() -> std::process::ExitCode {
    sinetstream::cli::main()
}
