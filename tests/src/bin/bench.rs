//! `tests/bench`: boots the benchmarks, prints what was measured, and fails where a budget is passed.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use image::build::{self, Build, Image};
use image::guest::Feature;
use image::progress::Progress;
use image::qemu::{Input, Machine};
use image::system::SystemFile;
use image::toolbox::{Purpose, Toolbox};
use image::verdict::Tally;
use image::workspace::Workspace;
use interfaces::Text;
use sel4_kernel::Profile;
use test_records::{Record, split};
use tests::benchmarks::{ALL, Benchmark, Budgets, Linux, Results, grouped};
use tests::profile;

/// The folder of the benchmarks' files, from the repository's root.
const FOLDER: &str = "tests/benchmarks";
/// The benchmark that the others are compared with.
const NULL: &str = "null";
/// The list of those that only a test build of the limits-server serves.
const LEDGER: &str = "ledger";
/// How long one boot may take.
const LIMIT: Duration = Duration::from_mins(20);

/// Measures what each operation costs, in exact guest instructions, and fails where a budget is passed.
#[derive(Debug, Parser)]
#[command(name = "tests/bench", about)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line, and they are independent"
)]
struct Arguments {
    /// Only benchmarks with this in their name
    #[arg(default_value = "")]
    filter: String,
    /// List the benchmarks and run none
    #[arg(long)]
    list: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the table as README has it
    #[arg(long)]
    markdown: bool,
    /// Write what was measured to the file of budgets
    #[arg(long)]
    update: bool,
    /// Measure the main operations beside many groups and tasks, and far down
    #[arg(long)]
    scale: bool,
    /// Show where the instructions of one benchmark go
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("tests/bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked; whether every median is within its budget.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let chosen: Vec<&Benchmark> = ALL
        .iter()
        .filter(|benchmark| benchmark.name.contains(&arguments.filter))
        .collect();
    if arguments.list {
        for benchmark in chosen {
            println!("{:<24}{}", benchmark.name, benchmark.what);
        }
        return Ok(true);
    }
    let bench = Bench {
        workspace: Workspace::here(),
        tools: Toolbox::find(Purpose::Boot).map_err(|missing| missing.to_string())?,
    };
    if let Some(name) = &arguments.profile {
        return bench.profile(name);
    }
    if arguments.scale {
        let results = bench.measure("scale", "")?;
        print!("{}", scale_table(&results));
        return Ok(true);
    }
    if chosen.is_empty() {
        return Err(format!(
            "no benchmark has `{}` in its name",
            arguments.filter
        ));
    }
    let mut results = Results::default();
    for list in ["calls", LEDGER] {
        if chosen.iter().any(|benchmark| benchmark.list == list) {
            for (name, measured) in bench.measure(list, &arguments.filter)?.all() {
                results.insert(name, *measured);
            }
        }
    }
    let mut budgets: Budgets = bench.read("budgets.toml")?;
    if arguments.update {
        budgets.update(&results);
        let path = bench.path("budgets.toml");
        std::fs::write(&path, budgets.text())
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if arguments.json {
        println!("{}", json(&chosen, &results, &budgets)?);
    } else if arguments.markdown {
        let (linux, goals) = (bench.read("linux-6.12.toml")?, bench.read("goals.toml")?);
        print!("{}", markdown(&chosen, &results, &linux, &goals));
    } else {
        let (linux, goals) = (bench.read("linux-6.12.toml")?, bench.read("goals.toml")?);
        print!("{}", table(&chosen, &results, &budgets, &linux, &goals));
    }
    let mut within = true;
    for benchmark in chosen {
        let Some(measured) = results.of(benchmark.name) else {
            return Err(format!("{} was not measured", benchmark.name));
        };
        if !budgets.admits(benchmark.name, measured.median) {
            eprintln!(
                "{}: the median {} is beyond the budget",
                benchmark.name,
                grouped(measured.median)
            );
            within = false;
        }
    }
    Ok(within)
}

/// Where things are.
struct Bench {
    workspace: Workspace,
    tools: Toolbox,
}

impl Bench {
    fn path(&self, file: &str) -> PathBuf {
        self.workspace.root().join(FOLDER).join(file)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, file: &str) -> Result<T, String> {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Builds the system that runs a list of benchmarks.
    ///
    /// The ledger's own are asked from a client: that takes a limits-server that serves it as if it were a server.
    fn image(&self, list: &str, filter: &str, of_ledger: bool) -> Result<Image, String> {
        let file = self.path("system.toml");
        let mut system = SystemFile::load(&file, Path::new("tests/benchmarks/system.toml"))
            .map_err(|error| error.to_string())?;
        for start in &mut system.system.starts {
            start.arguments = Text::cut(&format!("{list} {filter}"));
        }
        let features = if of_ledger {
            vec![Feature("limits-server/bench".to_owned())]
        } else {
            Vec::new()
        };
        let build = Build {
            system,
            profile: Profile::Release,
            features,
            out: self.workspace.images().join(format!("bench-{list}")),
        };
        build
            .run(
                &self.workspace,
                &self.tools,
                &mut Progress::new(build::STEPS),
            )
            .map_err(|error| error.to_string())
    }

    /// Boots a list of benchmarks and gives what was measured.
    fn measure(&self, list: &str, filter: &str) -> Result<Results, String> {
        let image = self.image(list, filter, list == LEDGER)?;
        let machine = Machine {
            icount: true,
            ..Machine::of(&image)
        };
        let qemu = self.tools.qemu().map_err(|missing| missing.to_string())?;
        let log = image.archive.with_file_name("console.log");
        let mut console = std::fs::File::create(log).map_err(|error| error.to_string())?;
        let (mut results, mut tally) = (Results::default(), Tally::new());
        let ending = machine
            .run(qemu, LIMIT, Input::None, &mut |line| {
                // The log is for people; a run is not worse for its lack.
                let _ = writeln!(console, "{line}");
                tally.line(line);
                if let Some(Ok(Record::Figure { name, value })) = split(line).record {
                    results.figure(name, value);
                }
            })
            .map_err(|error| error.to_string())?;
        match tally.verdict(ending) {
            Ok(()) => Ok(results),
            Err(failure) => {
                for line in tally.last_lines() {
                    eprintln!("  | {line}");
                }
                Err(format!("{failure} ({ending})"))
            }
        }
    }

    fn profile(&self, name: &str) -> Result<bool, String> {
        let found = ALL.iter().find(|benchmark| benchmark.name == name);
        let benchmark =
            found.ok_or_else(|| format!("no benchmark is called `{name}`; see --list"))?;
        let image = self.image("profile", name, benchmark.list == LEDGER)?;
        let qemu = self.tools.qemu().map_err(|missing| missing.to_string())?;
        print!("{}", profile::profile(&image, qemu)?);
        Ok(true)
    }
}

/// What was measured, beside what it should be.
fn table(
    chosen: &[&Benchmark],
    results: &Results,
    budgets: &Budgets,
    linux: &Linux,
    goals: &std::collections::BTreeMap<String, u64>,
) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:<24}{:>10}{:>10}{:>12}{:>8}{:>8}{:>10}{:>10}{:>10}\n",
        "instructions", "median", "min", "max", "rounds", "x null", "budget", "goal", "Linux"
    );
    let null = results.of(NULL).map_or(0, |null| null.median);
    let shown = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
    for benchmark in chosen {
        let Some(measured) = results.of(benchmark.name) else {
            continue;
        };
        let ratio = match measured.median.saturating_mul(10).checked_div(null) {
            Some(tenths) if benchmark.unit == "instructions" => {
                format!("{}.{}", tenths / 10, tenths % 10)
            }
            _ => "-".to_owned(),
        };
        let name = match benchmark.unit {
            "instructions" => benchmark.name.to_owned(),
            unit => format!("{} ({unit})", benchmark.name),
        };
        let _ = writeln!(
            text,
            "{name:<24}{:>10}{:>10}{:>12}{:>8}{ratio:>8}{:>10}{:>10}{:>10}{}",
            grouped(measured.median),
            grouped(measured.min),
            grouped(measured.max),
            measured.rounds,
            shown(budgets.budgets.get(benchmark.name).copied()),
            shown(goals.get(benchmark.name).copied()),
            shown(
                linux
                    .figures
                    .get(benchmark.name)
                    .map(|figure| figure.instructions)
            ),
            if budgets.admits(benchmark.name, measured.median) {
                ""
            } else {
                "  BEYOND ITS BUDGET"
            },
        );
    }
    let _ = writeln!(
        text,
        "Linux: {} (tests/benchmarks/linux-6.12.toml says what was done there)",
        linux.kernel
    );
    text
}

