//! Where the instructions of a benchmark go, by symbol, over kernel, servers and programs.
//!
//! QEMU is stopped at the guest's first mark through its gdb stub, told to log every single instruction with the
//! processor's state, and stopped again at the second mark. Nothing is sampled: the sum is what was executed between
//! the marks. All servers are linked at the same addresses; which one an address belongs to is told by the page-table
//! root (CR3), whose code is read from the stopped machine and compared with the binaries.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use elf::ElfBytes;
use elf::abi::STT_FUNC;
use elf::endian::LittleEndian;
use image::build::Image;
use image::qemu::Machine;

/// The marks' names in the guest's program.
const MARKS: [&str; 2] = ["profile_begin", "profile_end"];
/// The program that has them.
const PROGRAM: &str = "benchmarks";
/// Where the kernel's half of every address space begins.
const KERNEL_HALF: u64 = 1 << 63;
/// How much code is compared to know a binary.
const COMPARED: usize = 16;
/// How long the guest may take from mark to mark, every instruction logged.
const PATIENCE: Duration = Duration::from_mins(10);
/// The kernel's system calls (`libsel4/arch_include/x86/sel4/arch/syscalls.h` numbers them from -1 on).
const SYSTEM_CALLS: [(i64, &str); 8] = [
    (-1, "Call"),
    (-2, "ReplyRecv"),
    (-3, "Send"),
    (-4, "NBSend"),
    (-5, "Recv"),
    (-6, "Reply"),
    (-7, "Yield"),
    (-8, "NBRecv"),
];
/// How many symbols are shown; the rest is one line.
const SHOWN: usize = 60;

/// Boots the image of a profile and gives the table.
pub fn profile(image: &Image, qemu: &Path) -> Result<String, String> {
    let binaries = binaries(image)?;
    let program = binaries
        .iter()
        .find(|binary| binary.name == PROGRAM)
        .ok_or("the image has no benchmarks")?;
    let [begin, end] = MARKS.map(|mark| program.address_of(mark));
    let (begin, end) = (begin.ok_or("no first mark")?, end.ok_or("no second mark")?);

    let socket = image.archive.with_file_name("gdb.socket");
    let log = image.archive.with_file_name("instructions.log");
    for old in [&socket, &log] {
        // There may be none.
        let _ = std::fs::remove_file(old);
    }
    let machine = Machine {
        icount: true,
        ..Machine::of(image)
    };
    let mut command = machine.command(qemu);
    command.arg("-gdb");
    command.arg(format!("unix:{},server=on,wait=off", socket.display()));
    command.arg("-S").stdin(Stdio::null()).stdout(Stdio::null());
    let child = command.spawn().map_err(|error| error.to_string())?;
    let _running = Running(child);
    let mut stub = Stub::connect(&socket)?;

    stub.run_to(begin)?;
    for order in [
        format!("logfile {}", log.display()),
        "one-insn-per-tb on".to_owned(),
        "log exec,nochain,cpu".to_owned(),
    ] {
        stub.monitor(&order)?;
    }
    stub.run_to(end)?;
    stub.monitor("log none")?;

    let (executed, entries) = executed(&log)?;
    let mut table = table(&executed, &binaries, &mut stub)?;
    table.push_str(&entries_table(&entries, &binaries));
    // It is large, and of no use any more.
    let _ = std::fs::remove_file(&log);
    Ok(table)
}

/// A QEMU that ends when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or it cannot be helped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How often each instruction was executed, by page-table root and address.
type Executed = HashMap<(u64, u64), u64>;

/// Where the kernel was entered, with which number and label (which mean something for a system call only): how often,
/// and the instructions until it was left.
type Entries = BTreeMap<(u64, i64, u64), (u64, u64)>;

