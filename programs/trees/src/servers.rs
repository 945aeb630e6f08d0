//! Whom the trees ask.

use interfaces::limits::{
    Account, Membership, OpenGroup, OpenGroupRefusal, ReadAccount, ReadUsage, WhoAmI,
};
use interfaces::memory::MakeRoom;
use interfaces::provision::Progress;
use interfaces::{Amounts, Call, CallError, GroupId, Transport, call};

use crate::error::Error;
use crate::tree::Trees;

/// The servers as the caller reaches them: its own endpoints in the guest, loopbacks on the host.
pub trait Servers {
    /// The limits-server.
    fn limits(&mut self) -> impl Transport;
    /// The proc-server.
    fn process(&mut self) -> impl Transport;
    /// The memory-server.
    fn memory(&mut self) -> impl Transport;
}

impl<S: Servers> Servers for &mut S {
    fn limits(&mut self) -> impl Transport {
        (**self).limits()
    }

    fn process(&mut self) -> impl Transport {
        (**self).process()
    }

    fn memory(&mut self) -> impl Transport {
        (**self).memory()
    }
}

impl<S: Servers> Trees<S> {
    /// Asks the limits-server.
    pub(crate) fn ask_limits<C: Call>(&mut self, request: &C) -> Result<C::Reply, Error>
    where
        C::Refusal: Into<Error>,
    {
        Ok(call(&mut self.servers.limits(), request)?)
    }

    /// Asks the proc-server.
    pub(crate) fn ask_process<C: Call>(&mut self, request: &C) -> Result<C::Reply, Error>
    where
        C::Refusal: Into<Error>,
    {
        Ok(call(&mut self.servers.process(), request)?)
    }

    /// Asks the memory-server.
    pub(crate) fn ask_memory<C: Call>(&mut self, request: &C) -> Result<C::Reply, Error>
    where
        C::Refusal: Into<Error>,
    {
        Ok(call(&mut self.servers.memory(), request)?)
    }

    /// Opens a group, making room for it if there is none yet.
    pub(crate) fn open_group(&mut self, parent: GroupId) -> Result<GroupId, Error> {
        let request = OpenGroup {
            parent: Some(parent),
        };
        loop {
            match call(&mut self.servers.limits(), &request) {
                Err(CallError::Refused(OpenGroupRefusal::NoRoomYet)) => {}
                opened => return Ok(opened?),
            }
            while self.ask_memory(&MakeRoom {})? == Progress::More {}
        }
    }

    /// Which task and which group the caller is.
    pub(crate) fn who_am_i(&mut self) -> Result<Membership, Error> {
        self.ask_limits(&WhoAmI {})
    }

    /// Everything about a group.
    pub(crate) fn account(&mut self, group: GroupId) -> Result<Account, Error> {
        self.ask_limits(&ReadAccount { group: Some(group) })
    }

    /// What a group uses now, of every kind.
    pub(crate) fn usage(&mut self, group: GroupId) -> Result<Amounts, Error> {
        self.ask_limits(&ReadUsage { group: Some(group) })
    }
}
