//! `cargo image build | boot | report | debug`.

#![forbid(unsafe_code)]

mod arguments;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Build(build) => commands::build(build),
        Command::Boot(boot) => commands::boot(boot),
        Command::Report(report) => commands::report(report),
        Command::Debug(debug) => commands::debug(debug),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
