//! A bootable image: the kernel, and a root task that holds everything else.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sel4_kernel::Profile;
use thiserror::Error;

use crate::archive::{self, Member};
use crate::elf_file::{self, ElfError};
use crate::guest::{self, Binary, Built, CargoError, Feature};
use crate::progress::{Progress, Step};
use crate::system::{Place, Program, SystemFile};
use crate::toolbox::Toolbox;
use crate::workspace::Workspace;

/// The servers, in the order in which they are started: each is a package with a binary of the same name.
pub const SERVERS: [&str; 3] = ["limits-server", "memory-server", "proc-server"];
/// The package and the binary of the root task.
pub const ROOT_TASK: &str = "root-task";

/// How many steps [`Build::run`] reports.
pub const STEPS: u32 = 4;

/// What to build.
#[derive(Clone, Debug)]
pub struct Build {
    /// The system.
    pub system: SystemFile,
    /// Which kernel.
    pub profile: Profile,
    /// Features of servers and programs, for test builds.
    pub features: Vec<Feature>,
    /// The folder for the image; made if it is not there.
    pub out: PathBuf,
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The kernel that QEMU loads.
    pub kernel: PathBuf,
    /// The same kernel with symbols, for gdb.
    pub kernel_symbols: PathBuf,
    /// The root task that QEMU loads behind it.
    pub root_task: PathBuf,
    /// Every binary with symbols, for gdb: the root task, the servers, the programs.
    pub symbols: Vec<PathBuf>,
    /// The archive that the root task holds.
    pub archive: PathBuf,
    /// The machine's memory, in MiB.
    pub memory_mib: u32,
}

/// Why there is no image.
#[derive(Debug, Error)]
pub enum BuildError {
    /// No kernel.
    #[error(transparent)]
    Kernel(#[from] sel4_kernel::BuildError),
    /// No servers, programs or root task.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// A program's package has no binary of that name.
    #[error("{place}: the package `{package}` has no binary `{name}`\n  expected: {}\n  remedy:   correct the name, or add the binary to the package", expected(.binaries))]
    NoBinary {
        /// Where the program is declared.
        place: Place,
        /// The package.
        package: String,
        /// The program.
        name: String,
        /// What the package has.
        binaries: Vec<String>,
    },
    /// A binary cannot be mapped by the guest.
    #[error(
        "`{name}` {error}\n  expected: a static executable of whole pages\n  remedy:   its build.rs must name the linker script, see sel4/root-task"
    )]
    Elf {
        /// The binary.
        name: String,
        /// Why not.
        error: ElfError,
    },
    /// A binary could not be stripped.
    #[error("objcopy could not strip {} ({status})", path.display())]
    Strip {
        /// The binary.
        path: PathBuf,
        /// How objcopy ended.
        status: std::process::ExitStatus,
    },
    /// The description of the system could not be encoded.
    #[error("the system cannot be encoded: {0}")]
    Encode(postcard::Error),
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {error}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
}

fn expected(binaries: &[String]) -> String {
    if binaries.is_empty() {
        "a package of the workspace with binaries".into()
    } else {
        format!("one of {}", binaries.join(", "))
    }
}

impl Build {
    /// Builds everything that is not up to date. Two builds into the same folder wait for each other.
    pub fn run(
        &self,
        workspace: &Workspace,
        tools: &Toolbox,
        progress: &mut Progress,
    ) -> Result<Image, BuildError> {
        let out = std::path::absolute(&self.out).map_err(file("find", &self.out))?;
        std::fs::create_dir_all(&out).map_err(file("create", &out))?;
        let _lock = lock(workspace)?;
        let image = self.steps(workspace, tools, &out, progress);
        if image.is_err() {
            progress.interrupt();
        }
        image
    }

