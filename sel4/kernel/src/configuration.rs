//! The kernel's configuration: one table, both kernels, and the reason for each line.
//!
//! Why a Rust table, and not the kernel's own Kconfig: its menu tool is not part of the package, and here each setting
//! has a type, a reason and a reader: [`Configuration::autoconf`] renders it for the compiler, the bindings' generator
//! asks [`Configuration::is_set`] and [`Configuration::holds`].
//!
//! What is not in the table is off. Off on purpose: `SUPPORT_PCID` (QEMU's TCG has none), `HUGE_PAGE` (would need a
//! processor with 1 GiB pages, and shifts the numbers of the object types), `IOMMU` and `VTX` (nothing here drives
//! devices or guests), `HARDWARE_DEBUG_API` and the benchmark options (they lengthen every kernel entry).

use core::fmt::Write as _;

/// Which of the two kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// What normally runs, and what is measured: prints nothing, checks no assertion.
    Release,
    /// Prints what it refuses and checks its assertions. Any thread may halt it, so hostile tests belong on the other.
    Debug,
}

impl Profile {
    /// Both kernels.
    pub const ALL: [Self; 2] = [Self::Release, Self::Debug];

    /// The name used for folders and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
        }
    }
}

/// What a setting is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A switch that is on.
    On,
    /// A number.
    Number(u32),
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name, without `CONFIG_`.
    pub name: &'static str,
    /// What it is set to.
    pub value: Value,
    /// Only in the debug kernel.
    pub debug_only: bool,
    /// Why it is there, or why it has that value.
    pub why: &'static str,
}

const fn on(name: &'static str, why: &'static str) -> Setting {
    Setting {
        name,
        value: Value::On,
        debug_only: false,
        why,
    }
}

const fn number(name: &'static str, value: u32, why: &'static str) -> Setting {
    Setting {
        name,
        value: Value::Number(value),
        debug_only: false,
        why,
    }
}

const fn debug(name: &'static str, value: Value, why: &'static str) -> Setting {
    Setting {
        name,
        value,
        debug_only: true,
        why,
    }
}

/// The table.
pub const SETTINGS: &[Setting] = &[
    on("ARCH_X86", "the architecture"),
    on("ARCH_X86_64", "its 64-bit kernel"),
    on("X86_64", "the same, as some headers ask for it"),
    on("PLAT_PC99", "the PC that QEMU emulates"),
    on(
        "KERNEL_MASTER",
        "the package's flavour of the kernel; headers ask for it",
    ),
    number("WORD_SIZE", 64, "the bit-field generator asks for it"),
    number(
        "ROOT_CNODE_SIZE_BITS",
        14,
        "16,384 slots (512 KiB) for the root task, which names every object of the servers",
    ),
    number(
        "MAX_NUM_BOOTINFO_UNTYPED_CAPS",
        167,
        "fits bootinfo's page with room to spare: 169 bytes and 12 for each: 2,173 of the 4,096",
    ),
    number(
        "RETYPE_FAN_OUT_LIMIT",
        256,
        "objects made by one retype: long enough to pay, short enough to stay preemptible",
    ),
    number(
        "MAX_NUM_WORK_UNITS_PER_PREEMPTION",
        75,
        "how often it clears a chunk (211 instructions each) before it looks for interrupts: 16,000 instructions",
    ),
    number(
        "RESET_CHUNK_BITS",
        10,
        "1 KiB cleared at a time: a page in four steps instead of sixteen",
    ),
    number("TIMER_TICK_MS", 2, "one tick"),
    number("TIME_SLICE", 5, "ticks until an equal gets its turn: 10 ms"),
    number(
        "NUM_DOMAINS",
        1,
        "domains are not used; the budgets are ours",
    ),
    number("NUM_PRIORITIES", 256, "all that a byte can name"),
    number("MAX_NUM_NODES", 1, "one processor"),
    number("CACHE_LN_SZ", 64, "every processor of the last decades"),
    number("KERNEL_STACK_BITS", 12, "one page, the kernel's default"),
    on(
        "FASTPATH",
        "a round trip of 380 instructions instead of about 1,700",
    ),
    on(
        "SYSCALL",
        "the instruction programs enter by; SYSENTER would be the other",
    ),
    on("HAVE_FPU", "programs may use floating point and SSE"),
    on(
        "FXSAVE",
        "how its registers are saved: what every 64-bit processor has",
    ),
    number("XSAVE_SIZE", 512, "bytes of an FXSAVE area"),
    number(
        "FPU_MAX_RESTORES_SINCE_SWITCH",
        64,
        "how long an idle owner keeps the FPU",
    ),
    on(
        "FSGSBASE_INST",
        "fs and gs bases by instruction (QEMU: +fsgsbase); the IPC buffer is found through gs",
    ),
    on("IRQ_IOAPIC", "interrupts through the IOAPIC"),
    number("MAX_NUM_IOAPIC", 1, "QEMU has one"),
    on(
        "XAPIC",
        "the local APIC that TCG has; X2APIC would be the other",
    ),
    on(
        "MULTIBOOT_GRAPHICS_MODE_NONE",
        "a serial line is all we print to",
    ),
    debug(
        "DEBUG_BUILD",
        Value::On,
        "assertions, and the system calls of the bindings' `debug` module",
    ),
    debug(
        "PRINTING",
        Value::On,
        "each refused invocation printed; unpreemptible, therefore not for release",
    ),
    debug(
        "USER_STACK_TRACE_LENGTH",
        Value::Number(16),
        "words of the stack printed with a fault nobody handles",
    ),
];

