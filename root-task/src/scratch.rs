//! A page of the root task's own address space through which it fills frames.

use boot_core::image::PAGE_BYTES;
use boot_core::layout::ROOT_SCRATCH;
use boot_core::object::Item;
use boot_core::plan::BootPlan;
use sel4::cap::{self, Cap};
use sel4::{CapRights, VmAttributes, init};

use crate::failure::{Failure, Step};

const ADDRESS: u64 = ROOT_SCRATCH as u64;

/// The page. There is one, because two would be the same memory.
pub struct Scratch {
    page: *mut [u8; PAGE_BYTES],
}

impl Scratch {
    /// Maps the tables that the page needs.
    ///
    /// # Safety
    ///
    /// To be called once: the page belongs to the value that is made here.
    pub unsafe fn open(plan: &BootPlan) -> Result<Self, Failure> {
        let directory: cap::PageDirectory = Cap::from_bits(plan.slot(Item::ScratchDirectory));
        let table: cap::PageTable = Cap::from_bits(plan.slot(Item::ScratchTable));
        let attributes = VmAttributes::DEFAULT;
        directory
            .map(init::VSPACE, ADDRESS, attributes)
            .and_then(|()| table.map(init::VSPACE, ADDRESS, attributes))
            .map_err(|error| Step::Fill.failed(error))?;
        Ok(Self {
            page: core::ptr::with_exposed_provenance_mut(ROOT_SCRATCH),
        })
    }

    /// Fills a frame that nobody has mapped and that is still all zero.
    pub fn fill(
        &mut self,
        frame: cap::Frame,
        fill: impl FnOnce(&mut [u8; PAGE_BYTES]),
    ) -> Result<(), Failure> {
        frame
            .map(
                init::VSPACE,
                ADDRESS,
                CapRights::READ_WRITE,
                VmAttributes::DEFAULT,
            )
            .map_err(|error| Step::Fill.failed(error))?;
        // SAFETY: the frame has just been mapped there, readable and writable; the page is this value's, which is
        // borrowed for as long as the reference lives; it ends before the frame is unmapped.
        let page = unsafe { &mut *self.page };
        let cleared = page.iter().all(|&byte| byte == 0);
        if cleared {
            fill(page);
        }
        frame.unmap().map_err(|error| Step::Fill.failed(error))?;
        if cleared {
            Ok(())
        } else {
            Err(Failure::NotCleared)
        }
    }
}
