//! What clients ask the limits-server.
//!
//! A client reads its own group and those below it, and changes only groups strictly below its own: nobody inside
//! a group can change it or anything above it, but for whoever has been given the right to. [`Rights`] says which
//! rights there are and where they come from. `None` for a group always means "the group I am in".

use serde::{Deserialize, Serialize};

use crate::amounts::{Amounts, Limit, Resource, Shortage};
pub use crate::events::{
    ReadSnapshot, SnapshotPage, SnapshotRefusal, Unwatch, Watch, WatchRefusal, Watching,
};
use crate::identity::{GroupId, TaskId};
use crate::interface;
use crate::text::Text;

mod lasting;
mod plain;
mod rights;
mod usage;
mod words;

pub use lasting::{
    Cause, FindChild, FindGroupRefusal, Hold, ListTombstones, ReadTombstone, ReadTotals,
    RemoveGroup, RemoveRefusal, ResetPeaks, ResetRefusals, TOMBSTONES, Tombstone, TombstonePage,
    TombstoneRefusal, Totals, Unhold,
};
pub use plain::AccountView;
pub use rights::{
    ENTRIES_PER_GROUP, GiveUp, Grant, GrantRefusal, Holding, Holdings, ListRights, MyRights,
    OwnRefusal, Owner, ReadOwner, Revoke, RevokeRefusal, Rights, SetMode, SetOwner,
};

pub use words::WouldFew;

/// The longest label, in bytes (devlimit: `LabelSize - 1`).
pub const LABEL_BYTES: usize = 63;
/// The most ids in one page of a listing.
pub const PAGE: usize = 32;

/// A group's label.
pub type LabelText = Text<LABEL_BYTES>;

/// Opens a group below `parent`, which is the caller's group or one below it. The caller holds a reference on the
/// new group until it closes it or exits; the group's own size is charged to `parent` and all above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGroup {
    /// The group to open it in.
    pub parent: Option<GroupId>,
}

/// Lets go of the caller's reference: an empty group vanishes, another lives on while something is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseGroup {
    /// A group that the caller opened.
    pub group: GroupId,
}

/// Sets the hard limit of one kind, on a group strictly below the caller's. May be below the usage: nobody dies,
/// nothing more is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLimit {
    /// The group.
    pub group: GroupId,
    /// The kind.
    pub resource: Resource,
    /// The new limit.
    pub limit: Limit,
}

/// Sets the soft limit of one kind: crossing it is news, not a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSoftLimit {
    /// The group.
    pub group: GroupId,
    /// The kind.
    pub resource: Resource,
    /// The new soft limit.
    pub limit: Limit,
}

/// Labels a group strictly below the caller's. Labels need not be unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLabel {
    /// The group.
    pub group: GroupId,
    /// Its new label; empty for none.
    pub label: LabelText,
}

/// Reads everything about a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAccount {
    /// The group.
    pub group: Option<GroupId>,
}

/// Reads one kind's numbers of a group; short enough for the kernel's fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadResource {
    /// The group.
    pub group: Option<GroupId>,
    /// The kind.
    pub resource: Resource,
}

/// Reads what a group uses now, of every kind, all of it at one moment; short enough for the kernel's fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadUsage {
    /// The group.
    pub group: Option<GroupId>,
}

/// Lists the groups directly below one, [`PAGE`] at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListChildren {
    /// The group.
    pub group: Option<GroupId>,
    /// The last group of the page before.
    pub after: Option<GroupId>,
}

/// Lists the tasks directly in a group, [`PAGE`] at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListTasks {
    /// The group.
    pub group: Option<GroupId>,
    /// The last task of the page before.
    pub after: Option<TaskId>,
}

/// Asks for the limit that binds a group in fact: its own or one above it, whichever leaves least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveLimit {
    /// The group.
    pub group: Option<GroupId>,
    /// The kind.
    pub resource: Resource,
}

/// Asks whether a charge would be admitted now. Changes nothing, not even a refusal count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldFit {
    /// The group.
    pub group: Option<GroupId>,
    /// The whole vector.
    pub amounts: Amounts,
}

/// Asks for nothing: for who wants to know whether it is served, and what a round trip costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {}

/// Asks which task and which group the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {}