/// Reads the log: for each instruction the line of the trace, then the processor's state, of which CR3 counts, and where
/// the kernel is entered what the registers hold.
fn executed(log: &Path) -> Result<(Executed, Entries), String> {
    let file = File::open(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut executed = Executed::new();
    let mut entries = Entries::new();
    let mut entry = None;
    let (mut number, mut label) = (0, 0);
    let mut address = None;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| error.to_string())?;
        if line.starts_with("Trace ") {
            // Trace CPU: HOST [BASE/ADDRESS/FLAGS/…]
            let field = line.split('/').nth(1).unwrap_or_default();
            address = u64::from_str_radix(field, 16).ok();
        } else if let Some(rdx) = register(&line, "RDX=") {
            number = rdx.cast_signed();
        } else if let Some(rsi) = register(&line, "RSI=") {
            label = (rsi >> 12) & 0xf_ffff;
        } else if let Some((_, rest)) = line.split_once("CR3=") {
            let root = rest.split(' ').next().unwrap_or_default();
            let root = u64::from_str_radix(root, 16).map_err(|error| error.to_string())?;
            if let Some(address) = address.take() {
                if address >= KERNEL_HALF {
                    let entry = *entry.get_or_insert((address, number, label));
                    let (times, instructions) = entries.entry(entry).or_insert((0_u64, 0_u64));
                    *times = times.saturating_add(u64::from(entry.0 == address));
                    *instructions = instructions.saturating_add(1);
                } else {
                    entry = None;
                }
                let count = executed.entry((root & !0xfff, address)).or_insert(0);
                *count = count.saturating_add(1);
            }
        }
    }
    Ok((executed, entries))
}

/// What a register holds, if it is in the line.
fn register(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    u64::from_str_radix(rest.get(..16)?, 16).ok()
}

/// What the kernel was entered for, and what each kind of entry cost there: the part that no server can do without as
/// long as it does the same.
fn entries_table(entries: &Entries, binaries: &[Binary]) -> String {
    let kernel = binaries.iter().find(|binary| binary.name == "kernel");
    let mut rows = BTreeMap::<String, (u64, u64)>::new();
    for (&(address, number, label), &(times, instructions)) in entries {
        let symbol = kernel.map_or_else(String::new, |kernel| kernel.symbol_at(address));
        let name = if symbol.contains("syscall") {
            let call = SYSTEM_CALLS
                .iter()
                .find_map(|&(known, name)| (known == number).then_some(name));
            match (call.unwrap_or("another system call"), label) {
                (call @ "Call", 0x1_0000..) => {
                    format!("{call} a server, interface {}", label >> 16)
                }
                (call @ "Call", _) => format!("{call} the kernel, invocation {label}"),
                (call, _) => call.to_owned(),
            }
        } else {
            symbol
        };
        let row = rows.entry(name).or_default();
        row.0 = row.0.saturating_add(times);
        row.1 = row.1.saturating_add(instructions);
    }
    let mut text = format!(
        "\n{:>10}{:>8}  the kernel was entered for\n",
        "in all", "times"
    );
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, (_, instructions))| std::cmp::Reverse(*instructions));
    for (name, (times, instructions)) in rows {
        let _ = writeln!(text, "{instructions:>10}{times:>8}  {name}");
    }
    text
}

/// The table: instructions by binary, then by symbol.
fn table(executed: &Executed, binaries: &[Binary], stub: &mut Stub) -> Result<String, String> {
    let mut owners: HashMap<u64, Option<&Binary>> = HashMap::new();
    let (mut of_binary, mut of_symbol) = (BTreeMap::new(), BTreeMap::new());
    let kernel = binaries.iter().find(|binary| binary.name == "kernel");
    for (&(root, address), &count) in executed {
        let binary = if address >= KERNEL_HALF {
            kernel
        } else {
            let known = owners.get(&root).copied().flatten();
            if known.is_some_and(|binary| binary.code_at(address).is_some()) {
                known
            } else {
                let found = stub.owner(binaries, root, address)?;
                owners.insert(root, found);
                found
            }
        };
        let name = binary.map_or("unknown", |binary| binary.name.as_str());
        let symbol = binary.map_or_else(String::new, |binary| binary.symbol_at(address));
        let sum = of_binary.entry(name).or_insert(0_u64);
        *sum = sum.saturating_add(count);
        let sum = of_symbol.entry((name, symbol)).or_insert(0_u64);
        *sum = sum.saturating_add(count);
    }
    let total: u64 = executed.values().sum();
    let mut text = String::new();
    let mut rows: Vec<_> = of_binary.into_iter().collect();
    rows.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    for (name, count) in rows {
        let _ = writeln!(text, "{count:>10}  {name}");
    }
    let _ = writeln!(text, "{total:>10}  in all\n");
    let mut rows: Vec<_> = of_symbol.into_iter().collect();
    rows.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let rest: u64 = rows.iter().skip(SHOWN).map(|&(_, count)| count).sum();
    for ((name, symbol), count) in rows.into_iter().take(SHOWN) {
        let _ = writeln!(text, "{count:>10}  {name:<14}  {symbol}");
    }
    let _ = writeln!(text, "{rest:>10}  everything else");
    Ok(text)
}

