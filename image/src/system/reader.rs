//! Typed access to a parsed document: every value with its place, every mistake collected.

use std::ops::RangeInclusive;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Note, Noted, Place};
use super::wrong::Wrong;

/// A value and where it stands, as an offset into the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located<T> {
    pub value: T,
    pub at: usize,
}

impl<T> Located<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located {
            value: change(self.value),
            at: self.at,
        }
    }
}

/// A table with the name that messages call it by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'t> {
    pub name: &'static str,
    pub at: usize,
    entries: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    pub const fn new(name: &'static str, at: usize, entries: &'t DeTable<'t>) -> Self {
        Self { name, at, entries }
    }

    /// Every key with its place and its value.
    pub fn entries(self) -> impl Iterator<Item = (Located<&'t str>, &'t Spanned<DeValue<'t>>)> {
        self.entries.iter().map(|(key, value)| {
            let key = Located {
                value: key.get_ref().as_ref(),
                at: key.span().start,
            };
            (key, value)
        })
    }

    pub fn get(self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries.get(key)
    }
}

/// Reads one file and remembers what is wrong with it.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    file: &'t Path,
    text: &'t str,
    pub mistakes: Vec<Mistake>,
    pub notes: Vec<Note>,
}

impl<'t> Reader<'t> {
    pub const fn new(file: &'t Path, text: &'t str) -> Self {
        Self {
            file,
            text,
            mistakes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The line of a place, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before
            .filter(|&&byte| byte == b'\n')
            .count()
            .saturating_add(1)
    }

    pub fn wrong(&mut self, at: usize, wrong: Wrong) {
        let place = self.place(at);
        self.mistakes.push(Mistake { place, wrong });
    }

    pub fn note(&mut self, at: usize, noted: Noted) {
        let place = self.place(at);
        self.notes.push(Note { place, noted });
    }

    /// A place as messages name it.
    pub fn place(&self, at: usize) -> Place {
        Place {
            file: self.file.to_owned(),
            line: self.line(at),
        }
    }

    /// Complains about every key of `table` that is not known.
    pub fn only(&mut self, table: Table<'t>, known: &'static [&'static str]) {
        for (key, _) in table.entries() {
            if !known.contains(&key.value) {
                let key_text = key.value.to_owned();
                let table = table.name;
                self.wrong(
                    key.at,
                    Wrong::UnknownKey {
                        key: key_text,
                        table,
                        known,
                    },
                );
            }
        }
    }

    fn required(
        &mut self,
        table: Table<'t>,
        key: &'static str,
    ) -> Option<&'t Spanned<DeValue<'t>>> {
        let found = table.get(key);
        if found.is_none() {
            let table_name = table.name;
            self.wrong(
                table.at,
                Wrong::MissingField {
                    key,
                    table: table_name,
                },
            );
        }
        found
    }

    /// The table that `key` must be, under a heading.
    pub fn table(
        &mut self,
        parent: Table<'t>,
        key: &'static str,
        heading: &'static str,
    ) -> Option<Table<'t>> {
        let Some(found) = parent.get(key) else {
            self.wrong(parent.at, Wrong::MissingSection { heading });
            return None;
        };
        self.as_table(key, heading, found)
    }

    /// The table that `key` may be.
    pub fn optional_table(&mut self, parent: Table<'t>, key: &'static str) -> Option<Table<'t>> {
        let found = parent.get(key)?;
        self.as_table(key, key, found)
    }