/// Moves the caller, with its threads, into a group at or below its own: all or nothing, and never back. What was
/// charged for it besides the counts of task and threads stays with the group that paid; its threads keep their
/// priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The group.
    pub group: GroupId,
}

/// The state of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GroupState {
    /// Admits charges as far as its limits allow.
    Live,
    /// Is being killed: admits nothing.
    Killing,
    /// Its threads are stopped.
    Frozen,
}

/// One kind's numbers of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceAccount {
    /// In use now, by the group and everything below it.
    pub usage: u64,
    /// The most that was ever in use at once. A refused charge never shows here.
    pub peak: u64,
    /// The hard limit.
    pub limit: Limit,
    /// The soft limit.
    pub soft: Limit,
    /// How many charges this group's own limit refused.
    pub refusals: u64,
}

/// Everything about a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The group.
    pub group: GroupId,
    /// The group above, unless it is the root or the caller may not see it.
    pub parent: Option<GroupId>,
    /// Its label, empty if none.
    pub label: LabelText,
    /// Its state.
    pub state: GroupState,
    /// The priority band of its tasks, an index into `system.toml`'s bands.
    pub band: u8,
    /// Tasks directly in it.
    pub tasks_here: u32,
    /// Groups directly below it.
    pub children: u32,
    /// In use now.
    pub usage: Amounts,
    /// The most that was ever in use at once.
    pub peak: Amounts,
    /// Hard limits; `u64::MAX` is `max`.
    #[serde(with = "crate::amounts::limits")]
    pub limit: [Limit; crate::RESOURCES],
    /// Refusals of this group's own limit, per kind.
    pub refusals: Amounts,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The ids, oldest first.
    pub items: heapless::Vec<T, PAGE>,
    /// Whether there are more after the last of these.
    pub more: bool,
}

/// The limit that binds a group in fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effective {
    /// What can still be charged here before some limit refuses; `Max` if none would.
    pub left: Limit,
    /// The smallest limit on the way up.
    pub limit: Limit,
    /// The group that leaves least, if there is one and the caller may see it.
    pub group: Option<GroupId>,
}

/// Who the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The task.
    pub task: TaskId,
    /// The group it is in.
    pub group: GroupId,
}

/// Asks what a group is guaranteed. `None` is the caller's own. It is set at the memory-server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadGuarantee {
    /// The group.
    pub group: Option<GroupId>,
}

/// What a group is guaranteed, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guaranteed {
    /// All of it; 0 is nothing.
    pub pages: u64,
    /// What of it is set aside: nobody in or below the group has reserved it.
    pub left: u64,
}

/// Why a group was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenGroupRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The parent is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
    /// The ledger has no room for another group.
    LedgerFull,
    /// The caller may see the parent, but not open groups in it.
    NotYours,
    /// Every place is taken, and there can be more: ask the memory-server for [`crate::memory::MakeRoom`], then again.
    NoRoomYet,
}

/// Why a group was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseGroupRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The caller holds no reference on it.
    NotYours,
}

/// Why a limit or a label was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The caller lacks the right to change it so.
    NotYours,
    /// The label has a control character.
    BadLabel,
    /// No room left to keep what differs from a plain group's settings.
    LedgerFull,
    /// A limit is in the way of keeping it.
    Short(Shortage),
    /// A group above is being killed, so nothing more can be charged for keeping it.
    Killing,
}

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The task or group to go on after is no longer there: start again.
    Stale,
}

/// Why a charge would not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WouldFitRefusal {
    /// No such group, or not one that the caller may see.
    UnknownGroup,
    /// The group, or one above it, is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
}

/// Why the caller stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnterRefusal {
    /// No such group, or neither the caller's nor below it.
    UnknownGroup,
    /// One of the groups is being killed.
    Killing,
    /// A limit is in the way.
    Short(Shortage),
    /// One of the groups is frozen and the other is not, or the caller is just being frozen or thawed.
    Frozen,
}

/// There is no way to refuse this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Never {}

/// Reads whether a group is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFreeze {
    /// The group; the caller's own if none.
    pub group: Option<GroupId>,
}

/// Whether a group is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// How often it was frozen itself and not thawed.
    pub times: u32,
    /// Whether it is to stand still: because of that, or because a group above it is frozen.
    pub frozen: bool,
}

