//! Tries what a capability in a server's CNode allows, and which badge it carries.
//!
//! On a copy, which has no more than the original, before any server runs. What might block or fault for ever is done
//! by the helper: it calls, and the root task listens at the endpoint that the capability is to lead to; it listens, and
//! the root task sends; it writes into a page. An answer can come only from the right object.

use core::sync::atomic::{AtomicU64, Ordering};

use boot_core::grants::{Grant, Rights, Target};
use boot_core::layout::ROOT_SCRATCH;
use boot_core::object::Item;
use boot_core::plan::BootPlan;
use boot_core::walk::Tried;
use sel4::cap::{self, Cap};
use sel4::{CapRights, MessageInfo, Result, VmAttributes, init};

use crate::authority::{of, own};
use crate::helper::{Helper, say};

/// The label of a helper's call, and of the answer to it: no fault's, and no error's of the kernel.
const ASK: u64 = 0x5a5a;

/// What the helper's next call says, so that it is not taken for the last one.
static MARK: AtomicU64 = AtomicU64::new(1);

/// Tries capabilities.
pub struct Trial<'a> {
    /// The plan.
    pub plan: &'a BootPlan,
    /// Who tries.
    pub helper: &'a Helper,
}

impl Trial<'_> {
    /// What the capability in a slot of a line allows. `None` for kinds that have neither rights nor badge.
    pub fn allows(&self, grant: &Grant, slot: u64) -> Result<Option<Tried>> {
        let copy = own(self.plan.copies.trial);
        let source = of(self.plan, grant.server, slot);
        let object = grant.target.item().map_or(0, |item| self.plan.slot(item));
        copy.copy_from(source, CapRights::ALL)?;
        let tried = match grant.target {
            Target::Endpoint(_) => self
                .endpoint(Cap::from_bits(copy.index), Cap::from_bits(object))
                .map(Some),
            Target::News => self.notification(Cap::from_bits(copy.index)).map(Some),
            Target::Archive => self.frame(Cap::from_bits(copy.index)).map(Some),
            _ => Ok(None),
        };
        copy.delete()?;
        tried
    }

    fn endpoint(&self, copy: cap::Endpoint, real: cap::Endpoint) -> Result<Tried> {
        let mut rights = Rights::NONE;
        let mut badge = 0;
        let mark = MARK.fetch_add(1, Ordering::Relaxed);
        self.helper.run(ask, copy.bits())?;
        if self.helper.answer().is_none() {
            let (from, info, words) = sel4::nb_recv_registers(real);
            // Badge 0 may be a capability without one, or nothing at all; the words tell.
            rights.write = info.label() == ASK && words == [mark, !mark, mark, !mark];
            badge = if rights.write { from } else { 0 };
        }
        if rights.write {
            sel4::reply_registers(MessageInfo::new(ASK, 0, 0, 0), [0; 4]);
            rights.grant = self.helper.answer() == Some(ASK);
        }
        self.helper.run(listen, copy.bits())?;
        sel4::nb_send_registers(real, MessageInfo::new(ASK, 0, 0, 0), [0; 4]);
        rights.read = self.helper.answer() == Some(ASK);
        self.clear_unless(rights.read);
        Ok(Tried { rights, badge })
    }

    fn notification(&self, copy: cap::Notification) -> Result<Tried> {
        let news: cap::Notification = Cap::from_bits(self.plan.slot(Item::News));
        let _ = news.poll();
        copy.signal();
        let badge = news.poll();
        self.helper.run(wait, copy.bits())?;
        // A badge that is to be heard must not be 0; the root task's own capability has none.
        let sender = own(self.plan.copies.sender);
        sender.mint_from(own(news.bits()), CapRights::ALL, ASK)?;
        cap::Notification::from_bits(sender.index).signal();
        sender.delete()?;
        let read = self.helper.answer() == Some(ASK);
        self.clear_unless(read);
        let rights = Rights {
            read,
            write: badge != 0,
            grant: false,
        };
        Ok(Tried { rights, badge })
    }

    /// A frame is mapped with all rights that its capability gives; the helper writes back what it reads.
    fn frame(&self, copy: cap::Frame) -> Result<Tried> {
        let address = ROOT_SCRATCH as u64;
        copy.map(
            init::VSPACE,
            address,
            CapRights::READ_WRITE,
            VmAttributes::DEFAULT,
        )?;
        self.helper.run(read, address)?;
        let read = self.helper.answer().is_some();
        self.clear_unless(read);
        self.helper.run(write, address)?;
        let write = self.helper.answer().is_some();
        self.clear_unless(write);
        copy.unmap()?;
        let rights = Rights {
            read,
            write,
            grant: false,
        };
        Ok(Tried { rights, badge: 0 })
    }

    fn clear_unless(&self, answered: bool) {
        if !answered {
            self.helper.clear_fault();
        }
    }
}

extern "C" fn ask(endpoint: u64) -> ! {
    // The next mark is already counted; this call's is the one before.
    let mark = MARK.load(Ordering::Relaxed).wrapping_sub(1);
    let words = [mark, !mark, mark, !mark];
    let (info, _) = sel4::call_registers(
        Cap::from_bits(endpoint),
        MessageInfo::new(ASK, 0, 0, 4),
        words,
    );
    say(info.label())
}

extern "C" fn listen(endpoint: u64) -> ! {
    let (_, info, _) = sel4::recv_registers(Cap::from_bits(endpoint));
    say(info.label())
}

extern "C" fn wait(notification: u64) -> ! {
    say(cap::Notification::from_bits(notification).wait())
}

extern "C" fn read(address: u64) -> ! {
    // SAFETY: a page that is mapped, or a fault, which is the answer.
    unsafe { page(address).read_volatile() };
    say(1)
}

extern "C" fn write(address: u64) -> ! {
    let place = page(address);
    // SAFETY: as in `read`; what is there is not changed.
    unsafe { place.write_volatile(place.read_volatile()) };
    say(1)
}

#[expect(clippy::cast_possible_truncation, reason = "addresses have 64 bits")]
fn page(address: u64) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(address as usize)
}
