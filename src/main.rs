//! Arguments to the command line, its answer to an exit code.

fn main() -> std::process::ExitCode {
    fieldtune::cli::main()
}
