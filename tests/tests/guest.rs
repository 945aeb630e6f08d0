//! Everything that needs QEMU, one line a case: the guest's suite, a system that breaks a rule on purpose, the report
//! of all capabilities, and the demonstration.
//!
//! Cases run one after another, in their order: a boot begins when its first case is asked for, and each line comes as
//! the guest reports it.

use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use image::build::Image;
use image::qemu::Ending;
use image::verdict::Failure;
use image::workspace::Workspace;
use interfaces::system::Mode;
use libtest_mimic::{Arguments, Failed, Trial};
use sel4_kernel::Profile;
use tests::boot::{Boot, Over, System};
use tests::cases;
use tests::demonstration::{Row, find, number_between, table};

mod capabilities;

/// The case that fails so that it can be seen that failures are seen.
const FAILS: &str = "deviant::this_case_fails_on_purpose";
/// The cases that are the harness's own, in one boot each.
const THERE_ARE_CASES: &str = "harness::there_are_cases";
const A_FAILURE_IS_SEEN: &str = "harness::a_failing_case_is_reported_as_failing";
const INJECTION_ENDED: &str = "harness::every_planned_injection_ended_and_the_suite_said_so";
const EVERY_CAPABILITY: &str = "report::every_capability_is_in_the_plan_and_no_other";
const OWN_MEMORY: &str =
    "report::kernel_and_servers_keep_less_than_32_mib_with_room_for_65536_groups";
/// What the kernel and the servers may keep of `image/system.toml`'s machine, in bytes.
const MOST_KEPT: u64 = 32 << 20;
/// The same with room for 4,096 groups.
const OWN_MEMORY_SMALL: &str =
    "report::kernel_and_servers_keep_less_than_16_mib_with_room_for_4096_groups";
/// What may be kept of that.
const MOST_KEPT_SMALL: u64 = 16 << 20;
/// The share of all instructions that the demonstration's worker must get, in per cent.
const LEAST_SHARE: f64 = 40.0;

const SUITE_SYSTEM: System = System {
    file: "tests/suite.toml",
    mode: Mode::Run,
    profile: Profile::Release,
    features: &[],
    folder: "suite",
};

const DEVIANT_SYSTEM: System = System {
    file: "tests/deviant.toml",
    mode: Mode::Run,
    profile: Profile::Release,
    features: &["proc-server/test-omit-ticket", "memory-server/test-spoil"],
    folder: "deviant",
};

const INJECTION_SYSTEM: System = System {
    file: "tests/injection.toml",
    mode: Mode::Run,
    profile: Profile::Release,
    features: &[
        "limits-server/injection",
        "memory-server/injection",
        "proc-server/injection",
    ],
    folder: "injection",
};

const REPORT_SYSTEM: System = System {
    file: "image/system.toml",
    mode: Mode::Report,
    profile: Profile::Debug,
    features: &[],
    folder: "report",
};

const SMALL_SYSTEM: System = System {
    file: "tests/small.toml",
    mode: Mode::Report,
    profile: Profile::Debug,
    features: &[],
    folder: "small",
};

const LONG_SYSTEM: System = System {
    file: "tests/long.toml",
    mode: Mode::Run,
    profile: Profile::Release,
    features: &[],
    folder: "long",
};

type Built = LazyLock<Result<Image, String>>;
static SUITE_IMAGE: Built = LazyLock::new(|| SUITE_SYSTEM.build());
static DEVIANT_IMAGE: Built = LazyLock::new(|| DEVIANT_SYSTEM.build());
static INJECTION_IMAGE: Built = LazyLock::new(|| INJECTION_SYSTEM.build());
static LONG_IMAGE: Built = LazyLock::new(|| LONG_SYSTEM.build());
static SMALL_IMAGE: Built = LazyLock::new(|| SMALL_SYSTEM.build());
static REPORT_IMAGE: Built = LazyLock::new(|| REPORT_SYSTEM.build());

type Booted = LazyLock<Arc<Boot>>;
static SUITE: Booted = LazyLock::new(|| Boot::start(SUITE_IMAGE.clone(), Duration::from_mins(15)));
static DEVIANT: Booted =
    LazyLock::new(|| Boot::start(DEVIANT_IMAGE.clone(), Duration::from_mins(3)));
