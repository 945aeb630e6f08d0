//! One function for each invocation: it packs the parameters into words as the kernel unpacks them.
//!
//! The rule (the kernel's own stub generator has the same): capabilities go beside the message, in order, the first of
//! them being the one invoked. Every other parameter is aligned to its size, or to a word if it is larger; structures
//! take a word for each member. The first four words travel in registers, the others in the IPC buffer.

use std::fmt::Write as _;

use super::interfaces::{Method, Parameter};
use super::names::{constant, snake};

/// Bits of a word.
const WORD: u32 = 64;

/// How many words travel in registers.
const REGISTERS: usize = 4;

/// How a C type is handed over.
enum Kind<'a> {
    Capability,
    /// A number of so many bits, of this Rust type.
    Number(u32, &'static str),
    /// A single bit.
    Switch,
    /// A structure with so many members.
    Structure(&'a str, u32),
}

fn kind_of<'a>(
    parameter: &'a Parameter,
    structures: &[(String, Vec<String>)],
) -> Result<Kind<'a>, String> {
    Ok(match parameter.kind.as_str() {
        "seL4_Bool" => Kind::Switch,
        "seL4_Uint8" => Kind::Number(8, "u8"),
        "seL4_Uint16" => Kind::Number(16, "u16"),
        "int" | "seL4_Uint32" => Kind::Number(32, "u32"),
        "seL4_Word"
        | "seL4_CapData_t"
        | "seL4_PrioProps_t"
        | "seL4_CapRights_t"
        | "seL4_X86_VMAttributes" => Kind::Number(WORD, "u64"),
        "seL4_CPtr" | "seL4_CNode" | "seL4_TCB" | "seL4_Untyped" | "seL4_X64_PML4"
        | "seL4_X86_IOSpace" => Kind::Capability,
        other => {
            let members = structures
                .iter()
                .find(|(name, _)| name == other)
                .map(|(_, members)| members.len());
            let members = members.and_then(|members| u32::try_from(members).ok());
            Kind::Structure(
                other,
                members.ok_or_else(|| format!("a parameter of unknown type: {other}"))?,
            )
        }
    })
}

/// The words of a message: the terms that each is put together from.
#[derive(Default)]
struct Words {
    terms: Vec<Vec<String>>,
    bits: u32,
}

impl Words {
    /// Makes room for so many bits; the number of the word, and how far from its lowest bit.
    fn place(&mut self, bits: u32) -> Result<(usize, u32), String> {
        let at = self.bits.next_multiple_of(bits.min(WORD));
        self.bits = at.checked_add(bits).ok_or("a message too long")?;
        let words = usize::try_from(self.bits.div_ceil(WORD)).map_err(|_| "a message too long")?;
        self.terms.resize(words, Vec::new());
        let (word, shift) = (at / WORD, at % WORD);
        Ok((
            usize::try_from(word).map_err(|_| "a message too long")?,
            shift,
        ))
    }

    fn put(&mut self, word: usize, term: String) {
        if let Some(terms) = self.terms.get_mut(word) {
            terms.push(term);
        }
    }

    fn expression(&self, word: usize) -> String {
        self.terms
            .get(word)
            .filter(|terms| !terms.is_empty())
            .map_or("0".to_owned(), |terms| terms.join(" | "))
    }
}

