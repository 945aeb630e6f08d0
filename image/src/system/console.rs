//! What changes in a system when somebody, or a script, sits before it.

use interfaces::process::Arguments;
use interfaces::system::{StartProgram, System};

use super::file::SystemFile;

/// The program that is started for that.
pub const CONSOLE: &str = "console";
/// The program that it waits for.
const DEMONSTRATION: &str = "demo";

impl SystemFile {
    /// The same system with the console at the end, if it has one and does not start it itself.
    #[must_use]
    pub fn with_console(mut self) -> Self {
        let Some(console) = place_of(&self.system, CONSOLE) else {
            return self;
        };
        if self
            .system
            .starts
            .iter()
            .any(|start| start.program == console)
        {
            return self;
        }
        let demonstration = place_of(&self.system, DEMONSTRATION);
        let shown = self
            .system
            .starts
            .iter_mut()
            .find(|start| Some(start.program) == demonstration && start.operator);
        let arguments = match shown {
            Some(start) => {
                let arguments = format!("{} then-console", start.arguments);
                start.arguments = Arguments::cut(arguments.trim());
                "after-demo"
            }
            None => "",
        };
        // As many starts as there can be: then it stays as it is, and whoever sits there sees what it does.
        let _ = self.system.starts.push(start(console, arguments));
        self
    }

    /// The same system with nothing started but the console for a script; nothing if it has none.
    #[must_use]
    pub fn with_script(mut self) -> Option<Self> {
        let console = place_of(&self.system, CONSOLE)?;
        self.system.starts.clear();
        self.system.starts.push(start(console, "script")).ok()?;
        Some(self)
    }
}

/// The console stands in the root group: everything else is below it.
fn start(program: u8, arguments: &str) -> StartProgram {
    StartProgram {
        program,
        group: 0,
        operator: true,
        arguments: Arguments::cut(arguments),
    }
}

fn place_of(system: &System, name: &str) -> Option<u8> {
    let mut programs = system.programs.iter();
    let place = programs.position(|program| program.as_str() == name)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn ours() -> SystemFile {
        let text = include_str!("../../system.toml");
        SystemFile::parse(Path::new("system.toml"), text).expect("ours is good")
    }

    fn starts(file: &SystemFile) -> Vec<(&str, &str, bool)> {
        let system = &file.system;
        let start = |start: &'_ StartProgram| {
            let program = file.programs.get(usize::from(start.program));
            program.map_or("", |program| program.name.as_str())
        };
        system
            .starts
            .iter()
            .map(|one| (start(one), one.arguments.as_str(), one.operator))
            .collect()
    }

    #[test]
    fn the_console_comes_after_the_demonstration() {
        assert_eq!(
            starts(&ours().with_console()),
            [
                ("demo", "then-console", true),
                ("console", "after-demo", true)
            ]
        );
        let twice = ours().with_console().with_console();
        assert_eq!(starts(&twice).len(), 2);
    }

    #[test]
    fn a_script_has_the_machine_for_itself() {
        let file = ours().with_script().expect("there is a console");
        assert_eq!(starts(&file), [("console", "script", true)]);
    }
}
