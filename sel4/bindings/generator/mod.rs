//! The kernel's own description of itself, turned into Rust.
//!
//! Numbers depend on the configuration (a feature that is on shifts every number after it), so none of them is written
//! by hand anywhere: each is read from the file that the kernel is built from, under the configuration it is built
//! with. What has a name in the kernel's files keeps it, in Rust's spelling.
//!
//! The generated text has constants, two structures, and one stub for each invocation. The typed interface that
//! programs use sits on them, by hand.

mod bit_fields;
mod conditions;
mod emit;
mod headers;
pub mod interfaces;
mod names;
pub mod stubs;

use std::path::Path;

use sel4_kernel::{Configuration, KernelSource, Profile};

/// Every file that is read, relative to the kernel's folder.
pub const INPUTS: &[&str] = &[
    SYSTEM_CALLS,
    INTERFACES[0],
    INTERFACES[1],
    INTERFACES[2],
    "libsel4/include/sel4/shared_types_64.bf",
    "libsel4/include/sel4/types_64.bf",
    "libsel4/arch_include/x86/sel4/arch/shared_types.bf",
    "libsel4/include/sel4/errors.h",
    "libsel4/include/sel4/constants.h",
    "libsel4/include/sel4/types.h",
    "libsel4/include/sel4/shared_types.h",
    "libsel4/include/sel4/bootinfo_types.h",
    "libsel4/include/sel4/objecttype.h",
    "libsel4/sel4_arch_include/x86_64/sel4/sel4_arch/objecttype.h",
    "libsel4/sel4_arch_include/x86_64/sel4/sel4_arch/constants.h",
    "libsel4/arch_include/x86/sel4/arch/objecttype.h",
    "libsel4/arch_include/x86/sel4/arch/types.h",
];

/// The system calls.
const SYSTEM_CALLS: &str = "libsel4/include/api/syscall.xml";

/// The interfaces, in the order in which their labels are counted.
const INTERFACES: [&str; 3] = [
    "libsel4/include/interfaces/sel4.xml",
    "libsel4/sel4_arch_include/x86_64/interfaces/sel4arch.xml",
    "libsel4/arch_include/x86/interfaces/sel4arch.xml",
];

/// The whole generated text.
pub fn generate(source: &KernelSource) -> Result<String, String> {
    let release = Description::read(source, Configuration::of(Profile::Release))?;
    let debug = Description::read(source, Configuration::of(Profile::Debug))?;
    // One set of bindings serves both kernels.
    if release.methods != debug.methods || release.header != debug.header {
        return Err("the release and the debug kernel have different interfaces".to_owned());
    }
    emit::emit(&release, &debug)
}

/// What the kernel's files say under one configuration.
#[derive(Debug)]
pub struct Description {
    /// Every invocation that exists, with its label, in the order of the labels.
    pub methods: Vec<interfaces::Method>,
    /// The structures that invocations take, and their members.
    pub structures: Vec<(String, Vec<String>)>,
    /// The system calls and their numbers.
    pub system_calls: Vec<(String, i64)>,
    /// Names with values, from the headers.
    pub header: headers::Header,
    /// Fields of words, from the bit-field files.
    pub bit_fields: bit_fields::BitFields,
}

impl Description {
    /// Reads every file.
    pub fn read(source: &KernelSource, configuration: Configuration) -> Result<Self, String> {
        let text = |path: &str| {
            std::fs::read_to_string(source.path(path))
                .map_err(|error| format!("cannot read {path}: {error}"))
        };
        let mut methods = Vec::new();
        let mut structures = Vec::new();
        for path in INTERFACES {
            let xml = text(path)?;
            interfaces::read(&xml, configuration, &mut methods, &mut structures)
                .map_err(|error| format!("{path}: {error}"))?;
        }
        let system_calls = interfaces::system_calls(&text(SYSTEM_CALLS)?, configuration)
            .map_err(|error| format!("{SYSTEM_CALLS}: {error}"))?;
        let mut header = headers::Header::default();
        let mut bit_fields = bit_fields::BitFields::default();
        for path in INPUTS {
            let visible = || conditions::visible(&text(path)?, configuration);
            let extension = Path::new(path)
                .extension()
                .and_then(|extension| extension.to_str());
            if extension == Some("h") {
                visible()
                    .and_then(|text| header.read(&text))
                    .map_err(|error| format!("{path}: {error}"))?;
            } else if extension == Some("bf") {
                visible()
                    .and_then(|text| bit_fields.read(&text))
                    .map_err(|error| format!("{path}: {error}"))?;
            }
        }
        // A macro of the headers, `BIT(n) - 1`.
        let bits = u32::try_from(header.value("seL4_MsgExtraCapBits")?)
            .map_err(|error| error.to_string())?;
        let most = 1_i64
            .checked_shl(bits)
            .and_then(|power| power.checked_sub(1));
        header.define(
            "seL4_MsgMaxExtraCaps",
            most.ok_or("too many capabilities in a message")?,
        );
        Ok(Self {
            methods,
            structures,
            system_calls,
            header,
            bit_fields,
        })
    }
}
