//! What each server really received: the guest's `capability` records, as a table or as JSON.

use std::fmt;

use serde::Serialize;
use test_records::{Capability, Record, Rights, split};

use crate::memory_list::MemoryList;

/// Every capability that the root task handed out, in the order in which it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The entries.
    pub capabilities: Vec<Entry>,
    /// Where the machine's memory is.
    pub memory: MemoryList,
}

/// A capability, or a run of equal ones in consecutive slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The server that holds it.
    pub server: String,
    /// The first slot.
    pub slot: u64,
    /// How many consecutive slots hold one each.
    pub count: u64,
    /// The kind of object.
    pub kind: String,
    /// What may be done with it, as in [`Rights`]: `rwg`.
    pub rights: String,
    /// Its badge, if it has one.
    pub badge: Option<u64>,
    /// What else was said of it.
    pub detail: String,
}

impl From<&Capability<'_>> for Entry {
    fn from(capability: &Capability<'_>) -> Self {
        let Capability {
            server,
            slot,
            count,
            kind,
            rights,
            badge,
            detail,
        } = *capability;
        let rights: Rights = rights;
        Self {
            server: server.to_owned(),
            slot,
            count,
            kind: kind.to_owned(),
            rights: rights.to_string(),
            badge,
            detail: detail.to_owned(),
        }
    }
}

impl Report {
    /// Takes note of a console line.
    pub fn line(&mut self, line: &str) {
        match split(line).record {
            Some(Ok(Record::Capability(capability))) => {
                self.capabilities.push(Entry::from(&capability));
            }
            Some(Ok(Record::Figure { name, value })) => self.memory.figure(name, value),
            _ => {}
        }
    }

    /// The servers, in the order in which they appear.
    #[must_use]
    pub fn servers(&self) -> Vec<&str> {
        let mut servers: Vec<&str> = Vec::new();
        for entry in &self.capabilities {
            if !servers.contains(&entry.server.as_str()) {
                servers.push(&entry.server);
            }
        }
        servers
    }

    /// What one server holds.
    pub fn of<'r>(&'r self, server: &'r str) -> impl Iterator<Item = &'r Entry> {
        self.capabilities
            .iter()
            .filter(move |entry| entry.server == server)
    }

    /// The same as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// The headings of the table's columns; the last one is as wide as it needs to be.
const HEADINGS: [&str; 5] = ["slots", "kind", "rights", "badge", "what"];

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, server) in self.servers().into_iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            let total = self
                .of(server)
                .fold(0_u64, |sum, entry| sum.saturating_add(entry.count));
            writeln!(out, "{server}: {total} capabilities")?;
            let mut rows = vec![HEADINGS.map(ToOwned::to_owned)];
            rows.extend(self.of(server).map(row));
            table(out, &rows)?;
        }
        write!(out, "{}", self.memory)
    }
}

fn row(entry: &Entry) -> [String; 5] {
    let last = entry.slot.saturating_add(entry.count.saturating_sub(1));
    let slots = if entry.count == 1 {
        entry.slot.to_string()
    } else {
        format!("{}..={last}", entry.slot)
    };
    let badge = entry
        .badge
        .map_or_else(|| "-".to_owned(), |badge| format!("{badge:#x}"));
    [
        slots,
        entry.kind.clone(),
        entry.rights.clone(),
        badge,
        entry.detail.clone(),
    ]
}

fn table<const COLUMNS: usize>(
    out: &mut fmt::Formatter<'_>,
    rows: &[[String; COLUMNS]],
) -> fmt::Result {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "  {}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        for line in [
            "Booting all finished, dropped to user space",
            "\x1ecapability limits-server 1 1 endpoint r-- - its own",
            "\x1ecapability memory-server 2 1 endpoint -wg 0x4000001 limits-server",
            "\x1ecapability memory-server 64 100 frame r-- - the archive",
            "\x1edone 0 0",
        ] {
            report.line(line);
        }
        report
    }

    #[test]
    fn each_server_has_its_table() {
        assert_eq!(
            report().to_string(),
            "\
limits-server: 1 capabilities
  slots  kind      rights  badge  what
  1      endpoint  r--     -      its own

memory-server: 101 capabilities
  slots     kind      rights  badge      what
  2         endpoint  -wg     0x4000001  limits-server
  64..=163  frame     r--     -          the archive
"
        );
    }

    #[test]
    fn json_says_the_same() {
        let json: serde_json::Value =
            serde_json::from_str(&report().json().expect("encodes")).expect("reads");
        assert_eq!(json["capabilities"][2]["count"], 100);
        assert_eq!(json["capabilities"][1]["badge"], 0x400_0001);
        assert_eq!(json["capabilities"][0]["badge"], serde_json::Value::Null);
    }
}
