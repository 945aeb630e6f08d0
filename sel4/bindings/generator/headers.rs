//! Values and structures from C headers: `enum`s, `#define`s of numbers, and the layout of packed structures.

use std::collections::BTreeMap;

/// What the headers define.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Enumerators and defined numbers.
    values: BTreeMap<String, i64>,
    /// The enumerators of each `enum`, in their order; named after the first one.
    enums: Vec<Vec<String>>,
    /// The members of each structure: name, C type, number of elements.
    structures: BTreeMap<String, Vec<Member>>,
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The type of one element.
    pub kind: String,
    /// How many there are; 1 unless it is an array.
    pub count: String,
}

impl Header {
    /// Takes in one header, of which the conditions are resolved already.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        for line in text.lines() {
            if let Some((name, value)) = line
                .trim()
                .strip_prefix("#define ")
                .and_then(|rest| rest.split_once(' '))
                && let Some(value) = number(value.trim())
            {
                self.values.insert(name.to_owned(), value);
            }
        }
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        let code = code.join("\n");
        for (keyword, body, name_after) in blocks(&code) {
            if keyword.contains("enum") {
                self.read_enum(&body)?;
            } else if keyword.contains("struct") {
                let declared = keyword
                    .split_whitespace()
                    .last()
                    .filter(|word| *word != "struct");
                let name = if name_after.is_empty() {
                    declared.unwrap_or_default()
                } else {
                    &name_after
                };
                self.structures.insert(name.to_owned(), members(&body));
            }
        }
        Ok(())
    }

    fn read_enum(&mut self, body: &str) -> Result<(), String> {
        let mut next = 0;
        let mut names = Vec::new();
        for item in body
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            // Makes the C compiler choose a long; not a value.
            if item.starts_with("SEL4_FORCE_LONG_ENUM") {
                continue;
            }
            let (name, value) = match item.split_once('=') {
                // `CONFIG_NUM_PRIORITIES - 1`: nobody asks for it, and the configuration is the better place to.
                Some((_, value)) if value.contains("CONFIG_") => continue,
                Some((name, value)) => {
                    let value = value.trim();
                    let known = number(value).or_else(|| self.values.get(value).copied());
                    (
                        name.trim(),
                        known.ok_or_else(|| format!("an enumerator of unknown value: {item}"))?,
                    )
                }
                None => (item, next),
            };
            next = value.checked_add(1).ok_or("an enumerator too large")?;
            self.values.insert(name.to_owned(), value);
            names.push(name.to_owned());
        }
        self.enums.push(names);
        Ok(())
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Result<i64, String> {
        self.values
            .get(name)
            .copied()
            .ok_or_else(|| format!("the headers do not define {name}"))
    }

    /// The enumerators of the `enum` that has `name` among them.
    pub fn enumerators(&self, name: &str) -> Result<Vec<(String, i64)>, String> {
        let names = self
            .enums
            .iter()
            .find(|names| names.iter().any(|other| other == name));
        let names = names.ok_or_else(|| format!("no enum has {name}"))?;
        names
            .iter()
            .map(|name| Ok((name.clone(), self.value(name)?)))
            .collect()
    }

    /// Where each member of a packed structure starts, in bytes; and, under the name `""`, where it ends.
    ///
    /// An array of unknown length may only be the last member; the structure ends where it starts.
    pub fn layout(&self, structure: &str) -> Result<Vec<(String, i64)>, String> {
        let members = self
            .structures
            .get(structure)
            .ok_or_else(|| format!("no structure {structure}"))?;
        let mut at: i64 = 0;
        let mut places = Vec::new();
        for member in members {
            places.push((member.name.clone(), at));
            let count = number(&member.count).or_else(|| self.values.get(&member.count).copied());
            let Some(count) = count else { break };
            let size = match member.kind.as_str() {
                "seL4_Uint8" => 1,
                "seL4_Word" | "seL4_NodeId" | "seL4_Domain" | "seL4_CPtr"
                | "seL4_MessageInfo_t" | "seL4_SlotPos" | "seL4_IPCBuffer*" => 8,
                "seL4_SlotRegion" => 16,
                other => return Err(format!("{structure} has a member of unknown size: {other}")),
            };
            at = count
                .checked_mul(size)
                .and_then(|bytes| at.checked_add(bytes))
                .ok_or("a structure too large")?;
        }
        places.push((String::new(), at));
        Ok(places)
    }

    /// Adds a value that the headers define in a way not understood here.
    pub fn define(&mut self, name: &str, value: i64) {
        self.values.insert(name.to_owned(), value);
    }
}

/// Every `… { … } name` of C code without nested braces: what stands before, within, and the name after.
fn blocks(code: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once('{') {
        let keyword = before
            .rsplit([';', '}'])
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let Some((body, after)) = after.split_once('}') else {
            break;
        };
        let trailer = after.split(';').next().unwrap_or_default();
        let name = trailer
            .split_whitespace()
            .find(|word| *word != "SEL4_PACKED" && !word.starts_with("__"));
        found.push((
            keyword,
            body.to_owned(),
            name.unwrap_or_default().to_owned(),
        ));
        rest = after;
    }
    found
}

fn members(body: &str) -> Vec<Member> {
    let mut found = Vec::new();
    for declaration in body
        .split(';')
        .map(str::trim)
        .filter(|declaration| !declaration.is_empty())
    {
        let Some((kind, names)) = declaration.split_once(char::is_whitespace) else {
            continue;
        };
        for name in names.split(',') {
            let (name, count) = match name.trim().split_once('[') {
                Some((name, count)) => (name, count.trim_end_matches(']')),
                None => (name.trim(), "1"),
            };
            found.push(Member {
                name: name.trim().to_owned(),
                kind: kind.to_owned(),
                count: count.to_owned(),
            });
        }
    }
    found
}

fn number(text: &str) -> Option<i64> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
