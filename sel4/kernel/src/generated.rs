//! The headers that the kernel's own generators write: bit fields, invocation labels, system call numbers.
//!
//! The generators are Python scripts that keep tables beside themselves, so they run from a copy.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{Place, write};
use crate::{BuildError, Tools, command};

/// The bit-field files: where each stands in the source, and the header made from it.
const BIT_FIELDS: [(&str, &str); 3] = [
    (
        "include/64/mode/api/shared_types.bf",
        "64/mode/api/shared_types_gen.h",
    ),
    (
        "include/arch/x86/arch/object/structures.bf",
        "arch/object/structures_gen.h",
    ),
    (
        "include/plat/pc99/plat/64/plat_mode/machine/hardware.bf",
        "plat/64/plat_mode/machine/hardware_gen.h",
    ),
];

/// The interface files: which flag of the generator, which file, which header.
const INVOCATIONS: [(Option<&str>, &str, &str); 3] = [
    (
        None,
        "libsel4/include/interfaces/sel4.xml",
        "api/invocation.h",
    ),
    (
        Some("--sel4_arch"),
        "libsel4/sel4_arch_include/x86_64/interfaces/sel4arch.xml",
        "arch/api/sel4_invocation.h",
    ),
    (
        Some("--arch"),
        "libsel4/arch_include/x86/interfaces/sel4arch.xml",
        "arch/api/invocation.h",
    ),
];

/// What the generators consist of.
const SCRIPTS: [&str; 5] = [
    "bitfield_gen.py",
    "lex.py",
    "umm.py",
    "invocation_header_gen.py",
    "syscall_header_gen.py",
];

/// Writes all of them below `folder`.
pub(crate) fn headers(place: &Place<'_>) -> Result<(), BuildError> {
    let Place {
        source,
        tools,
        folder,
        ..
    } = *place;
    let scripts = folder.join("tools");
    for script in SCRIPTS {
        let from = source.path("tools").join(script);
        let text = std::fs::read(&from).map_err(|error| BuildError::File {
            doing: "read",
            path: from,
            error,
        })?;
        write(&scripts.join(script), &text)?;
    }
    for (number, (bit_field, header)) in BIT_FIELDS.into_iter().enumerate() {
        let expanded = command::run(
            "expanding a bit-field file",
            place
                .gcc()
                .args(["-P", "-E", "-x", "c"])
                .arg(source.path(bit_field)),
        )?;
        let input = folder.join(format!("bitfield{number}.pbf"));
        write(&input, &expanded)?;
        let output = make_room(folder, header)?;
        command::run(
            "generating the bit fields",
            python(tools, &scripts, "bitfield_gen.py")
                .arg(&input)
                .arg(&output),
        )?;
    }
    for (flag, xml, header) in INVOCATIONS {
        let output = make_room(folder, header)?;
        command::run(
            "generating the invocation labels",
            python(tools, &scripts, "invocation_header_gen.py")
                .args(flag)
                .arg("--xml")
                .arg(source.path(xml))
                .arg("--dest")
                .arg(&output),
        )?;
    }
    let output = make_room(folder, "arch/api/syscall.h")?;
    command::run(
        "generating the system call numbers",
        python(tools, &scripts, "syscall_header_gen.py")
            .arg("--xml")
            .arg(source.path("include/api/syscall.xml"))
            .arg("--kernel_header")
            .arg(&output),
    )?;
    Ok(())
}

fn python(tools: &Tools, scripts: &Path, script: &str) -> Command {
    let mut command = Command::new(&tools.python);
    command.current_dir(scripts).arg(scripts.join(script));
    command
}

fn make_room(folder: &Path, header: &str) -> Result<PathBuf, BuildError> {
    let path = folder.join(header);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| BuildError::File {
            doing: "create",
            path: parent.to_owned(),
            error,
        })?;
    }
    Ok(path)
}