/// The configuration of one kernel.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    profile: Profile,
}

impl Configuration {
    /// The configuration of that kernel.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        Self { profile }
    }

    /// Which kernel this is for.
    #[must_use]
    pub const fn profile(self) -> Profile {
        self.profile
    }

    /// The settings in force.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> {
        SETTINGS
            .iter()
            .filter(move |setting| !setting.debug_only || self.profile == Profile::Debug)
    }

    /// Whether `name`, with its `CONFIG_`, is set to anything.
    #[must_use]
    pub fn is_set(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The number `name`, with its `CONFIG_`, is set to; 1 for a switch that is on.
    #[must_use]
    pub fn value(self, name: &str) -> Option<u32> {
        self.find(name).map(|setting| match setting.value {
            Value::On => 1,
            Value::Number(number) => number,
        })
    }

    /// Whether a preprocessor condition of the kernel's XML or headers holds; `None` if it is of a form not known here.
    ///
    /// The forms that occur: nothing at all, `defined(NAME)`, `defined NAME`, and `NAME > NUMBER`.
    #[must_use]
    pub fn holds(self, condition: &str) -> Option<bool> {
        let condition = condition.trim();
        if condition.is_empty() {
            return Some(true);
        }
        if let Some(rest) = condition.strip_prefix("defined") {
            let name = rest
                .trim()
                .trim_start_matches('(')
                .trim_end_matches(')')
                .trim();
            return is_name(name).then(|| self.is_set(name));
        }
        let (name, limit) = condition.split_once('>')?;
        let limit: u32 = limit.trim().parse().ok()?;
        let name = name.trim();
        // The preprocessor takes a name it does not know for 0.
        is_name(name).then(|| self.value(name).unwrap_or(0) > limit)
    }

    /// The `autoconf.h` that the kernel is compiled with.
    #[must_use]
    pub fn autoconf(self) -> String {
        let mut text = String::from(
            "/* Written by sel4-kernel from its table; changes here are lost. */\n#pragma once\n",
        );
        for setting in self.settings() {
            let value = match setting.value {
                Value::On => 1,
                Value::Number(number) => number,
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "#define CONFIG_{} {value} /* {} */",
                setting.name, setting.why
            );
        }
        text
    }

    fn find(self, name: &str) -> Option<&'static Setting> {
        let name = name.strip_prefix("CONFIG_")?;
        self.settings().find(|setting| setting.name == name)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_kernel_has_all_that_the_release_kernel_has_and_more() {
        let release = Configuration::of(Profile::Release);
        let debug = Configuration::of(Profile::Debug);
        assert!(
            release
                .settings()
                .all(|setting| debug.is_set(&format!("CONFIG_{}", setting.name)))
        );
        assert!(!release.is_set("CONFIG_PRINTING"));
        assert!(debug.is_set("CONFIG_PRINTING"));
    }

    #[test]
    fn no_setting_stands_twice_and_each_has_a_reason() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert!(!setting.why.is_empty(), "{} has no reason", setting.name);
            assert!(
                !setting.why.contains("*/"),
                "{} would end its comment",
                setting.name
            );
            assert!(
                SETTINGS[index + 1..]
                    .iter()
                    .all(|other| other.name != setting.name),
                "{} stands twice",
                setting.name
            );
        }
    }

    #[test]
    fn conditions_are_answered_and_what_is_not_understood_is_not_guessed() {
        let configuration = Configuration::of(Profile::Release);
        assert_eq!(configuration.holds(""), Some(true));
        assert_eq!(configuration.holds("defined(CONFIG_VTX)"), Some(false));
        assert_eq!(configuration.holds("defined CONFIG_FASTPATH"), Some(true));
        assert_eq!(configuration.holds("CONFIG_MAX_NUM_NODES > 1"), Some(false));
        assert_eq!(configuration.holds("CONFIG_NUM_PRIORITIES > 1"), Some(true));
        assert_eq!(configuration.holds("CONFIG_UNKNOWN > 0"), Some(false));
        assert_eq!(configuration.holds("!defined(CONFIG_VTX)"), None);
        assert_eq!(configuration.holds("defined(A) && defined(B)"), None);
    }

    #[test]
    fn autoconf_has_a_line_for_each_setting() {
        let text = Configuration::of(Profile::Debug).autoconf();
        assert!(text.contains("#define CONFIG_ROOT_CNODE_SIZE_BITS 14 "));
        assert!(text.contains("#define CONFIG_DEBUG_BUILD 1 "));
        assert_eq!(text.matches("#define ").count(), SETTINGS.len());
    }
}
