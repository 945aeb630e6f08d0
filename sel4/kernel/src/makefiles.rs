//! Which files the kernel consists of, read from its own Makefiles.
//!
//! Only what those Makefiles use is understood: `include`, `+=` with lines that go on, `ifdef DEBUG … endif`, and
//! comments. A list of our own would have to be kept in step with the package; this one is right by construction.

use std::collections::BTreeSet;

use crate::{BuildError, KernelSource, Profile};

/// The domain schedule, which the top Makefile names outside of any list.
const DOMAIN_SCHEDULE: &str = "src/config/default_domain.c";

/// The sources, relative to the kernel's folder.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// C files, in the order in which they are joined.
    pub c: Vec<String>,
    /// Assembler files, in link order.
    pub assembler: Vec<String>,
}

/// Reads the lists for this architecture and platform.
pub(crate) fn sources(source: &KernelSource, profile: Profile) -> Result<Sources, BuildError> {
    let mut found = Found::default();
    for makefile in [
        "src/arch/x86/Makefile",
        "src/plat/pc99/Makefile",
        "src/Makefile",
    ] {
        read(source, profile, makefile, &mut found)?;
    }
    // The kernel's Makefile sorts them, too.
    let mut c: Vec<String> = found.c.into_iter().collect();
    c.push(DOMAIN_SCHEDULE.to_owned());
    Ok(Sources {
        c,
        assembler: found.assembler,
    })
}

#[derive(Default)]
struct Found {
    c: BTreeSet<String>,
    assembler: Vec<String>,
}

fn read(
    source: &KernelSource,
    profile: Profile,
    makefile: &str,
    found: &mut Found,
) -> Result<(), BuildError> {
    let path = source.path(makefile);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            return Err(BuildError::File {
                doing: "read",
                path,
                error,
            });
        }
    };
    let includes =
        parse(&text, profile, found).map_err(|line| BuildError::Makefile { path, line })?;
    for included in includes {
        read(source, profile, &included, found)?;
    }
    Ok(())
}

/// Takes the lists of one Makefile and returns those it includes; the error is the line not understood.
fn parse(text: &str, profile: Profile, found: &mut Found) -> Result<Vec<String>, String> {
    let mut includes = Vec::new();
    let mut skipping = false;
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line == "endif" {
            skipping = false;
        } else if let Some(condition) = line.strip_prefix("ifdef ") {
            skipping = match condition.trim() {
                "DEBUG" => profile != Profile::Debug,
                _ => return Err(line.to_owned()),
            };
        } else if skipping || line.is_empty() || line.starts_with("DIRECTORIES") {
            // Folders are made where they are needed.
        } else if let Some(included) = line.strip_prefix("include ") {
            includes.push(
                substitute(included.trim())
                    .trim_start_matches("./")
                    .to_owned(),
            );
        } else if let Some((list, files)) = line.split_once("+=") {
            let files = files.split_whitespace().map(substitute);
            match list.trim() {
                "C_SOURCES" => found.c.extend(files),
                "ARCH_C_SOURCES" => found
                    .c
                    .extend(files.map(|file| format!("src/arch/x86/{file}"))),
                "PLAT_C_SOURCES" => found
                    .c
                    .extend(files.map(|file| format!("src/plat/pc99/{file}"))),
                "ARCH_ASM_SOURCES" => found
                    .assembler
                    .extend(files.map(|file| format!("src/arch/x86/{file}"))),
                _ => return Err(line.to_owned()),
            }
        } else {
            return Err(line.to_owned());
        }
    }
    Ok(includes)
}

fn substitute(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, value) in [
        ("SOURCE_ROOT", "."),
        ("ARCH", "x86"),
        ("PLAT", "pc99"),
        ("TYPE_SUFFIX", "64"),
    ] {
        text = text
            .replace(&format!("${{{name}}}"), value)
            .replace(&format!("$({name})"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\ninclude ${SOURCE_ROOT}/src/arch/$(ARCH)/api/Makefile\nDIRECTORIES += x\n\
                        ARCH_C_SOURCES += a.c \\\n  b.c\nifdef DEBUG\n  C_SOURCES += src/d.c\nendif\n";

    #[test]
    fn lists_continue_and_conditions_bind() {
        let mut found = Found::default();
        assert_eq!(
            parse(TEXT, Profile::Release, &mut found),
            Ok(vec!["src/arch/x86/api/Makefile".to_owned()])
        );
        assert_eq!(
            found.c.into_iter().collect::<Vec<_>>(),
            ["src/arch/x86/a.c", "src/arch/x86/b.c"]
        );
        let mut found = Found::default();
        assert!(parse(TEXT, Profile::Debug, &mut found).is_ok());
        assert!(found.c.contains("src/d.c"));
    }

    #[test]
    fn a_line_of_another_kind_is_refused() {
        assert_eq!(
            parse("vpath %.c src", Profile::Release, &mut Found::default()),
            Err("vpath %.c src".to_owned())
        );
    }

    #[test]
    fn the_kernels_own_lists_are_read_and_every_file_is_there() {
        let source = KernelSource::locate().expect("Cargo fetched it");
        let release = sources(&source, Profile::Release).expect("its Makefiles are understood");
        let debug = sources(&source, Profile::Debug).expect("its Makefiles are understood");
        assert!(
            release
                .c
                .iter()
                .chain(&debug.c)
                .chain(&release.assembler)
                .all(|file| source.path(file).is_file())
        );
        assert_eq!(
            debug.c.len(),
            release.c.len() + 1,
            "capdl.c is for the debug kernel"
        );
        assert_eq!(release.assembler.len(), 4);
    }
}
