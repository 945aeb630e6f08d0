//! The generator, against facts found in a running system and in the kernel's generated headers.

#[path = "../generator/mod.rs"]
mod generator;

use generator::Description;
use sel4_kernel::{Configuration, KernelSource, Profile};

fn description(profile: Profile) -> Description {
    let source = KernelSource::locate().expect("Cargo fetched it");
    Description::read(&source, Configuration::of(profile)).expect("it is understood")
}

fn label(description: &Description, id: &str) -> u64 {
    let method = description.methods.iter().find(|method| method.id == id);
    method.unwrap_or_else(|| panic!("no {id}")).label
}

#[test]
fn labels_are_counted_through_all_three_files() {
    let release = description(Profile::Release);
    assert_eq!(label(&release, "UntypedRetype"), 1);
    assert_eq!(label(&release, "TCBReadRegisters"), 2);
    // Breakpoints and affinity, which are off, are not counted.
    assert_eq!(label(&release, "TCBUnbindNotification"), 13);
    assert_eq!(label(&release, "CNodeRevoke"), 14);
    assert_eq!(label(&release, "DomainSetSet"), 27);
    // The architecture's word size comes before the architecture.
    assert_eq!(label(&release, "X86PDPTMap"), 28);
    assert_eq!(label(&release, "X86PageDirectoryMap"), 30);
    assert!(
        release
            .methods
            .windows(2)
            .all(|pair| pair[1].label == pair[0].label.strict_add(1))
    );
    assert!(
        release
            .methods
            .iter()
            .all(|method| !method.id.contains("VCPU")),
        "virtualisation is off"
    );
}

#[test]
fn system_calls_are_counted_downwards_and_the_debug_kernel_has_more() {
    let release = description(Profile::Release).system_calls;
    let debug = description(Profile::Debug).system_calls;
    let expected = [
        ("Call", -1),
        ("ReplyRecv", -2),
        ("Send", -3),
        ("NBSend", -4),
        ("Recv", -5),
        ("Reply", -6),
        ("Yield", -7),
        ("NBRecv", -8),
    ];
    assert!(
        release
            .iter()
            .map(|(name, number)| (name.as_str(), *number))
            .eq(expected)
    );
    assert_eq!(debug[..8], release[..]);
    assert_eq!(debug[8], ("DebugPutChar".to_owned(), -9));
}

#[test]
fn object_types_go_on_from_header_to_header() {
    let header = description(Profile::Release).header;
    let value = |name| header.value(name).expect(name);
    assert_eq!(value("seL4_UntypedObject"), 0);
    assert_eq!(value("seL4_CapTableObject"), 4);
    assert_eq!(value("seL4_X86_PDPTObject"), 5);
    assert_eq!(value("seL4_X64_PML4Object"), 6);
    // Without huge pages; with them it would be 8.
    assert_eq!(value("seL4_X86_4K"), 7);
    assert_eq!(value("seL4_X86_PageDirectoryObject"), 10);
    assert_eq!(value("seL4_ObjectTypeCount"), 11);
}

#[test]
fn structures_are_laid_out_as_found_in_memory() {
    let header = description(Profile::Release).header;
    let place = |structure: &str, member: &str| {
        let layout = header.layout(structure).expect("its types are known");
        layout
            .iter()
            .find(|(name, _)| name == member)
            .map(|(_, place)| *place)
    };
    assert_eq!(place("seL4_BootInfo", "ipcBuffer"), Some(32));
    assert_eq!(place("seL4_BootInfo", "empty"), Some(40));
    assert_eq!(place("seL4_BootInfo", "initThreadCNodeSizeBits"), Some(136));
    assert_eq!(place("seL4_BootInfo", "untypedList"), Some(169));
    assert_eq!(place("seL4_UntypedDesc", ""), Some(12));
    assert_eq!(place("seL4_IPCBuffer", "msg"), Some(8));
    assert_eq!(place("seL4_IPCBuffer", ""), Some(1024));
}

#[test]
fn words_have_their_fields_where_the_kernel_looks() {
    let fields = description(Profile::Release).bit_fields;
    let label = &fields.block("seL4_MessageInfo").expect("it is there")[0];
    assert_eq!(
        (label.name.as_str(), label.shift, label.width),
        ("label", 12, 20)
    );
    let badge = fields
        .block("Badge")
        .expect("it is there")
        .last()
        .expect("it has fields");
    assert_eq!((badge.shift, badge.width), (0, 28));
    assert!(
        fields
            .tags("seL4_Fault")
            .expect("it is there")
            .contains(&("VMFault".to_owned(), 5))
    );
}

#[test]
fn parameters_are_packed_as_the_kernel_unpacks_them() {
    let source = KernelSource::locate().expect("Cargo fetched it");
    let text = generator::generate(&source).expect("it is understood");
    let stub = |name: &str| {
        let start = text
            .find(&format!("pub fn {name}("))
            .unwrap_or_else(|| panic!("no {name}"));
        text[start..]
            .split("\n}\n")
            .next()
            .expect("it ends")
            .to_owned()
    };
    // Seven words with a capability among them: one goes beside the message, four in registers, two in the buffer.
    let retype = stub("untyped_retype");
    assert!(retype.contains("set_extra_cap_word(0, root)"));
    assert!(retype.contains("[kind, size_bits, node_index, node_depth]"));
    assert!(retype.contains("set_ipc_buffer_word(5, num_objects)"));
    assert!(retype.contains("MessageInfo::new(label::UNTYPED_RETYPE, 0, 1, 6)"));
    // A bit, and a byte that is aligned to a byte, share a word.
    assert!(
        stub("tcb_read_registers")
            .contains("u64::from(suspend_source) | u64::from(arch_flags) << 8, count")
    );
    // Four bits one after the other, then a byte.
    let copy = stub("tcb_copy_registers");
    assert!(copy.contains("u64::from(transfer_integer) << 3 | u64::from(arch_flags) << 8"));
    // A structure takes a word a member: 2 + 19, of which the first four travel in registers.
    let write = stub("tcb_write_registers");
    assert!(write.contains("regs.word(0), regs.word(1)]"));
    assert!(write.contains("set_ipc_buffer_word(20, regs.word(18))"));
    // What comes back as a byte is cut to a byte.
    assert!(stub("x86_io_port_in8").contains("(words[0]) & 0xff"));
}

#[test]
fn what_is_not_understood_is_an_error_and_not_a_guess() {
    let configuration = Configuration::of(Profile::Release);
    let mut methods = Vec::new();
    let mut structures = Vec::new();
    let xml = |condition: &str, kind: &str| {
        format!(
            "<api><interface name=\"I\"><method id=\"M\" name=\"M\" condition=\"{condition}\">\
             <param dir=\"in\" name=\"p\" type=\"{kind}\"/></method></interface></api>"
        )
    };
    let unknown = generator::interfaces::read(
        &xml("A || B", "seL4_Word"),
        configuration,
        &mut methods,
        &mut structures,
    );
    assert_eq!(
        unknown,
        Err("a condition of an unknown form: A || B".to_owned())
    );
    generator::interfaces::read(
        &xml("", "seL4_Odd"),
        configuration,
        &mut methods,
        &mut structures,
    )
    .expect("it is read");
    let stub = generator::stubs::stub(&methods[0], &structures);
    assert_eq!(
        stub,
        Err("a parameter of unknown type: seL4_Odd".to_owned())
    );
}