    fn as_table(
        &mut self,
        key: &str,
        name: &'static str,
        found: &'t Spanned<DeValue<'t>>,
    ) -> Option<Table<'t>> {
        let table = found.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(key, found, "a table");
        }
        Some(Table::new(name, found.span().start, table?))
    }

    /// The tables that `[[key]]` declares; none if there is no such key.
    pub fn tables(
        &mut self,
        parent: Table<'t>,
        key: &'static str,
        name: &'static str,
    ) -> Vec<Table<'t>> {
        let Some(found) = parent.get(key) else {
            return Vec::new();
        };
        let Some(array) = found.get_ref().as_array() else {
            self.wrong_type(key, found, "tables, each with a heading in double brackets");
            return Vec::new();
        };
        let tables = array.iter().map(|item| self.as_table(key, name, item));
        tables.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// The number that `key` must be.
    pub fn number(
        &mut self,
        table: Table<'t>,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Located<u64>> {
        let found = self.required(table, key)?;
        self.as_number(key, found, range, "a number")
    }

    pub fn as_number(
        &mut self,
        key: &str,
        found: &'t Spanned<DeValue<'t>>,
        range: RangeInclusive<u64>,
        expected: &'static str,
    ) -> Option<Located<u64>> {
        let at = found.span().start;
        let Some(integer) = found.get_ref().as_integer() else {
            self.wrong_type(key, found, expected);
            return None;
        };
        let (key, most) = (key.to_owned(), *range.end());
        let found = integer.to_string();
        if found.starts_with('-') {
            self.wrong(at, Wrong::Negative { key, found });
            return None;
        }
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) if range.contains(&value) => Some(Located { value, at }),
            Ok(found) if found < *range.start() => {
                let least = *range.start();
                self.wrong(at, Wrong::TooSmall { key, found, least });
                None
            }
            _ => {
                self.wrong(at, Wrong::TooLarge { key, found, most });
                None
            }
        }
    }

    /// The text that `key` must be: not empty, and of `most` bytes at most.
    pub fn text(
        &mut self,
        table: Table<'t>,
        key: &'static str,
        most: usize,
    ) -> Option<Located<&'t str>> {
        let found = self.required(table, key)?;
        let at = found.span().start;
        let Some(value) = found.get_ref().as_str() else {
            self.wrong_type(key, found, "text in quotation marks");
            return None;
        };
        let key = key.to_owned();
        if value.trim().is_empty() {
            self.wrong(at, Wrong::EmptyText { key });
            return None;
        }
        if value.len() > most {
            let bytes = value.len();
            self.wrong(at, Wrong::LongText { key, bytes, most });
        }
        // A text that is too long is given back all the same: what refers to it is not wrong as well.
        Some(Located { value, at })
    }

    /// The name that `key` must be: text of lower-case letters, digits and hyphens.
    pub fn name(
        &mut self,
        table: Table<'t>,
        key: &'static str,
        most: usize,
    ) -> Option<Located<&'t str>> {
        let text = self.text(table, key, most)?;
        let mut characters = text.value.chars();
        let begins = characters.next().is_some_and(|c| c.is_ascii_lowercase());
        let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(begins && characters.all(goes_on)) {
            let (key, found) = (key.to_owned(), text.value.to_owned());
            self.wrong(text.at, Wrong::BadName { key, found });
        }
        Some(text)
    }

    /// The truth value that `key` may be; false if it is not there.
    pub fn flag(&mut self, table: Table<'t>, key: &'static str) -> bool {
        let Some(found) = table.get(key) else {
            return false;
        };
        found.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, found, "true or false");
            false
        })
    }

    /// The words that `key` may list.
    pub fn words(&mut self, table: Table<'t>, key: &'static str) -> Vec<Located<&'t str>> {
        let Some(found) = table.get(key) else {
            return Vec::new();
        };
        let Some(array) = found.get_ref().as_array() else {
            self.wrong_type(key, found, "a list of words");
            return Vec::new();
        };
        let mut words = Vec::new();
        for item in array {
            let at = item.span().start;
            match item.get_ref().as_str() {
                None => self.wrong_type(key, item, "words in quotation marks"),
                Some(word) if word.is_empty() || word.contains(char::is_whitespace) => {
                    let found = word.to_owned();
                    self.wrong(at, Wrong::BadWord { found });
                }
                Some(value) => words.push(Located { value, at }),
            }
        }
        words
    }

    /// Whether `key` is there.
    pub fn has(table: Table<'t>, key: &str) -> bool {
        table.get(key).is_some()
    }

    pub fn wrong_type(&mut self, key: &str, found: &Spanned<DeValue<'_>>, expected: &'static str) {
        let key = key.to_owned();
        let kind = found.get_ref().type_str();
        self.wrong(
            found.span().start,
            Wrong::WrongType {
                key,
                found: kind,
                expected,
            },
        );
    }
}
