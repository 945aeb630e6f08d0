//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Builds Hurdle's kernel and servers, and boots them.
#[derive(Debug, Parser)]
#[command(name = "cargo image", version, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the kernel, the servers and the programs, and pack them
    Build(Build),
    /// Build, boot in QEMU, and succeed only if the guest says that all went well
    Boot(Boot),
    /// Build, boot, and print every capability that each server received
    Report(Report),
    /// Build with the debug kernel, and boot a machine that waits for gdb
    Debug(Debug),
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The system, instead of image/system.toml
    #[arg(long, value_name = "FILE")]
    pub system: Option<PathBuf>,
    /// The machine's memory in MiB, instead of the system's
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u32>,
    /// The folder for the image, instead of target/image
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Which kernel.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Kernel {
    /// The kernel that is measured: it prints nothing and checks no assertion
    #[arg(long)]
    pub release_kernel: bool,
    /// The kernel that prints what it refuses and checks its assertions
    #[arg(long)]
    pub debug_kernel: bool,
}

/// `build`
#[derive(Debug, Args)]
pub struct Build {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub kernel: Kernel,
}

/// `boot`
#[derive(Debug, Args)]
pub struct Boot {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub kernel: Kernel,
    /// Let guest time count instructions: the same in every run (always so without a terminal)
    #[arg(long)]
    pub icount: bool,
    /// Feed the lines of a file to the console, instead of the demonstration; succeed only if each was [ok]
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// End the guest after so many seconds [default: a day at a terminal, else 300]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// `report`
#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub kernel: Kernel,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// End the guest after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub timeout: u64,
}

/// `debug`
#[derive(Debug, Args)]
pub struct Debug {
    #[command(flatten)]
    pub common: Common,
}
