//! Words that consist of fields: the `.bf` files.

use std::collections::BTreeMap;

/// A field of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// How far its lowest bit is from the word's.
    pub shift: u32,
    /// How many bits it has.
    pub width: u32,
}

/// What the files define.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BitFields {
    blocks: BTreeMap<String, Vec<Field>>,
    tags: BTreeMap<String, Vec<(String, i64)>>,
}

impl BitFields {
    /// Takes in one file, of which the conditions are resolved already.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        while let Some((head, after)) = rest.split_once('{') {
            let (body, after) = after.split_once('}').ok_or("a block that does not end")?;
            let words: Vec<&str> = head.split_whitespace().collect();
            match *words.as_slice() {
                [.., "block", name] => {
                    self.blocks.insert(name.to_owned(), fields(body)?);
                }
                [.., "tagged_union", name, _] => {
                    self.tags.insert(name.to_owned(), tags(body)?);
                }
                _ => return Err(format!("a block of an unknown kind: {head}")),
            }
            rest = after;
        }
        Ok(())
    }

    /// The fields of a block.
    pub fn block(&self, name: &str) -> Result<&[Field], String> {
        self.blocks
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| format!("no block {name}"))
    }

    /// The tags of a tagged union and their numbers.
    pub fn tags(&self, name: &str) -> Result<&[(String, i64)], String> {
        self.tags
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| format!("no tagged union {name}"))
    }
}

/// The fields stand from the highest bit downwards; the last one ends at bit 0.
fn fields(body: &str) -> Result<Vec<Field>, String> {
    let mut found = Vec::new();
    let mut shift: u32 = 0;
    for line in body
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, width) = match *words.as_slice() {
            ["padding", width] => (None, width),
            ["field", name, width] => (Some(name), width),
            _ => return Err(format!("a line of an unknown kind: {line}")),
        };
        let width: u32 = width
            .parse()
            .map_err(|_| format!("a width that is no number: {line}"))?;
        if let Some(name) = name {
            found.push(Field {
                name: name.to_owned(),
                shift,
                width,
            });
        }
        shift = shift.checked_add(width).ok_or("a block too large")?;
    }
    found.reverse();
    Ok(found)
}

fn tags(body: &str) -> Result<Vec<(String, i64)>, String> {
    let mut found = Vec::new();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["tag", name, number] = *words.as_slice() else {
            return Err(format!("a line of an unknown kind: {line}"));
        };
        found.push((
            name.to_owned(),
            number
                .parse()
                .map_err(|_| format!("a tag that is no number: {line}"))?,
        ));
    }
    Ok(found)
}
