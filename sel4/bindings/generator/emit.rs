//! The generated text, put together.

use std::fmt::Write as _;

use super::Description;
use super::names::{constant, snake};
use super::stubs;

/// The words with fields that programs build or take apart.
const WORDS: [(&str, &str); 5] = [
    ("seL4_MessageInfo", "message_info"),
    ("seL4_PrioProps", "priorities"),
    ("seL4_CapRights", "cap_rights"),
    ("Guard", "guard"),
    ("Badge", "badge"),
];

/// The enums that become modules of constants: one of the enumerators, what to leave off, the module.
const ENUMS: [(&str, &str, &str); 8] = [
    ("seL4_NoError", "seL4_", "error"),
    ("seL4_CapNull", "seL4_Cap", "initial_slot"),
    ("seL4_VMFault_IP", "seL4_VMFault_", "vm_fault"),
    ("seL4_CapFault_IP", "seL4_CapFault_", "cap_fault"),
    (
        "seL4_UnknownSyscall_RAX",
        "seL4_UnknownSyscall_",
        "unknown_syscall",
    ),
    (
        "seL4_UserException_FaultIP",
        "seL4_UserException_",
        "user_exception",
    ),
    ("seL4_NoFailure", "seL4_", "lookup_failure"),
    ("seL4_X86_WriteBack", "seL4_X86_", "vm_attributes"),
];

/// The enums with the types of objects: numbered on from one to the next, each ending with a count.
const OBJECT_TYPES: [&str; 3] = ["seL4_UntypedObject", "seL4_X86_PDPTObject", "seL4_X86_4K"];

/// Single numbers: their name in the headers, and what they say.
const NUMBERS: [(&str, &str); 15] = [
    ("seL4_MsgMaxLength", "Words of the longest message."),
    (
        "seL4_MsgExtraCapBits",
        "Bits of the number of capabilities sent along.",
    ),
    ("seL4_BadgeBits", "Bits of a badge."),
    (
        "seL4_UntypedRetypeMaxObjects",
        "Objects that one retype may make.",
    ),
    (
        "seL4_SlotBits",
        "A slot of a `CNode` takes two to this power bytes.",
    ),
    ("seL4_TCBBits", "A thread takes two to this power bytes."),
    (
        "seL4_EndpointBits",
        "An endpoint takes two to this power bytes.",
    ),
    (
        "seL4_NotificationBits",
        "A notification takes two to this power bytes.",
    ),
    (
        "seL4_PageBits",
        "A small frame has two to this power bytes.",
    ),
    (
        "seL4_LargePageBits",
        "A large frame has two to this power bytes.",
    ),
    (
        "seL4_PageTableBits",
        "A page table takes two to this power bytes.",
    ),
    (
        "seL4_PageDirBits",
        "A page directory takes two to this power bytes.",
    ),
    (
        "seL4_PDPTBits",
        "A page-directory-pointer table takes two to this power bytes.",
    ),
    (
        "seL4_PML4Bits",
        "A root of an address space takes two to this power bytes.",
    ),
    (
        "seL4_ASIDPoolBits",
        "A pool of address-space numbers takes two to this power bytes.",
    ),
];

/// The structures whose members' places are given.
const LAYOUTS: [(&str, &str); 3] = [
    ("seL4_BootInfo", "boot_info"),
    ("seL4_UntypedDesc", "untyped_description"),
    ("seL4_IPCBuffer", "ipc_buffer_layout"),
];

/// The whole text. Both descriptions agree but for the system calls.
pub fn emit(release: &Description, debug: &Description) -> Result<String, String> {
    let mut text = String::from("// Written by the build script from the kernel's own files.\n\n");
    labels(&mut text, release);
    system_calls(&mut text, release, debug);
    for (name, explanation) in NUMBERS {
        let value = release.header.value(name)?;
        let _ = writeln!(
            text,
            "/// {explanation}\npub const {}: u64 = {value};",
            constant(name.trim_start_matches("seL4_"))
        );
    }
    for (first, prefix, module) in ENUMS {
        let values = release.header.enumerators(first)?;
        constants(&mut text, module, prefix, &values);
    }
    object_types(&mut text, release)?;
    constants(
        &mut text,
        "fault",
        "",
        release.bit_fields.tags("seL4_Fault")?,
    );
    constants(
        &mut text,
        "cap_data",
        "",
        release.bit_fields.tags("seL4_CapData")?,
    );
    for (block, module) in WORDS {
        let _ = writeln!(text, "\n/// The fields of `{block}`.\npub mod {module} {{");
        for field in release.bit_fields.block(block)? {
            let name = constant(&field.name);
            let _ = writeln!(
                text,
                "    /// How far `{}` is from bit 0.\n    pub const {name}_SHIFT: u32 = {};",
                field.name, field.shift
            );
            let _ = writeln!(
                text,
                "    /// Bits of `{}`.\n    pub const {name}_BITS: u32 = {};",
                field.name, field.width
            );
        }
        text.push_str("}\n");
    }
    layouts(&mut text, release)?;
    for (name, members) in &release.structures {
        // The other one is for guests of the kernel's virtualisation, which is off.
        if name == "seL4_UserContext" {
            structure(&mut text, &stubs::structure_name(name), members);
        }
    }
    for method in &release.methods {
        text.push('\n');
        text.push_str(&stubs::stub(method, &release.structures)?);
    }
    Ok(text)
}