static INJECTION: Booted =
    LazyLock::new(|| Boot::start(INJECTION_IMAGE.clone(), Duration::from_mins(15)));
static LONG: Booted =
    LazyLock::new(|| Boot::start_aloud(LONG_IMAGE.clone(), Duration::from_hours(2)));
static SMALL: Booted = LazyLock::new(|| Boot::start(SMALL_IMAGE.clone(), Duration::from_mins(3)));
static REPORT: Booted = LazyLock::new(|| Boot::start(REPORT_IMAGE.clone(), Duration::from_mins(3)));

/// What `image/boot` said, and whether its status was 0.
static DEMONSTRATION: LazyLock<Result<(bool, String), String>> = LazyLock::new(|| {
    let root = Workspace::here().root().to_owned();
    let output = Command::new(root.join("image/boot"))
        // As if a newcomer typed it, without what Cargo tells its tests.
        .env_remove("CARGO_MANIFEST_DIR")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("image/boot: {error}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        // The progress and whatever was wrong: of no interest otherwise.
        eprint!("{}", said(&output.stderr));
    }
    Ok((output.status.success(), said(&output.stdout)))
});

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    // `cargo test --quiet` is about Cargo; a line a case stays.
    arguments.quiet = false;
    if !arguments.list {
        build(&arguments);
    }
    libtest_mimic::run(&arguments, trials()).exit_code()
}

/// Builds the images that the chosen cases need, before their lines begin.
fn build(arguments: &Arguments) {
    let chosen = |name: &str| {
        arguments
            .filter
            .as_ref()
            .is_none_or(|filter| name.contains(filter))
    };
    let any =
        |names: &[&str], harness: &str| names.iter().any(|name| chosen(name)) || chosen(harness);
    let built = [
        any(cases::system(), THERE_ARE_CASES).then_some(("the suite", &SUITE_IMAGE)),
        any(cases::deviant(), A_FAILURE_IS_SEEN).then_some(("the deviant system", &DEVIANT_IMAGE)),
        any(cases::injection(), INJECTION_ENDED).then_some(("servers that fail", &INJECTION_IMAGE)),
        any(&[OWN_MEMORY], EVERY_CAPABILITY).then_some(("the report", &REPORT_IMAGE)),
        any(&[OWN_MEMORY_SMALL], OWN_MEMORY_SMALL).then_some(("the small system", &SMALL_IMAGE)),
    ];
    for (what, image) in built.into_iter().flatten() {
        eprintln!("building {what}");
        // Should it fail, then each of its cases says so.
        LazyLock::force(image);
    }
}

fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial(THERE_ARE_CASES, there_are_cases),
        trial(A_FAILURE_IS_SEEN, a_failing_case_is_reported_as_failing),
    ];
    trials.extend(
        cases::system()
            .iter()
            .map(|&name| trial(name, move || SUITE.case(name))),
    );
    trials.push(trial(
        "harness::every_planned_case_ended_and_the_suite_said_so",
        || SUITE.passed(),
    ));
    let injection = cases::injection().iter();
    trials.extend(injection.map(|&name| trial(name, move || INJECTION.case(name))));
    trials.push(trial(INJECTION_ENDED, || INJECTION.passed()));
    let long = cases::long().iter();
    trials.extend(long.map(|&name| trial(name, move || LONG.case(name)).with_ignored_flag(true)));
    let deviant = cases::deviant().iter().filter(|&&name| name != FAILS);
    trials.extend(deviant.map(|&name| trial(name, move || DEVIANT.case(name))));
    trials.push(trial(EVERY_CAPABILITY, || {
        REPORT.passed()?;
        capabilities::compare(&REPORT.report())
    }));
    trials.push(trial(OWN_MEMORY, || keeps_less(&REPORT, MOST_KEPT)));
    trials.push(trial(OWN_MEMORY_SMALL, || {
        keeps_less(&SMALL, MOST_KEPT_SMALL)
    }));
    trials.extend([
        trial(
            "demonstration::image_boot_succeeds_and_all_is_well",
            all_is_well,
        ),
        trial(
            "demonstration::the_bombs_group_peaks_at_exactly_20_tasks",
            the_bomb_peaks,
        ),
        trial(
            "demonstration::the_hogs_group_peaks_at_exactly_its_frame_limit",
            the_hog_peaks,
        ),
        trial(
            "demonstration::the_worker_gets_at_least_40_per_cent",
            the_worker_works,
        ),
        trial(
            "demonstration::receipts_are_equal_and_the_audit_agrees",
            everything_came_back,
        ),
    ]);
    trials
}