    fn steps(
        &self,
        workspace: &Workspace,
        tools: &Toolbox,
        out: &Path,
        progress: &mut Progress,
    ) -> Result<Image, BuildError> {
        self.check_programs(workspace)?;

        progress.begin(format_args!("kernel ({})", self.profile.name()));
        let kernel = sel4_kernel::build(self.profile, &workspace.kernel(), &mut |doing| {
            progress.detail(doing);
        })?;
        progress.end(step(kernel.rebuilt), "");

        progress.begin("servers and programs");
        let programs = self.system.programs.iter().map(Program::binary);
        let binaries: Vec<Binary> = SERVERS
            .iter()
            .map(|server| Binary::of(server))
            .chain(programs)
            .collect();
        let built = guest::build(
            workspace,
            "the servers and programs",
            &binaries,
            &self.features,
            None,
            progress,
        )?;
        progress.end(step(built.rebuilt), "");

        progress.begin("archive");
        let mut symbols = Vec::new();
        let members = self.members(&binaries, &built, tools, out, &mut symbols)?;
        let packed = archive::pack(&members).map_err(file("pack", out))?;
        let archive = out.join("archive.tar");
        let written = write_if_changed(&archive, &packed)?;
        let kibibytes = packed.len().div_ceil(1024);
        progress.end(
            step(written),
            format_args!(" ({} files, {kibibytes} KiB)", members.len()),
        );

        progress.begin("root task");
        let root_task = Binary::of(ROOT_TASK);
        let built = guest::build(
            workspace,
            "the root task",
            &[root_task],
            &[],
            Some(&archive),
            progress,
        )?;
        let stripped = strip(&built, ROOT_TASK, tools, out, &mut symbols)?;
        let root_task = out.join("root-task.elf");
        let written = write_if_changed(&root_task, &stripped)?;
        progress.end(step(built.rebuilt || written), "");

        Ok(Image {
            kernel: kernel.boot,
            kernel_symbols: kernel.symbols,
            root_task,
            symbols,
            archive,
            memory_mib: self.system.memory_mib,
        })
    }

    /// Finds a program without a binary before Cargo does, to say where it was declared.
    fn check_programs(&self, workspace: &Workspace) -> Result<(), BuildError> {
        for program in &self.system.programs {
            let binaries = guest::binaries(workspace, &program.package)?;
            if !binaries.contains(&program.name) {
                return Err(BuildError::NoBinary {
                    place: program.place.clone(),
                    package: program.package.clone(),
                    name: program.name.clone(),
                    binaries,
                });
            }
        }
        Ok(())
    }

    /// The archive's members: the system, the servers, the programs in the system's order.
    fn members(
        &self,
        binaries: &[Binary],
        built: &Built,
        tools: &Toolbox,
        out: &Path,
        symbols: &mut Vec<PathBuf>,
    ) -> Result<Vec<Member>, BuildError> {
        let system = postcard::to_stdvec(&self.system.system).map_err(BuildError::Encode)?;
        let mut members = vec![Member {
            name: interfaces::system::MEMBER.to_owned(),
            bytes: system,
            on_page: false,
        }];
        for (place, Binary { name, .. }) in binaries.iter().enumerate() {
            let folder = if place < SERVERS.len() {
                archive::SERVERS
            } else {
                archive::PROGRAMS
            };
            let bytes = strip(built, name, tools, out, symbols)?;
            elf_file::check(&bytes).map_err(|error| BuildError::Elf {
                name: name.clone(),
                error,
            })?;
            members.push(Member {
                name: format!("{folder}/{name}"),
                bytes,
                on_page: true,
            });
        }
        Ok(members)
    }
}

const fn step(rebuilt: bool) -> Step {
    if rebuilt { Step::Built } else { Step::UpToDate }
}

/// The binary without what only a debugger reads; the whole one goes to the folder of symbols.
fn strip(
    built: &Built,
    name: &str,
    tools: &Toolbox,
    out: &Path,
    symbols: &mut Vec<PathBuf>,
) -> Result<Vec<u8>, BuildError> {
    let not_built = || CargoError::NotBuilt {
        package: name.to_owned(),
        name: name.to_owned(),
    };
    let binary = built.binaries.get(name).ok_or_else(not_built)?;
    let (whole, stripped) = (
        out.join("symbols").join(name),
        out.join("stripped").join(name),
    );
    let contents = std::fs::read(binary).map_err(file("read", binary))?;
    let changed = write_if_changed(&whole, &contents)?;
    if changed || !stripped.is_file() {
        create_parent(&stripped)?;
        let mut objcopy = Command::new(&tools.objcopy);
        objcopy.arg("--strip-all").arg(&whole).arg(&stripped);
        let status = objcopy.status().map_err(file("run", &tools.objcopy))?;
        if !status.success() {
            return Err(BuildError::Strip {
                path: whole,
                status,
            });
        }
    }
    symbols.push(whole);
    std::fs::read(&stripped).map_err(file("read", &stripped))
}

/// Held while something is built: Cargo's files are overwritten by the next build, so they are copied under it.
fn lock(workspace: &Workspace) -> Result<File, BuildError> {
    let path = workspace.images().join("lock");
    create_parent(&path)?;
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(file("lock", &path))
}

/// Leaves a file alone that has these contents already: what is built from it then stays up to date.
fn write_if_changed(path: &Path, contents: &[u8]) -> Result<bool, BuildError> {
    if std::fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(false);
    }
    create_parent(path)?;
    std::fs::write(path, contents).map_err(file("write", path))?;
    Ok(true)
}

fn create_parent(path: &Path) -> Result<(), BuildError> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).map_err(file("create", parent))
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.to_owned();
    move |error| BuildError::File { doing, path, error }
}
