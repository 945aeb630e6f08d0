//! Whether what lies in the output folder was made from the same inputs.
//!
//! The inputs are kept as text beside the result and compared whole: a hash would be shorter, but could not be read, and
//! "why was it built again?" deserves an answer.

use std::path::Path;

use crate::{BuildError, Configuration, KernelSource, Tools};

/// Raised when this crate builds differently in a way that neither the flags nor the configuration show.
const RECIPE: u32 = 1;

/// The name of the file with the inputs.
const FILE: &str = "inputs.txt";

/// Everything the result depends on.
pub(crate) fn inputs(
    source: &KernelSource,
    tools: &Tools,
    configuration: Configuration,
    flags: &[&[&str]],
) -> String {
    let flags: Vec<String> = flags.iter().map(|list| list.join(" ")).collect();
    format!(
        "recipe {RECIPE}\nsource {}\n{}{}\n{}",
        source.identity(),
        tools.versions,
        flags.join("\n"),
        configuration.autoconf()
    )
}

/// Whether `folder` was made from `inputs`.
pub(crate) fn is_current(folder: &Path, inputs: &str) -> bool {
    std::fs::read_to_string(folder.join(FILE)).is_ok_and(|then| then == inputs)
}

/// Forgets what `folder` was made from; to be done before anything in it changes.
pub(crate) fn forget(folder: &Path) -> Result<(), BuildError> {
    let path = folder.join(FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(BuildError::File {
            doing: "remove",
            path,
            error,
        }),
        _ => Ok(()),
    }
}

/// Notes what `folder` was made from; to be done when all of it is there.
pub(crate) fn remember(folder: &Path, inputs: &str) -> Result<(), BuildError> {
    let path = folder.join(FILE);
    std::fs::write(&path, inputs).map_err(|error| BuildError::File {
        doing: "write",
        path,
        error,
    })
}