/// The text of one stub.
pub fn stub(method: &Method, structures: &[(String, Vec<String>)]) -> Result<String, String> {
    let mut parameters = vec!["service: u64".to_owned()];
    let mut capabilities = Vec::new();
    let mut words = Words::default();
    for input in &method.inputs {
        let name = snake(&input.name);
        match kind_of(input, structures)? {
            Kind::Capability => {
                parameters.push(format!("{name}: u64"));
                capabilities.push(name);
            }
            Kind::Switch => {
                let (word, shift) = words.place(1)?;
                words.put(word, shifted(&format!("u64::from({name})"), shift));
                parameters.push(format!("{name}: bool"));
            }
            Kind::Number(bits, rust) => {
                let (word, shift) = words.place(bits)?;
                let value = if bits == WORD {
                    name.clone()
                } else {
                    format!("u64::from({name})")
                };
                words.put(word, shifted(&value, shift));
                parameters.push(format!("{name}: {rust}"));
            }
            Kind::Structure(kind, members) => {
                for member in 0..members {
                    let (word, _) = words.place(WORD)?;
                    words.put(word, format!("{name}.word({member})"));
                }
                parameters.push(format!("{name}: &{}", structure_name(kind)));
            }
        }
    }
    let outputs = outputs(method, structures)?;
    let mut text = String::new();
    let name = format!(
        "{}_{}",
        snake(method.interface.trim_start_matches("seL4_")),
        snake(&method.name)
    );
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        text,
        "/// `{}`, `{}`: label {}.\n#[inline]\npub fn {name}({}) -> crate::Result<{}> {{\n",
        method.interface,
        method.name,
        method.label,
        parameters.join(", "),
        outputs.kind
    );
    for (index, capability) in capabilities.iter().enumerate() {
        let _ = writeln!(
            text,
            "    ipc_buffer::set_extra_cap_word({index}, {capability});"
        );
    }
    for word in REGISTERS..words.terms.len() {
        let _ = writeln!(
            text,
            "    ipc_buffer::set_ipc_buffer_word({word}, {});",
            words.expression(word)
        );
    }
    let registers: Vec<String> = (0..REGISTERS).map(|word| words.expression(word)).collect();
    let _ = write!(
        text,
        "    let info = MessageInfo::new(label::{}, 0, {}, {});\n    let (answer, words) = system::call(service, info, [{}]);\n    Error::check(answer)?;\n    let _ = words;\n    Ok({})\n}}\n",
        constant(&method.id),
        capabilities.len(),
        words.terms.len(),
        registers.join(", "),
        outputs.value
    );
    Ok(text)
}

struct Outputs {
    kind: String,
    value: String,
}

fn outputs(method: &Method, structures: &[(String, Vec<String>)]) -> Result<Outputs, String> {
    let mut words = Words::default();
    let mut kinds = Vec::new();
    let mut values = Vec::new();
    for output in &method.outputs {
        match kind_of(output, structures)? {
            Kind::Number(bits, _) => {
                let (word, shift) = words.place(bits)?;
                let word = format!(
                    "{}{}",
                    received(word),
                    if shift == 0 {
                        String::new()
                    } else {
                        format!(" >> {shift}")
                    }
                );
                kinds.push("u64".to_owned());
                values.push(if bits == WORD {
                    word
                } else {
                    format!("({word}) & {:#x}", low_bits(bits))
                });
            }
            Kind::Structure(kind, members) => {
                let (word, _) =
                    words.place(members.checked_mul(WORD).ok_or("a structure too large")?)?;
                let kind = structure_name(kind);
                values.push(format!(
                    "{kind}::from_words(|word| received(answer, words, word.wrapping_add({word})))"
                ));
                kinds.push(kind);
            }
            Kind::Capability | Kind::Switch => {
                return Err(format!("{} gives back a {}", method.id, output.kind));
            }
        }
    }
    let tuple = |parts: Vec<String>| match parts.as_slice() {
        [] => "()".to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    };
    Ok(Outputs {
        kind: tuple(kinds),
        value: tuple(values),
    })
}

fn received(word: usize) -> String {
    if word < REGISTERS {
        format!("words[{word}]")
    } else {
        format!("ipc_buffer::ipc_buffer_word({word})")
    }
}

/// The Rust name of a structure that invocations take.
pub fn structure_name(kind: &str) -> String {
    kind.trim_start_matches("seL4_").to_owned()
}

fn shifted(value: &str, shift: u32) -> String {
    if shift == 0 {
        value.to_owned()
    } else {
        format!("{value} << {shift}")
    }
}

fn low_bits(bits: u32) -> u64 {
    u64::MAX.checked_shr(WORD.saturating_sub(bits)).unwrap_or(0)
}
