//! From bootinfo to running servers.

use boot_core::grants::grants;
use boot_core::object::{Item, Port};
use boot_core::slots::SlotPool;
use boot_core::{Archive, BootPlan, Grants, Image, Inventory, Machine, PerServer, Untyped, layout};
use interfaces::ServerName;
use interfaces::system::{Mode, System};
use sel4::cap::Cap;
use sel4::{BootInfo, init, rdtsc};
use sel4_root_task::println;

use crate::failure::{Failure, Step};
use crate::helper::Helper;
use crate::input::Input;
use crate::load::Loader;
use crate::probe::{self, Kernel};
use crate::report::Reporter;
use crate::scratch::Scratch;
use crate::supervisor::Supervisor;
use crate::{archive, handout, machine_end, objects, space, start, timer};

/// Starts everything, or reports and ends the machine if that is what it was booted for.
pub fn boot(info: BootInfo) -> Result<Supervisor, Failure> {
    sel4_root_task::unmap_guard_page(&info).map_err(|error| Step::GuardPage.failed(error))?;
    let archive = Archive::new(archive::bytes());
    let encoded = archive.system().map_err(Failure::Archive)?;
    let system: System = postcard::from_bytes(encoded).map_err(Failure::System)?;
    let images = images(&archive)?;
    let plan = draw(info, &system, encoded, &images)?;

    objects::make(&plan)?;
    let helper = Helper::hire(&plan).map_err(|error| Step::Helper.failed(error))?;
    let kernel = probe::kernel(&helper).map_err(|error| Step::Helper.failed(error))?;
    banner(info, &plan, kernel);

    // SAFETY: the only call.
    let mut scratch = unsafe { Scratch::open(&plan)? };
    let grants = grants(&plan);
    for server in ServerName::ALL {
        let mut loader = Loader {
            plan: &plan,
            scratch: &mut scratch,
            system: encoded,
            server,
        };
        build(info, &mut loader, images.of(server))?;
    }
    timer::open(&plan).map_err(|error| Step::Timer.failed(error))?;
    println!("root-task: handing out; the kernel clears each block first");
    handout::hand_out(&plan, info, &grants)?;
    if system.mode == Mode::Report {
        let reporter = Reporter {
            info,
            plan: &plan,
            shared_mappings: system.room.shared_mappings,
            grants: &grants,
            kernel,
            helper: &helper,
        };
        let as_planned = reporter
            .report()
            .map_err(|error| Step::Report.failed(error))?;
        machine_end::end(as_planned);
    }
    helper
        .dismiss()
        .map_err(|error| Step::Helper.failed(error))?;
    start_servers(info, &plan, &system, &images, &grants)?;
    supervise(&plan, &system)
}

fn images<'a>(archive: &Archive<'a>) -> Result<PerServer<Image<'a>>, Failure> {
    PerServer::try_from_fn(|server| {
        let file = archive.server(server).map_err(Failure::Archive)?;
        Image::parse(file, layout::IMAGE).map_err(|error| Failure::Image(server, error))
    })
}

fn draw(
    info: BootInfo,
    system: &System,
    encoded: &[u8],
    images: &PerServer<Image<'_>>,
) -> Result<BootPlan, Failure> {
    let untypeds = info.untypeds().map(|untyped| Untyped {
        slot: untyped.slot,
        base: untyped.physical_address,
        bits: untyped.size_bits,
        device: untyped.is_device,
    });
    let empty = info.empty();
    BootPlan::draw(Machine {
        inventory: Inventory::take_stock(untypeds).map_err(Failure::Inventory)?,
        slots: SlotPool::new(empty.start, empty.end),
        system,
        system_bytes: encoded.len() as u64,
        archive_bytes: archive::bytes().len() as u64,
        images,
        tsc_megahertz: u32::try_from(info.tsc_megahertz()).unwrap_or(0),
    })
    .map_err(Failure::Plan)
}

/// Builds a server's address space.
fn build(info: BootInfo, loader: &mut Loader<'_>, image: &Image<'_>) -> Result<(), Failure> {
    let (plan, server) = (loader.plan, loader.server);
    let failed = |error| Step::Space(server).failed(error);
    space::make_tables(plan, server).map_err(failed)?;
    loader.load(image)?;
    space::map_heap(plan, server).map_err(failed)?;
    if server == ServerName::Limits {
        space::map_ground(plan, server).map_err(failed)?;
    }
    if server == ServerName::Memory {
        space::map_archive(plan, info, server).map_err(failed)?;
    }
    Ok(())
}

fn start_servers(
    info: BootInfo,
    plan: &BootPlan,
    system: &System,
    images: &PerServer<Image<'_>>,
    grants: &Grants,
) -> Result<(), Failure> {
    for server in ServerName::ALL {
        start::configure(plan, server, images.of(server), system.server_priority)
            .and_then(|()| start::resume(plan, server))
            .map_err(|error| Step::Start(server).failed(error))?;
        println!(
            "root-task: {server} started: image of {} pages, heap of {} MiB, {} capabilities, after {} ms",
            plan.servers.of(server).image_pages,
            plan.servers.of(server).heap_bytes >> 20,
            handout::count(grants, server),
            milliseconds(info),
        );
    }
    Ok(())
}

/// Steps down to the servers' priority, from where nobody is kept waiting.
fn supervise(plan: &BootPlan, system: &System) -> Result<Supervisor, Failure> {
    let endpoint = Cap::from_bits(plan.slot(Item::Endpoint(Port::Root)));
    let input = Input::open(plan);
    if let Err(error) = &input {
        // A machine without it still runs what it was booted for.
        println!("root-task: the serial line has no input: {error}");
    }
    let supervisor = Supervisor::new(endpoint, input.ok())
        .ok_or(Step::Settle.failed(sel4::Error::IllegalOperation))?;
    init::TCB
        .set_priority(system.server_priority)
        .map_err(|error| Step::Settle.failed(error))?;
    Ok(supervisor)
}

fn banner(info: BootInfo, plan: &BootPlan, kernel: Kernel) {
    let all = plan.inventory.bytes();
    let blocks = plan.remainders.bytes();
    println!(
        "Hurdle {} on seL4, {kernel}, after {} ms",
        env!("CARGO_PKG_VERSION"),
        milliseconds(info)
    );
    println!(
        "root-task: {} KiB of memory: {} for the servers, {} in {} blocks for the memory-server to hand out",
        all >> 10,
        all.saturating_sub(blocks) >> 10,
        blocks >> 10,
        plan.remainders.blocks.len(),
    );
}

/// Since the processor was switched on.
fn milliseconds(info: BootInfo) -> u64 {
    let ticks = info.tsc_megahertz().saturating_mul(1000);
    rdtsc().checked_div(ticks).unwrap_or(0)
}