/// The table of README: what has something to be compared with.
fn markdown(
    chosen: &[&Benchmark],
    results: &Results,
    linux: &Linux,
    goals: &std::collections::BTreeMap<String, u64>,
) -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "| operation | what is done | Linux, cgroup v2 | Hurdle | aimed at |\n|---|---|---:|---:|---:|\n",
    );
    let shown = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), grouped);
    for benchmark in chosen {
        let figure = linux.figures.get(benchmark.name);
        let goal = goals.get(benchmark.name).copied();
        let (Some(measured), true) = (
            results.of(benchmark.name),
            figure.is_some() || goal.is_some(),
        ) else {
            continue;
        };
        let unit = match benchmark.unit {
            "instructions" => String::new(),
            unit => format!(" {unit}"),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {}{unit} | {} |",
            benchmark.name,
            benchmark.what,
            shown(figure.map(|figure| figure.instructions)),
            grouped(measured.median),
            shown(goal),
        );
    }
    text
}

/// What was measured beside many, and how much more that is than beside the fewest.
fn scale_table(results: &Results) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:<24}{:>14}{:>10}{:>10}\n",
        "instructions", "beside", "median", "more"
    );
    for (name, measured) in results.all() {
        let Some((operation, beside)) = name.split_once('@') else {
            continue;
        };
        // Beside the tasks are all the groups; the first of all is beside next to nothing.
        let alone = format!("{operation}@");
        let first = results
            .all()
            .iter()
            .find(|(other, _)| other.starts_with(&alone));
        let first = first.map_or(measured.median, |(_, first)| first.median);
        let more = measured
            .median
            .saturating_sub(first)
            .saturating_mul(1000)
            .checked_div(first)
            .unwrap_or(0);
        let _ = writeln!(
            text,
            "{operation:<24}{beside:>14}{:>10}{:>8}.{} %",
            grouped(measured.median),
            more / 10,
            more % 10
        );
    }
    text
}

fn json(chosen: &[&Benchmark], results: &Results, budgets: &Budgets) -> Result<String, String> {
    let entries: Vec<serde_json::Value> = chosen
        .iter()
        .filter_map(|benchmark| {
            let measured = results.of(benchmark.name)?;
            Some(serde_json::json!({
                "name": benchmark.name,
                "unit": benchmark.unit,
                "median": measured.median,
                "min": measured.min,
                "max": measured.max,
                "rounds": measured.rounds,
                "budget": budgets.budgets.get(benchmark.name),
            }))
        })
        .collect();
    serde_json::to_string_pretty(&entries).map_err(|error| error.to_string())
}
