//! The benchmarks as the host knows them: their names, and what was measured beside what it should be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

#[path = "../benchmarks/src/plan.rs"]
#[macro_use]
mod plan;

/// A benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Benchmark {
    /// The list that it is in: the argument with which the guest runs it.
    pub list: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: &'static str,
    /// What is done.
    pub what: &'static str,
}

macro_rules! table {
    ($($list:ident { $($name:literal, $unit:literal, $what:literal;)+ })+) => {
        /// Every benchmark, in the order in which they are done.
        pub const ALL: &[Benchmark] = &[
            $($(Benchmark { list: stringify!($list), name: $name, unit: $unit, what: $what },)+)+
        ];
    };
}
every_benchmark!(table);

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The median.
    pub median: u64,
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
    /// How many rounds there were.
    pub rounds: u64,
}

/// What was measured, by name, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub struct Results(Vec<(String, Measured)>);

impl Results {
    /// Takes a figure as the guest records it: `NAME.median` and so on. What is named otherwise is left out.
    pub fn figure(&mut self, name: &str, value: u64) {
        let Some((name, which)) = name.rsplit_once('.') else {
            return;
        };
        let known = self.0.iter().position(|(known, _)| known == name);
        let place = known.unwrap_or_else(|| {
            self.0.push((name.to_owned(), Measured::default()));
            self.0.len().saturating_sub(1)
        });
        let Some((_, measured)) = self.0.get_mut(place) else {
            return;
        };
        match which {
            "median" => measured.median = value,
            "min" => measured.min = value,
            "max" => measured.max = value,
            "rounds" => measured.rounds = value,
            _ => {}
        }
    }

    /// Takes what was measured of one.
    pub fn insert(&mut self, name: &str, measured: Measured) {
        self.0.push((name.to_owned(), measured));
    }

    /// Everything.
    #[must_use]
    pub fn all(&self) -> &[(String, Measured)] {
        &self.0
    }

    /// What was measured of one.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<Measured> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found.next().map(|&(_, measured)| measured)
    }
}

/// What a benchmark may cost.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Budgets {
    /// How much more than its budget a median may be, in per cent: another compiler makes other instructions.
    #[serde(rename = "tolerance-percent")]
    pub tolerance_percent: u64,
    /// The medians.
    pub budgets: BTreeMap<String, u64>,
}

impl Budgets {
    /// Whether a median is within its budget; without one it is.
    #[must_use]
    pub fn admits(&self, name: &str, median: u64) -> bool {
        self.budgets.get(name).is_none_or(|&budget| {
            let allowed = budget.saturating_mul(self.tolerance_percent.saturating_add(100));
            median.saturating_mul(100) <= allowed
        })
    }

    /// Takes what was measured as the budget.
    pub fn update(&mut self, results: &Results) {
        for (name, measured) in results.all() {
            self.budgets.insert(name.clone(), measured.median);
        }
    }

    /// The file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# What each benchmark may cost: its median, in guest instructions (memory-…: bytes). `tests/bench` fails\n\
             # where one costs more; `tests/bench --update` writes what it measured.\n\n",
        );
        let _ = write!(
            text,
            "tolerance-percent = {}\n\n[budgets]\n",
            self.tolerance_percent
        );
        for benchmark in ALL {
            if let Some(budget) = self.budgets.get(benchmark.name) {
                let _ = writeln!(text, "{} = {budget}", benchmark.name);
            }
        }
        text
    }
}

/// What Linux needs.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Linux {
    /// Which kernel.
    pub kernel: String,
    /// By the name of the benchmark that is nearest.
    pub figures: BTreeMap<String, LinuxFigure>,
}

/// What Linux needs for one thing.
#[derive(Clone, Debug, Deserialize)]
pub struct LinuxFigure {
    /// Instructions, or bytes.
    pub instructions: u64,
    /// What was done there.
    pub what: String,
}

/// A number with a comma between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_benchmark_is_there_twice() {
        let mut names: Vec<_> = ALL.iter().map(|benchmark| benchmark.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn figures_are_put_together_by_name() {
        let mut results = Results::default();
        for (name, value) in [("a.median", 2), ("b.median", 5), ("a.min", 1), ("a.max", 3)] {
            results.figure(name, value);
        }
        results.figure("unrelated", 7);
        let a = results.of("a").expect("it was measured");
        assert_eq!((a.median, a.min, a.max), (2, 1, 3));
        assert_eq!(results.all().len(), 2);
    }

    #[test]
    fn a_budget_is_passed_only_beyond_its_tolerance() {
        let budgets = Budgets {
            tolerance_percent: 2,
            budgets: BTreeMap::from([("a".to_owned(), 1000)]),
        };
        assert!(budgets.admits("a", 1020));
        assert!(!budgets.admits("a", 1021));
        assert!(budgets.admits("unknown", u64::MAX));
    }

    #[test]
    fn budgets_are_written_so_that_they_are_read_again() {
        let mut budgets = Budgets {
            tolerance_percent: 2,
            budgets: BTreeMap::new(),
        };
        let mut results = Results::default();
        results.figure("null.median", 500);
        budgets.update(&results);
        assert_eq!(
            toml::from_str::<Budgets>(&budgets.text()).ok(),
            Some(budgets)
        );
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
