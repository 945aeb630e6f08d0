//! The build: source and configuration to two images of the same kernel.
//!
//! Out of tree, into one folder for each profile: the headers are generated, every C file is joined into one (as the
//! kernel's own build does: the compiler sees it whole), compiled, assembled, linked, and converted.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{
    BuildError, Configuration, KernelSource, Profile, Tools, command, generated, makefiles, stamp,
};

/// Tells the headers which kernel this is. Needed wherever a file of the kernel is preprocessed.
pub(crate) const PREPROCESSOR_FLAGS: &[&str] = &[
    "-DHAVE_AUTOCONF",
    "-DARCH_X86",
    "-DX86_64",
    "-D__KERNEL_64__",
    "-DKERNEL_64=y",
    "-D__X86_64__=y",
    "-DPC99",
];

/// What the debug kernel needs besides: its assertions ask for this name, not for one of the configuration.
pub(crate) const DEBUG_FLAGS: &[&str] = &["-DDEBUG"];

/// How C becomes machine code.
const COMPILER_FLAGS: &[&str] = &[
    "-m64",
    "-std=gnu99",
    // It makes spawn and exit 7 per cent cheaper than -O2, a page fault 12.
    "-O3",
    // A page is cleared word by word, and most of what a new object costs is that: one branch for eight words.
    "-funroll-loops",
    // Symbols and lines for gdb and for profiles; in the 64-bit image only, the booted one is the same code.
    "-g",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pic",
    "-fno-pie",
    "-fno-asynchronous-unwind-tables",
    // An interrupt pushes onto the stack in use.
    "-mno-red-zone",
    // The kernel must not touch registers that it saves lazily.
    "-mno-mmx",
    "-mno-sse",
    "-mno-sse2",
    "-mno-3dnow",
    "-mcmodel=kernel",
    "-fno-stack-protector",
    // The source defines variables in headers, as C permitted until GCC 10 changed its default.
    "-fcommon",
    "-fno-strict-aliasing",
    // It reads the BIOS data area, at addresses that a modern GCC takes for null pointers gone wrong.
    "--param=min-pagesize=0",
    "-w",
];

/// How the objects become an image.
const LINKER_FLAGS: &[&str] = &[
    "-m64",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none",
    "-Wl,-n",
    "-Wl,--no-warn-rwx-segments",
];

/// The two images of one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelImages {
    /// The 32-bit ELF that a multiboot loader (QEMU's `-kernel`) takes.
    pub boot: PathBuf,
    /// The same code as 64-bit ELF with symbols: for gdb and for profiles.
    pub symbols: PathBuf,
    /// Whether they were built just now, or had been before from the same inputs.
    pub rebuilt: bool,
}

/// Builds the kernel of `profile` below `out`, if what lies there was not made from the same inputs.
///
/// `progress` hears of each step in a few words. Two builds into the same folder wait for each other.
pub fn build(
    profile: Profile,
    out: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<KernelImages, BuildError> {
    let source = KernelSource::locate()?;
    let tools = Tools::find()?;
    let configuration = Configuration::of(profile);
    let inputs = stamp::inputs(
        &source,
        &tools,
        configuration,
        &[
            PREPROCESSOR_FLAGS,
            DEBUG_FLAGS,
            COMPILER_FLAGS,
            LINKER_FLAGS,
        ],
    );

    let folder = out.join(profile.name());
    std::fs::create_dir_all(&folder).map_err(|error| BuildError::File {
        doing: "create",
        path: folder.clone(),
        error,
    })?;
    // Relative paths would mean something else to the tools, which run in that folder.
    let folder = folder.canonicalize().map_err(|error| BuildError::File {
        doing: "find",
        path: folder,
        error,
    })?;
    let _lock = lock(&folder)?;
    let mut images = KernelImages {
        boot: folder.join("kernel32.elf"),
        symbols: folder.join("kernel.elf"),
        rebuilt: false,
    };
    if images.boot.is_file() && images.symbols.is_file() && stamp::is_current(&folder, &inputs) {
        return Ok(images);
    }
    stamp::forget(&folder)?;

    progress(&format!("{} kernel: headers", profile.name()));
    write(
        &folder.join("autoconf.h"),
        configuration.autoconf().as_bytes(),
    )?;
    let place = Place {
        source: &source,
        tools: &tools,
        profile,
        folder: &folder,
    };
    generated::headers(&place)?;

    progress(&format!("{} kernel: compiling", profile.name()));
    let objects = compile(&place)?;

    progress(&format!("{} kernel: linking", profile.name()));
    link(&place, &objects, &images)?;
    stamp::remember(&folder, &inputs)?;
    images.rebuilt = true;
    Ok(images)
}

/// Held for as long as the folder is being looked at or written to.
fn lock(folder: &Path) -> Result<File, BuildError> {
    let path = folder.join("lock");
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| BuildError::File {
        doing: "lock",
        path,
        error,
    })
}