/// What is not handed out to clients, nor slots for their frames, is listed and stays below its bound.
fn keeps_less(report: &Booted, most: u64) -> Result<(), String> {
    report.passed()?;
    let memory = report.report().memory;
    let kept = memory.kernel_and_servers();
    require(memory.handed_out > 0 && kept < most, || {
        format!("{kept} bytes are kept:\n{memory}")
    })
}

fn trial(name: &str, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, || run().map_err(Failed::from))
}

fn require(truth: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if truth { Ok(()) } else { Err(why()) }
}

fn there_are_cases() -> Result<(), String> {
    for list in [cases::system(), cases::injection(), cases::deviant()] {
        let mut names = list.to_vec();
        names.sort_unstable();
        names.dedup();
        require(!names.is_empty() && names.len() == list.len(), || {
            "a list is empty or names a case twice".into()
        })?;
    }
    // The guest's plan is the host's: nothing was left out on the way.
    let first = cases::system().first().copied().unwrap_or_default();
    SUITE.case(first)?;
    let planned = SUITE.planned().map(|planned| planned as usize);
    require(planned == Some(cases::system().len()), || {
        format!("the guest planned {planned:?} cases")
    })
}

fn a_failing_case_is_reported_as_failing() -> Result<(), String> {
    match DEVIANT.case(FAILS) {
        Err(reason) if reason.ends_with("on purpose") => {}
        other => return Err(format!("the failing case ended with {other:?}")),
    }
    match DEVIANT.over() {
        Over::Ran {
            ending: Ending::Failed,
            verdict: Err(Failure::Cases { failed: 1 }),
        } => Ok(()),
        other => Err(format!("the run was judged so: {other:?}")),
    }
}

/// What the demonstration printed.
fn demonstration() -> Result<&'static str, String> {
    DEMONSTRATION
        .as_ref()
        .map(|(_, console)| console.as_str())
        .map_err(Clone::clone)
}

/// A group's row of the demonstration's table.
fn row(label: &str) -> Result<Row, String> {
    find(&table(demonstration()?), label).cloned()
}

fn all_is_well() -> Result<(), String> {
    let console = demonstration()?;
    let succeeded = DEMONSTRATION
        .as_ref()
        .is_ok_and(|(succeeded, _)| *succeeded);
    let last = console.lines().rfind(|line| !line.trim().is_empty());
    require(
        succeeded && last.is_some_and(|last| last.ends_with("All is well.")),
        || format!("status 0: {succeeded}; it printed:\n{console}"),
    )
}

fn the_bomb_peaks() -> Result<(), String> {
    let row = row("bomb")?;
    let (_, limit, peak) = row.tasks;
    require(limit == Some(20) && peak == 20 && row.refusals > 0, || {
        format!("{row:?}")
    })
}

fn the_hog_peaks() -> Result<(), String> {
    let row = row("hog")?;
    let (_, limit, peak) = row.frames;
    require(limit == Some(peak) && row.refusals > 0, || {
        format!("{row:?}")
    })
}

fn the_worker_works() -> Result<(), String> {
    let share = number_between(demonstration()?, "instructions: ", " % of all");
    require(share.is_some_and(|share| share >= LEAST_SHARE), || {
        format!("its share: {share:?} %")
    })
}

fn everything_came_back() -> Result<(), String> {
    let console = demonstration()?;
    let mut lines = console.lines();
    for name in ["bomb", "hog"] {
        let killed = format!("killed the {name}: it held ");
        lines
            .find(|line| line.contains(&killed))
            .ok_or_else(|| format!("the {name} was not killed"))?;
        let next = lines.next().unwrap_or_default();
        require(next.ends_with("and exactly that came back"), || {
            format!("the {name}'s receipt: {next}")
        })?;
    }
    require(console.contains("audit: ledger and kernel agree"), || {
        "there is no audit".into()
    })
}
