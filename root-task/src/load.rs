//! Fills a server's frames: its image, its IPC buffer, its start page, the encoded system.

use boot_core::image::{Image, PAGE_BYTES};
use boot_core::layout;
use boot_core::object::Item;
use boot_core::plan::BootPlan;
use interfaces::ServerName;
use sel4::cap::{self, Cap};
use sel4::{CapRights, VmAttributes};

use crate::authority::space;
use crate::failure::{Failure, Step};
use crate::scratch::Scratch;

/// Loads one server.
pub struct Loader<'a> {
    /// The plan.
    pub plan: &'a BootPlan,
    /// Where frames are filled.
    pub scratch: &'a mut Scratch,
    /// The encoded system, as the archive has it.
    pub system: &'a [u8],
    /// Whom it loads.
    pub server: ServerName,
}

impl Loader<'_> {
    /// Maps the server's pages, filled.
    pub fn load(&mut self, image: &Image<'_>) -> Result<(), Failure> {
        for (number, page) in (0..).zip(image.pages()) {
            let frame = self.frame(number)?;
            self.scratch.fill(frame, |bytes| {
                let place = bytes.get_mut(page.offset..).unwrap_or_default();
                copy(place, page.content);
            })?;
            self.map(frame, page.address, page.writable)?;
        }
        self.map_ipc_buffer()?;
        self.map_start_page()?;
        self.map_system()
    }

    fn map_ipc_buffer(&self) -> Result<(), Failure> {
        let frame = self.frame(self.plan.servers.of(self.server).ipc_frame())?;
        self.map(frame, layout::IPC_BUFFER, true)?;
        if self.server == ServerName::Memory {
            let frame = Cap::from_bits(self.plan.slot(Item::CleanerFrame));
            self.map(frame, layout::CLEANER_BUFFER, true)?;
        }
        Ok(())
    }

    fn map_start_page(&mut self) -> Result<(), Failure> {
        let frame = self.frame(self.plan.servers.of(self.server).start_frame())?;
        let start = self.plan.start(self.server);
        let mut written = Ok(());
        self.scratch.fill(frame, |bytes| {
            written = postcard::to_slice(&start, bytes).map(|_| ());
        })?;
        written.map_err(|_| Failure::StartPage(self.server))?;
        self.map(frame, layout::START, false)
    }

    fn map_system(&mut self) -> Result<(), Failure> {
        let first = self.plan.servers.of(self.server).system_frame();
        let addresses = (layout::SYSTEM..).step_by(PAGE_BYTES);
        let pages = self.system.chunks(PAGE_BYTES);
        for ((number, content), address) in (first..).zip(pages).zip(addresses) {
            let frame = self.frame(number)?;
            self.scratch.fill(frame, |bytes| copy(bytes, content))?;
            self.map(frame, address, false)?;
        }
        Ok(())
    }

    fn frame(&self, number: u64) -> Result<cap::Frame, Failure> {
        let slot = self.plan.slots(Item::Frames(self.server)).at(number);
        slot.map(Cap::from_bits)
            .ok_or(self.step().failed(sel4::Error::InvalidCapability))
    }

    fn map(&self, frame: cap::Frame, address: u64, writable: bool) -> Result<(), Failure> {
        let rights = if writable {
            CapRights::READ_WRITE
        } else {
            CapRights::READ
        };
        frame
            .map(
                space(self.plan, self.server),
                address,
                rights,
                VmAttributes::DEFAULT,
            )
            .map_err(|error| self.step().failed(error))
    }

    const fn step(&self) -> Step {
        Step::Space(self.server)
    }
}

/// Copies as much as there is place for; the image's checks have seen to it that this is all.
fn copy(place: &mut [u8], content: &[u8]) {
    for (to, from) in place.iter_mut().zip(content) {
        *to = *from;
    }
}
