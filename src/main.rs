//! The `assay` executable.

fn main() -> std::process::ExitCode {
    assay::cli::main().into()
}