fn labels(text: &mut String, description: &Description) {
    text.push_str("/// What is asked of a capability.\npub mod label {\n");
    for method in &description.methods {
        let _ = writeln!(
            text,
            "    /// `{}`, `{}`.\n    pub const {}: u64 = {};",
            method.interface,
            method.name,
            constant(&method.id),
            method.label
        );
    }
    text.push_str("}\n");
}

fn system_calls(text: &mut String, release: &Description, debug: &Description) {
    text.push_str("\n/// What is asked of the kernel.\npub mod system_call {\n");
    for (name, number) in &debug.system_calls {
        let only = if release.system_calls.iter().any(|(other, _)| other == name) {
            ""
        } else {
            " Only in the debug kernel."
        };
        let _ = writeln!(
            text,
            "    /// `{name}`.{only}\n    pub const {}: i64 = {number};",
            constant(name)
        );
    }
    text.push_str("}\n\n");
}

fn constants(text: &mut String, module: &str, prefix: &str, values: &[(String, i64)]) {
    let _ = writeln!(
        text,
        "\n/// Values of the kernel's headers.\npub mod {module} {{"
    );
    for (name, value) in values {
        let short = name
            .strip_prefix(prefix)
            .unwrap_or_else(|| name.trim_start_matches("seL4_"));
        let _ = writeln!(
            text,
            "    /// `{name}`.\n    pub const {}: u64 = {value};",
            constant(short)
        );
    }
    text.push_str("}\n");
}

fn object_types(text: &mut String, description: &Description) -> Result<(), String> {
    let mut values = Vec::new();
    for first in OBJECT_TYPES {
        let mut types = description.header.enumerators(first)?;
        // The count, where the next enum goes on.
        types.pop();
        values.extend(types);
    }
    for (index, (name, value)) in values.iter().enumerate() {
        if i64::try_from(index) != Ok(*value) {
            return Err(format!(
                "{name} is {value}, and {index} was expected: a type of object is missing here"
            ));
        }
    }
    constants(text, "object_type", "seL4_", &values);
    Ok(())
}

fn layouts(text: &mut String, description: &Description) -> Result<(), String> {
    for (structure, module) in LAYOUTS {
        let _ = writeln!(
            text,
            "\n/// Where the members of `{structure}` start, in bytes.\npub mod {module} {{"
        );
        for (member, place) in description.header.layout(structure)? {
            if member.is_empty() {
                let _ = writeln!(
                    text,
                    "    /// Where it ends.\n    pub const END: usize = {place};"
                );
            } else {
                let _ = writeln!(
                    text,
                    "    /// `{member}`.\n    pub const {}: usize = {place};",
                    constant(&member)
                );
            }
        }
        text.push_str("}\n");
    }
    Ok(())
}

fn structure(text: &mut String, name: &str, members: &[String]) {
    let _ = writeln!(
        text,
        "\n/// A thread's registers, as the invocations that read and write them order them.\n#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]\npub struct {name} {{"
    );
    for member in members {
        let _ = writeln!(
            text,
            "    /// The register `{member}`.\n    pub {}: u64,",
            snake(member)
        );
    }
    let _ = writeln!(
        text,
        "}}\n\nimpl {name} {{\n    /// How many registers.\n    pub const WORDS: usize = {};\n",
        members.len()
    );
    text.push_str("    #[inline(always)]\n    const fn word(&self, index: usize) -> u64 {\n        match index {\n");
    for (index, member) in members.iter().enumerate() {
        let _ = writeln!(text, "            {index} => self.{},", snake(member));
    }
    text.push_str("            _ => 0,\n        }\n    }\n\n    #[inline(always)]\n    fn from_words(word: impl Fn(usize) -> u64) -> Self {\n        Self {\n");
    for (index, member) in members.iter().enumerate() {
        let _ = writeln!(text, "            {}: word({index}),", snake(member));
    }
    text.push_str("        }\n    }\n}\n");
}
