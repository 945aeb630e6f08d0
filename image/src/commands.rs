//! What each command does.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use image::build::{self, BuildError, Image};
use image::progress::{Progress, seconds};
use image::qemu::{self, Input, Machine, RunError};
use image::report::Report;
use image::screen::Screen;
use image::script::{Script, ScriptError};
use image::system::{SystemError, SystemFile};
use image::terminal::{self, Raw};
use image::toolbox::{MissingTools, Purpose, Toolbox};
use image::verdict::{Failure, Tally};
use image::workspace::Workspace;
use interfaces::system::Mode;
use sel4_kernel::Profile;
use test_records::{Record, split};
use thiserror::Error;

use crate::arguments::{self, Common, Kernel};

/// What the console shows when it waits for a line.
const PROMPT: &str = "hurdle> ";
/// How long a guest may take when nobody sits before it.
const UNATTENDED: Duration = Duration::from_mins(5);
/// How long it may take when somebody does: they end it themselves, but nothing runs for ever.
const ATTENDED: Duration = Duration::from_hours(24);

/// Why a command did not do what it was asked to. Displayed as the message for the person at the keyboard.
#[derive(Debug, Error)]
pub enum CommandError {
    /// A tool is missing.
    #[error(transparent)]
    Tools(#[from] MissingTools),
    /// The system is wrong.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Something could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The machine could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The machine ran and the run did not pass.
    #[error("failed: {failure}{}", named(.unfinished))]
    Failed {
        /// Why not.
        failure: Failure,
        /// The cases that began and did not end.
        unfinished: Vec<String>,
    },
    /// The script cannot be run, or did not pass.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The report could not be written.
    #[error("the report cannot be written: {0}")]
    Report(io::Error),
    /// The report could not be encoded.
    #[error("the report cannot be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

fn named(cases: &[String]) -> String {
    if cases.is_empty() {
        String::new()
    } else {
        format!("; begun and not ended: {}", cases.join(", "))
    }
}

/// Builds, and says where.
pub fn build(arguments: &arguments::Build) -> Result<(), CommandError> {
    let workspace = Workspace::here();
    let profile = arguments.kernel.profile(Profile::Release);
    let tools = Toolbox::find(Purpose::Build)?;
    let image = make(&workspace, &arguments.common, profile, Mode::Run, &tools)?;
    eprintln!("kernel     {}", workspace.shown(&image.kernel).display());
    eprintln!("root task  {}", workspace.shown(&image.root_task).display());
    Ok(())
}

/// Builds, boots, relays the console, and judges.
pub fn boot(arguments: &arguments::Boot) -> Result<(), CommandError> {
    let attended = io::stdin().is_terminal() && io::stdout().is_terminal();
    let took = match &arguments.script {
        Some(script) => run_script(arguments, Script::load(script)?)?,
        None if attended => attend(arguments)?,
        None => watch(arguments)?,
    };
    eprintln!("passed in {}", seconds(took));
    Ok(())
}

/// Nobody sits before it: the demonstration, and the end.
fn watch(arguments: &arguments::Boot) -> Result<Duration, CommandError> {
    let (machine, tools) = prepare(arguments, "run", Ok)?;
    let machine = Machine {
        icount: true,
        ..machine
    };
    let limit = arguments.limit(UNATTENDED);
    let mut tally = Tally::new();
    let began = Instant::now();
    let ending = run(&machine, &tools, limit, Input::None, &mut |line| {
        tally.line(line);
        relay(line);
    })?;
    judge(&tally, ending)?;
    Ok(began.elapsed())
}

/// Somebody does: the demonstration, then the console, which gets every key.
fn attend(arguments: &arguments::Boot) -> Result<Duration, CommandError> {
    let (machine, tools) = prepare(arguments, "attended", |system| Ok(system.with_console()))?;
    let machine = Machine {
        icount: arguments.icount,
        ..machine
    };
    let began = Instant::now();
    let (keys, input) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    thread::spawn(move || terminal::relay_keys(&keys, &stopped));
    let (mut tally, mut screen) = (Tally::new(), Screen::new());
    // Until the console is there, Ctrl-C is the user's own.
    let mut raw = None;
    let mut print = |bytes: Vec<u8>| {
        let mut show = Vec::new();
        screen.take(&bytes, &mut show, &mut |line| tally.line(line));
        if raw.is_none() && screen.stands_at(PROMPT) {
            // A terminal that cannot be raw still types whole lines.
            raw = Raw::enter().ok();
            screen.raw = raw.is_some();
        }
        let mut out = io::stdout().lock();
        // A standard output that is closed is no reason to end the guest.
        let _ = out.write_all(&show).and_then(|()| out.flush());
    };
    let limit = arguments.limit(ATTENDED);
    let ending = converse(&machine, &tools, limit, input, &stop, &mut print);
    drop(raw);
    judge(&tally, ending?)?;
    Ok(began.elapsed())
}

/// A script is before it: its lines, one at a time, and nothing else.
fn run_script(arguments: &arguments::Boot, mut script: Script) -> Result<Duration, CommandError> {
    let (machine, tools) = prepare(arguments, "script", |system| {
        system.with_script().ok_or(ScriptError::NoConsole)
    })?;
    let machine = Machine {
        icount: true,
        ..machine
    };
    let began = Instant::now();
    let (typed, input) = mpsc::channel();
    let (mut tally, mut screen) = (Tally::new(), Screen::new());
    let mut print = |bytes: Vec<u8>| {
        screen.take(&bytes, &mut Vec::new(), &mut |line| {
            tally.line(line);
            relay(line);
            if let Some(next) = script.line(line, &mut relay) {
                // A guest that is gone has ended the run already.
                let _ = typed.send(next);
            }
        });
    };
    let limit = arguments.limit(UNATTENDED);
    let never = AtomicBool::new(false);
    let ending = converse(&machine, &tools, limit, input, &never, &mut print)?;
    script.verdict()?;
    judge(&tally, ending)?;
    Ok(began.elapsed())
}

/// Builds what is to be booted.
fn prepare(
    arguments: &arguments::Boot,
    name: &str,
    change: impl FnOnce(SystemFile) -> Result<SystemFile, ScriptError>,
) -> Result<(Machine, Toolbox), CommandError> {
    let workspace = Workspace::here();
    let profile = arguments.kernel.profile(Profile::Release);
    let tools = Toolbox::find(Purpose::Boot)?;
    let system = change(load(&workspace, &arguments.common)?.with_mode(Mode::Run))?;
    let out = arguments.common.out.clone();
    let out = out.unwrap_or_else(|| workspace.images().join(name));
    let image = assemble(&workspace, system, profile, out, &tools)?;
    Ok((Machine::of(&image), tools))
}

/// Runs a machine in a conversation, printing its command.
fn converse(
    machine: &Machine,
    tools: &Toolbox,
    limit: Duration,
    input: mpsc::Receiver<Vec<u8>>,
    stop: &AtomicBool,
    print: &mut dyn FnMut(Vec<u8>),
) -> Result<qemu::Ending, CommandError> {
    let qemu = tools.qemu()?;
    eprintln!("{}", qemu::shown(&machine.command(qemu)));
    Ok(machine.converse(qemu, limit, input, stop, print)?)
}

/// Builds, boots for the report, and prints it.
pub fn report(arguments: &arguments::Report) -> Result<(), CommandError> {
    let workspace = Workspace::here();
    let profile = arguments.kernel.profile(Profile::Debug);
    let tools = Toolbox::find(Purpose::Boot)?;
    let image = make(&workspace, &arguments.common, profile, Mode::Report, &tools)?;
    let machine = Machine {
        icount: true,
        ..Machine::of(&image)
    };
    let limit = Duration::from_secs(arguments.timeout);
    let (mut tally, mut report) = (Tally::new(), Report::default());
    let ending = run(&machine, &tools, limit, Input::None, &mut |line| {
        tally.line(line);
        report.line(line);
    })?;
    judge(&tally, ending)?;
    let text = if arguments.json {
        report.json()?
    } else {
        report.to_string()
    };
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(CommandError::Report)
}

/// Builds with the debug kernel and boots a machine that waits for gdb.
pub fn debug(arguments: &arguments::Debug) -> Result<(), CommandError> {
    let workspace = Workspace::here();
    let tools = Toolbox::find(Purpose::Boot)?;
    let image = make(
        &workspace,
        &arguments.common,
        Profile::Debug,
        Mode::Run,
        &tools,
    )?;
    let machine = Machine {
        gdb: true,
        ..Machine::of(&image)
    };
    eprintln!("the machine waits; in another terminal:");
    for line in gdb_lines(&workspace, &image) {
        eprintln!("    {line}");
    }
    // Whoever debugs ends the machine as they like, so there is nothing to judge.
    let ending = run(&machine, &tools, ATTENDED, Input::Lines, &mut relay)?;
    eprintln!("{ending}");
    Ok(())
}

/// What to type to debug an image. The kernel's first system call is where to stop; the address spaces overlap, so the
/// symbols of each are to be added when they are wanted.
fn gdb_lines(workspace: &Workspace, image: &Image) -> Vec<String> {
    let shown = |path: &Path| workspace.shown(path).display().to_string();
    let mut lines = vec![
        format!("gdb {}", shown(&image.kernel_symbols)),
        "target remote :1234".into(),
        "hbreak c_handle_syscall".into(),
        "continue".into(),
    ];
    // The root task was built last, and is where one begins.
    let programs = image.symbols.iter().rev();
    lines.extend(programs.map(|path| format!("add-symbol-file {}", shown(path))));
    lines
}

/// Reads the system and builds its image.
fn make(
    workspace: &Workspace,
    common: &Common,
    profile: Profile,
    mode: Mode,
    tools: &Toolbox,
) -> Result<Image, CommandError> {
    let system = load(workspace, common)?.with_mode(mode);
    let out = common.out.clone();
    let out = out.unwrap_or_else(|| folder(workspace, mode));
    assemble(workspace, system, profile, out, tools)
}

/// Reads the system.
fn load(workspace: &Workspace, common: &Common) -> Result<SystemFile, CommandError> {
    let path = common.system.clone().unwrap_or_else(|| workspace.system());
    let system = SystemFile::load(&path, workspace.shown(&path))?;
    for note in &system.notes {
        eprintln!("{note}");
    }
    Ok(match common.memory {
        Some(memory) => system.with_memory(memory)?,
        None => system,
    })
}

/// Builds a system's image.
fn assemble(
    workspace: &Workspace,
    system: SystemFile,
    profile: Profile,
    out: PathBuf,
    tools: &Toolbox,
) -> Result<Image, CommandError> {
    let build = build::Build {
        system,
        profile,
        features: Vec::new(),
        out,
    };
    Ok(build.run(workspace, tools, &mut Progress::new(build::STEPS))?)
}

/// A folder for each mode, so that each stays up to date.
fn folder(workspace: &Workspace, mode: Mode) -> PathBuf {
    workspace.images().join(match mode {
        Mode::Run => "run",
        Mode::Report => "report",
    })
}

/// Runs a machine, printing its command.
fn run(
    machine: &Machine,
    tools: &Toolbox,
    limit: Duration,
    input: Input,
    on_line: &mut dyn FnMut(&str),
) -> Result<qemu::Ending, CommandError> {
    let qemu = tools.qemu()?;
    eprintln!("{}", qemu::shown(&machine.command(qemu)));
    Ok(machine.run(qemu, limit, input, on_line)?)
}

/// Prints a console line. Of the records only faults are for people: the rest stands in the text as well.
fn relay(line: &str) {
    let parts = split(line);
    let mut out = io::stdout().lock();
    if !parts.text.is_empty() || parts.record.is_none() {
        // A standard output that is closed is no reason to end the guest.
        let _ = writeln!(out, "{}", parts.text);
    }
    match parts.record {
        Some(Ok(record @ Record::Fault { .. })) => {
            let _ = writeln!(out, "{record}");
        }
        Some(Err(error)) => {
            let _ = writeln!(out, "a record that cannot be read: {error}");
        }
        _ => {}
    }
    let _ = out.flush();
}

/// The verdict; of a run that did not pass, the end of its console too.
fn judge(tally: &Tally, ending: qemu::Ending) -> Result<(), CommandError> {
    tally.verdict(ending).map_err(|failure| {
        if tally.last_lines().next().is_none() {
            eprintln!("the console was silent");
        } else {
            eprintln!("the last lines of the console:");
        }
        for line in tally.last_lines() {
            eprintln!("  | {line}");
        }
        let unfinished = tally.unfinished().map(ToOwned::to_owned).collect();
        CommandError::Failed {
            failure,
            unfinished,
        }
    })
}

impl Kernel {
    /// The kernel that was asked for, or the command's own.
    const fn profile(&self, default: Profile) -> Profile {
        match (self.release_kernel, self.debug_kernel) {
            (true, _) => Profile::Release,
            (_, true) => Profile::Debug,
            _ => default,
        }
    }
}

impl arguments::Boot {
    /// How long the guest may take.
    fn limit(&self, default: Duration) -> Duration {
        self.timeout.map_or(default, Duration::from_secs)
    }
}