/// An ELF file with its symbols.
struct Binary {
    name: String,
    /// Start and name, by address.
    symbols: Vec<(u64, String)>,
    /// The segments with code: where, and the bytes.
    code: Vec<(u64, Vec<u8>)>,
}

fn binaries(image: &Image) -> Result<Vec<Binary>, String> {
    let mut binaries = vec![Binary::read(&image.kernel_symbols, "kernel")?];
    for path in &image.symbols {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        binaries.push(Binary::read(path, &name)?);
    }
    Ok(binaries)
}

impl Binary {
    fn read(path: &Path, name: &str) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
        let file =
            ElfBytes::<LittleEndian>::minimal_parse(&bytes).map_err(|error| wrong(&error))?;
        let mut symbols = Vec::new();
        if let Some((table, names)) = file.symbol_table().map_err(|error| wrong(&error))? {
            // The kernel's assembler marks no function as one.
            let wanted = |kind: u8| kind == STT_FUNC || kind == 0;
            for symbol in table.iter().filter(|symbol| wanted(symbol.st_symtype())) {
                if let Ok(name) = names.get(symbol.st_name as usize)
                    && !name.is_empty()
                {
                    symbols.push((symbol.st_value, readable(name)));
                }
            }
        }
        symbols.sort();
        let segments = file.segments().into_iter().flat_map(|table| table.iter());
        let code = segments
            .filter(|segment| segment.p_flags & elf::abi::PF_X != 0)
            .filter_map(|segment| {
                let data = file.segment_data(&segment).ok()?;
                Some((segment.p_vaddr, data.to_vec()))
            })
            .collect();
        Ok(Self {
            name: name.to_owned(),
            symbols,
            code,
        })
    }

    fn address_of(&self, symbol: &str) -> Option<u64> {
        let mut found = self.symbols.iter().filter(|(_, name)| name == symbol);
        found.next().map(|&(address, _)| address)
    }

    fn symbol_at(&self, address: u64) -> String {
        let after = self.symbols.partition_point(|&(start, _)| start <= address);
        let symbol = after
            .checked_sub(1)
            .and_then(|place| self.symbols.get(place));
        symbol.map_or_else(String::new, |(_, name)| name.clone())
    }

    /// The code from an address on.
    fn code_at(&self, address: u64) -> Option<&[u8]> {
        self.code.iter().find_map(|(start, bytes)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(offset..).filter(|rest| !rest.is_empty())
        })
    }
}

/// A symbol's name as it stands in the source, as far as that is easily said.
fn readable(symbol: &str) -> String {
    let Some(mut rest) = symbol.strip_prefix("_ZN") else {
        return symbol.to_owned();
    };
    let mut parts: Vec<&str> = Vec::new();
    while let Some(end) = rest.find(|c: char| !c.is_ascii_digit()) {
        let Ok(length) = rest.get(..end).unwrap_or_default().parse::<usize>() else {
            break;
        };
        let Some(part) = rest.get(end..end.saturating_add(length)) else {
            break;
        };
        parts.push(part);
        rest = rest.get(end.saturating_add(length)..).unwrap_or_default();
    }
    // The last is a hash.
    parts.pop();
    let mut name = parts.join("::");
    for (code, character) in [
        ("$LT$", "<"),
        ("$GT$", ">"),
        ("$RF$", "&"),
        ("$C$", ","),
        ("$u20$", " "),
        ("$u7b$", "{"),
        ("$u7d$", "}"),
        ("..", "::"),
    ] {
        name = name.replace(code, character);
    }
    name
}

/// QEMU's gdb stub.
struct Stub {
    stream: UnixStream,
}

