//! The command line.

/// Parses the arguments, runs the command, gives the exit code.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