interface! {
    /// Who may use how much of what.
    pub interface 1 version 1 {
        /// Opens a group.
        0 => open_group(OpenGroup) -> GroupId, or OpenGroupRefusal, short;
        /// Lets go of a group.
        1 => close_group(CloseGroup) -> (), or CloseGroupRefusal, short;
        /// Sets a hard limit.
        2 => set_limit(SetLimit) -> (), or SetRefusal, short;
        /// Sets a soft limit.
        3 => set_soft_limit(SetSoftLimit) -> (), or SetRefusal, short;
        /// Labels a group.
        4 => set_label(SetLabel) -> (), or SetRefusal;
        /// Reads everything about a group.
        5 => read_account(ReadAccount) -> Account, or ReadRefusal, plain lay_account_out(ReadAccount);
        /// Reads one kind's numbers.
        6 => read_resource(ReadResource) -> ResourceAccount, or ReadRefusal, short;
        /// Lists groups.
        7 => list_children(ListChildren) -> Page<GroupId>, or ReadRefusal;
        /// Lists tasks.
        8 => list_tasks(ListTasks) -> Page<TaskId>, or ReadRefusal;
        /// What binds in fact.
        9 => effective_limit(EffectiveLimit) -> Effective, or ReadRefusal;
        /// Would it fit.
        10 => would_fit(WouldFit) -> (), or WouldFitRefusal, short would_few(WouldFew);
        /// Who am I.
        11 => who_am_i(WhoAmI) -> Membership, or Never, short;
        /// Goes further down.
        12 => enter(Enter) -> (), or EnterRefusal, short;
        /// Hands rights on.
        13 => grant(Grant) -> (), or GrantRefusal;
        /// Takes rights back.
        14 => revoke(Revoke) -> (), or RevokeRefusal;
        /// Gives rights up.
        15 => give_up(GiveUp) -> (), or RevokeRefusal;
        /// Who has which rights.
        16 => list_rights(ListRights) -> Holdings, or ReadRefusal;
        /// Which rights the caller has.
        17 => my_rights(MyRights) -> Rights, or ReadRefusal;
        /// Sets who owns a group.
        18 => set_owner(SetOwner) -> (), or OwnRefusal;
        /// Sets a group's mode.
        19 => set_mode(SetMode) -> (), or OwnRefusal;
        /// Who owns a group.
        20 => read_owner(ReadOwner) -> Owner, or ReadRefusal;
        /// Sets peaks back.
        21 => reset_peaks(ResetPeaks) -> (), or SetRefusal;
        /// Sets counts of refusals back.
        22 => reset_refusals(ResetRefusals) -> (), or SetRefusal;
        /// Makes a group outlive who opened it.
        23 => hold(Hold) -> (), or SetRefusal;
        /// Lets an empty group vanish.
        24 => unhold(Unhold) -> (), or SetRefusal;
        /// Removes an empty group.
        25 => remove_group(RemoveGroup) -> (), or RemoveRefusal;
        /// Finds a group by its label.
        26 => find_child(FindChild) -> GroupId, or FindGroupRefusal;
        /// What is remembered of a group.
        27 => read_tombstone(ReadTombstone) -> Tombstone, or TombstoneRefusal;
        /// Which groups are remembered.
        28 => list_tombstones(ListTombstones) -> TombstonePage, or ReadRefusal;
        /// What a group has had in all.
        29 => read_totals(ReadTotals) -> Totals, or ReadRefusal;
        /// Lets a ring watch a group.
        30 => watch(Watch) -> Watching, or WatchRefusal;
        /// Lets a ring watch nothing.
        31 => unwatch(Unwatch) -> (), or WatchRefusal;
        /// What is there.
        32 => read_snapshot(ReadSnapshot) -> SnapshotPage, or SnapshotRefusal;
        /// Is it frozen.
        40 => read_freeze(ReadFreeze) -> Freeze, or ReadRefusal;
        /// What is it guaranteed.
        50 => read_guarantee(ReadGuarantee) -> Guaranteed, or ReadRefusal;
        /// Is anybody there.
        70 => ping(Ping) -> (), or Never, short;
        /// What a group uses.
        90 => read_usage(ReadUsage) -> Amounts, or ReadRefusal, short;
    }
}