impl Stub {
    fn connect(socket: &Path) -> Result<Self, String> {
        let began = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if began.elapsed() > Duration::from_secs(20) => {
                    return Err(format!("QEMU's gdb stub: {error}"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(|error| error.to_string())?;
        let mut stub = Self { stream };
        stub.ask("qSupported")?;
        stub.ask("?")?;
        Ok(stub)
    }

    /// Runs the machine until it is about to execute the instruction at an address.
    fn run_to(&mut self, address: u64) -> Result<(), String> {
        self.ask(&format!("Z0,{address:x},1"))?;
        let stop = self.ask("c")?;
        if !stop.starts_with('T') && !stop.starts_with('S') {
            return Err(format!("the machine ended before its mark: {stop}"));
        }
        self.ask(&format!("z0,{address:x},1"))?;
        Ok(())
    }

    /// Gives an order to QEMU's monitor; what it says.
    fn monitor(&mut self, order: &str) -> Result<String, String> {
        let mut packet = String::from("qRcmd,");
        for byte in order.bytes() {
            let _ = write!(packet, "{byte:02x}");
        }
        let mut said = String::new();
        let mut answer = self.ask(&packet)?;
        loop {
            match answer.strip_prefix('O') {
                Some("K") => return Ok(said),
                Some(hex) => said.push_str(&String::from_utf8_lossy(&bytes_of(hex))),
                None => return Err(format!("{order}: {answer}")),
            }
            answer = self.receive()?;
        }
    }

    /// Which binary has the code that an address space has at an address.
    fn owner<'b>(
        &mut self,
        binaries: &'b [Binary],
        root: u64,
        address: u64,
    ) -> Result<Option<&'b Binary>, String> {
        let mut table = root;
        let mut entry = 0;
        for shift in [39_u32, 30, 21, 12] {
            let index = (address >> shift) & 0x1ff;
            entry = self.word(table.saturating_add(index.saturating_mul(8)))?;
            if entry & 1 == 0 {
                // It has been taken down since; all such are the programs'.
                return Ok(binaries.iter().find(|binary| binary.name == PROGRAM));
            }
            table = entry & 0x000f_ffff_ffff_f000;
            if shift > 12 && entry & 0x80 != 0 {
                let within = (1_u64 << shift).saturating_sub(0x1000);
                table = (table & !within) | (address & within);
                break;
            }
        }
        let page = if entry & 1 == 1 {
            table
        } else {
            return Ok(None);
        };
        let mut code = Vec::new();
        while code.len() < COMPARED {
            let at = page
                .saturating_add(address & 0xfff)
                .saturating_add(code.len() as u64);
            code.extend(self.word(at)?.to_le_bytes());
        }
        Ok(binaries.iter().find(|binary| {
            binary
                .code_at(address)
                .is_some_and(|bytes| bytes.starts_with(&code))
        }))
    }

    /// A word of physical memory.
    fn word(&mut self, address: u64) -> Result<u64, String> {
        // ADDRESS: 0xWORD
        let said = self.monitor(&format!("xp /1gx 0x{address:x}"))?;
        let word = said.trim().rsplit("0x").next().unwrap_or_default();
        u64::from_str_radix(word, 16).map_err(|error| format!("{said}: {error}"))
    }

    fn ask(&mut self, packet: &str) -> Result<String, String> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.stream, "${packet}#{sum:02x}").map_err(|error| error.to_string())?;
        self.receive()
    }

    fn receive(&mut self) -> Result<String, String> {
        let mut packet = Vec::new();
        // Acknowledgements come between packets.
        while self.byte()? != b'$' {}
        loop {
            match self.byte()? {
                b'#' => break,
                byte => packet.push(byte),
            }
        }
        let _sum = [self.byte()?, self.byte()?];
        self.stream
            .write_all(b"+")
            .map_err(|error| error.to_string())?;
        String::from_utf8(packet).map_err(|error| error.to_string())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let mut byte = [0];
        self.stream
            .read_exact(&mut byte)
            .map_err(|error| format!("QEMU's gdb stub: {error}"))?;
        let [byte] = byte;
        Ok(byte)
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mangled_name_is_made_readable() {
        assert_eq!(
            readable("_ZN11memory_core4pool4Pool6settle17h48b3e6cd481017b9E"),
            "memory_core::pool::Pool::settle"
        );
        assert_eq!(readable("handleFault"), "handleFault");
    }

    #[test]
    fn hexadecimal_digits_are_read() {
        assert_eq!(bytes_of("4f4b0a"), b"OK\n");
    }
}
