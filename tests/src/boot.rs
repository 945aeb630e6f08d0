//! One boot of a system, in the background, its cases handed on as they end.
//!
//! A run is judged by `image::verdict`; what is added here is patience: whoever asks for a case waits until the guest
//! has ended it, or until the run is over and it never did, which is a failure with the console's last lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use image::build::{self, Build, Image};
use image::guest::Feature;
use image::progress::Progress;
use image::qemu::{Ending, Input, Machine};
use image::report::Report;
use image::system::SystemFile;
use image::toolbox::{Purpose, Toolbox};
use image::verdict::{Failure, Tally};
use image::workspace::Workspace;
use interfaces::system::Mode;
use sel4_kernel::Profile;
use test_records::{Outcome, Record, split};

/// What to boot.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// Its file, from the repository's root.
    pub file: &'static str,
    /// What it is booted for.
    pub mode: Mode,
    /// Which kernel. Hostile cases belong on the release kernel: a debug kernel lets any client halt it.
    pub profile: Profile,
    /// Features of a test build.
    pub features: &'static [&'static str],
    /// The name of the image's folder.
    pub folder: &'static str,
}

/// A boot that may still be running.
#[derive(Debug, Default)]
pub struct Boot {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether figures are shown as they come: of a run that takes long.
    aloud: bool,
}

#[derive(Debug, Default)]
struct State {
    ended: BTreeMap<String, Result<(), String>>,
    figures: Vec<(String, u64)>,
    report: Report,
    tally: Tally,
    over: Option<Over>,
}

/// How a boot came to its end.
#[derive(Clone, Debug)]
pub enum Over {
    /// The machine ran and ended.
    Ran {
        /// How the machine ended.
        ending: Ending,
        /// What the records say of the run.
        verdict: Result<(), Failure>,
    },
    /// The machine did not even run.
    Never(String),
}

impl System {
    /// Builds its image, showing the progress.
    pub fn build(&self) -> Result<Image, String> {
        let workspace = Workspace::here();
        let tools = Toolbox::find(Purpose::Boot).map_err(|missing| missing.to_string())?;
        let path = workspace.root().join(self.file);
        let file =
            SystemFile::load(&path, Path::new(self.file)).map_err(|error| error.to_string())?;
        let build = Build {
            system: file.with_mode(self.mode),
            profile: self.profile,
            features: self
                .features
                .iter()
                .map(|&feature| Feature(feature.to_owned()))
                .collect(),
            out: workspace.images().join(self.folder),
        };
        let image = build.run(&workspace, &tools, &mut Progress::new(build::STEPS));
        image.map_err(|error| error.to_string())
    }
}

impl Boot {
    /// Boots an image, in the background. One that could not be built is a boot that never ran.
    #[must_use]
    pub fn start(image: Result<Image, String>, limit: Duration) -> Arc<Self> {
        Self::begin(Self::default(), image, limit)
    }

    /// Boots an image like [`Boot::start`], and shows each figure as it comes: so one sees how far it is.
    #[must_use]
    pub fn start_aloud(image: Result<Image, String>, limit: Duration) -> Arc<Self> {
        let boot = Self {
            aloud: true,
            ..Self::default()
        };
        Self::begin(boot, image, limit)
    }

    fn begin(boot: Self, image: Result<Image, String>, limit: Duration) -> Arc<Self> {
        let boot = Arc::new(boot);
        let running = Arc::clone(&boot);
        thread::spawn(move || {
            let over = image.and_then(|image| running.run(&image, limit));
            running.state().over = Some(over.unwrap_or_else(Over::Never));
            running.changed.notify_all();
        });
        boot
    }

    fn run(&self, image: &Image, limit: Duration) -> Result<Over, String> {
        let tools = Toolbox::find(Purpose::Boot).map_err(|missing| missing.to_string())?;
        let qemu = tools.qemu().map_err(|missing| missing.to_string())?;
        // Instructions are counted, so that the same image takes the same course on every host.
        let machine = Machine {
            icount: true,
            ..Machine::of(image)
        };
        let log = image.archive.with_file_name("console.log");
        let mut console = std::fs::File::create(log).map_err(|error| error.to_string())?;
        let ending = machine
            .run(qemu, limit, Input::None, &mut |line| {
                // The log is for people; a run is not worse for its lack.
                let _ = std::io::Write::write_all(&mut console, format!("{line}\n").as_bytes());
                self.line(line);
            })
            .map_err(|error| error.to_string())?;
        let verdict = self.state().tally.verdict(ending);
        Ok(Over::Ran { ending, verdict })
    }

    fn line(&self, line: &str) {
        let mut state = self.state();
        state.tally.line(line);
        state.report.line(line);
        match split(line).record {
            Some(Ok(Record::End { name, outcome })) => {
                let outcome = match outcome {
                    Outcome::Ok => Ok(()),
                    Outcome::Failed { reason } => Err(reason.to_owned()),
                };
                // Only the first end of a case counts; a second one is the verdict's business.
                state.ended.entry(name.to_owned()).or_insert(outcome);
            }
            Some(Ok(Record::Figure { name, value })) => {
                if self.aloud {
                    eprintln!("{name}: {value}");
                }
                state.figures.push((name.to_owned(), value));
            }
            _ => return,
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the end of a case.
    pub fn case(&self, name: &str) -> Result<(), String> {
        let mut state = self.state();
        loop {
            if let Some(outcome) = state.ended.get(name) {
                return outcome.clone();
            }
            if let Some(over) = &state.over {
                return Err(format!(
                    "planned and never ended; {}",
                    state.account_of(over)
                ));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the end of the run.
    pub fn over(&self) -> Over {
        let mut state = self.state();
        loop {
            if let Some(over) = &state.over {
                return over.clone();
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the end of the run, which must have passed.
    pub fn passed(&self) -> Result<(), String> {
        let over = self.over();
        match over {
            Over::Ran {
                verdict: Ok(()), ..
            } => Ok(()),
            over => Err(self.state().account_of(&over)),
        }
    }

    /// How many cases the guest planned.
    pub fn planned(&self) -> Option<u32> {
        self.state().tally.planned()
    }

    /// The figures that were measured.
    pub fn figures(&self) -> Vec<(String, u64)> {
        self.state().figures.clone()
    }

    /// The capabilities that were reported.
    pub fn report(&self) -> Report {
        self.state().report.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has only read.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How the run ended, with the last lines of its console.
    fn account_of(&self, over: &Over) -> String {
        let mut text = match over {
            Over::Ran {
                ending,
                verdict: Err(failure),
            } => format!("{failure} ({ending})"),
            Over::Ran {
                ending,
                verdict: Ok(()),
            } => ending.to_string(),
            Over::Never(why) => return why.clone(),
        };
        for case in self.tally.unfinished() {
            let _ = write!(text, "\nbegun and not ended: {case}");
        }
        text.push_str("\nthe last lines of the console:");
        for line in self.tally.last_lines() {
            let _ = write!(text, "\n  | {line}");
        }
        text
    }
}
