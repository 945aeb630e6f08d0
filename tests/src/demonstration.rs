//! What the demonstration prints, read back.

/// A line of the demonstration's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The group's label.
    pub label: String,
    /// Tasks: used, limit (none for `max`), peak.
    pub tasks: (u64, Option<u64>, u64),
    /// Frames: used, limit, peak.
    pub frames: (u64, Option<u64>, u64),
    /// Bytes of kernel memory.
    pub kernel_memory: u64,
    /// Refusals of every kind.
    pub refusals: u64,
}

/// The rows of the table in a console's text.
#[must_use]
pub fn table(console: &str) -> Vec<Row> {
    console.lines().filter_map(row).collect()
}

/// The row of the group with this label.
pub fn find<'t>(table: &'t [Row], label: &str) -> Result<&'t Row, String> {
    table
        .iter()
        .find(|row| row.label == label)
        .ok_or_else(|| format!("no line for the group {label}"))
}

/// A line as the root task prints it: the number of the task in brackets, then the cells.
fn row(line: &str) -> Option<Row> {
    let [label, tasks, frames, kernel_memory, refusals] =
        line.split('|').collect::<Vec<_>>().try_into().ok()?;
    Some(Row {
        label: label.rsplit("] ").next()?.trim().to_owned(),
        tasks: three(tasks)?,
        frames: three(frames)?,
        kernel_memory: kernel_memory.trim().parse().ok()?,
        refusals: refusals.trim().parse().ok()?,
    })
}

fn three(cell: &str) -> Option<(u64, Option<u64>, u64)> {
    let [used, limit, peak] = cell
        .split_whitespace()
        .collect::<Vec<_>>()
        .try_into()
        .ok()?;
    let limit = match limit {
        "max" => None,
        number => Some(number.parse().ok()?),
    };
    Some((used.parse().ok()?, limit, peak.parse().ok()?))
}

/// The number that stands between two pieces of text in the first line that has both.
#[must_use]
pub fn number_between(console: &str, before: &str, after: &str) -> Option<f64> {
    console.lines().find_map(|line| {
        let (_, rest) = line.split_once(before)?;
        let (number, _) = rest.split_once(after)?;
        number.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_printed() {
        let console = "
group   |  used  limit  peak |    used    limit    peak |    memory | refusals
[0] bomb    |    20     20    20 |     140      max     140 |    409600 |       17
";
        let rows = table(console);
        let expected = Row {
            label: "bomb".into(),
            tasks: (20, Some(20), 20),
            frames: (140, None, 140),
            kernel_memory: 409_600,
            refusals: 17,
        };
        assert_eq!(rows, [expected]);
        assert!(find(&rows, "hog").is_err());
    }

    #[test]
    fn a_number_is_found_in_its_line() {
        let console = "a: 1 of 2\nthe worker: 59.8 % of all";
        assert_eq!(number_between(console, "worker: ", " %"), Some(59.8));
        assert_eq!(number_between(console, "bomb: ", " %"), None);
    }
}