/// One build: from where, with what, which kernel, to where.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub source: &'a KernelSource,
    pub tools: &'a Tools,
    pub profile: Profile,
    pub folder: &'a Path,
}

impl Place<'_> {
    /// A compiler command that finds the kernel's headers and the generated ones.
    pub(crate) fn gcc(&self) -> Command {
        let mut command = Command::new(&self.tools.gcc);
        command
            .current_dir(self.folder)
            .args(PREPROCESSOR_FLAGS)
            .arg("-nostdinc");
        if self.profile == Profile::Debug {
            command.args(DEBUG_FLAGS);
        }
        // Ours first: the source has an autoconf.h of its own among the platform's headers.
        for generated in [".", "plat/64", "64"] {
            command.arg("-I").arg(generated);
        }
        for include in [
            "include",
            "include/arch/x86",
            "include/plat/pc99",
            "include/arch/x86/arch/64",
            "include/plat/pc99/plat/64",
        ] {
            command.arg("-I").arg(self.source.path(include));
        }
        command
    }
}

fn compile(place: &Place<'_>) -> Result<Vec<PathBuf>, BuildError> {
    let Place { source, folder, .. } = *place;
    let sources = makefiles::sources(source, place.profile)?;
    let mut joined = Vec::new();
    for file in &sources.c {
        let path = source.path(file);
        let text = std::fs::read(&path).map_err(|error| BuildError::File {
            doing: "read",
            path,
            error,
        })?;
        // Messages and debuggers then name the kernel's own files.
        joined.extend_from_slice(format!("#line 1 \"{file}\"\n").as_bytes());
        joined.extend_from_slice(&text);
        joined.push(b'\n');
    }
    let all = folder.join("kernel_all.c");
    write(&all, &joined)?;

    let mut objects = Vec::new();
    let mut c_and_assembler = vec![(all, "kernel_all.o".to_owned())];
    for file in &sources.assembler {
        c_and_assembler.push((source.path(file), format!("{}.o", file.replace('/', "_"))));
    }
    for (input, object) in c_and_assembler {
        let object = folder.join(object);
        command::run(
            &format!("compiling {}", input.display()),
            place
                .gcc()
                .args(COMPILER_FLAGS)
                .arg("-c")
                .arg(&input)
                .arg("-o")
                .arg(&object),
        )?;
        objects.push(object);
    }
    Ok(objects)
}

fn link(place: &Place<'_>, objects: &[PathBuf], images: &KernelImages) -> Result<(), BuildError> {
    let Place {
        source,
        tools,
        folder,
        ..
    } = *place;
    let script = command::run(
        "expanding the linker script",
        place
            .gcc()
            .args(["-P", "-E", "-x", "c"])
            .arg(source.path("src/plat/pc99/linker.lds")),
    )?;
    let script_path = folder.join("linker.lds");
    write(&script_path, &script)?;
    command::run(
        "linking the kernel",
        Command::new(&tools.gcc)
            .current_dir(folder)
            .args(LINKER_FLAGS)
            .arg("-T")
            .arg(&script_path)
            .arg("-o")
            .arg(&images.symbols)
            .args(objects),
    )?;
    command::run(
        "converting the kernel",
        Command::new(&tools.objcopy)
            .args(["--strip-debug", "-O", "elf32-i386"])
            .arg(&images.symbols)
            .arg(&images.boot),
    )?;
    Ok(())
}

/// Writes a file, making the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| BuildError::File {
            doing: "create",
            path: parent.to_owned(),
            error,
        })?;
    }
    std::fs::write(path, bytes).map_err(|error| BuildError::File {
        doing: "write",
        path: path.to_owned(),
        error,
    })
}
