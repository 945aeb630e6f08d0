//! The short forms: what fits them comes back from them, what does not is not cut, and no words do any harm.

use interfaces::accounting::{
    Admitted, Charge, Confirm, EndTask, FewOf, FewTicket, Price, Ticket, TicketRefusal,
};
use interfaces::call::words_of;
use interfaces::encode::encode;
use interfaces::events::Ending;
use interfaces::limits::{
    Account, AccountView, CloseGroup, Enter, GroupState, Membership, OpenGroup, ReadAccount,
    ReadResource, ReadUsage, ResourceAccount, SetLimit, WhoAmI, WouldFew, WouldFit,
};
use interfaces::process::{
    Arguments, Clock, EndThread, Exit, FewArguments, FewSpawn, Freeze, JoinThread, Kill, KillGroup,
    MoveTask, ReadClock, Sleep, SleepUntil, Spawn, SpawnRefusal, StartThread, Thaw, Wait, WaitFor,
};
use interfaces::provision::{CreateTask, DestroyTask, Made, ProgramId, Progress, TASK_KIT};
use interfaces::short::{Few, Plain, Short, WORDS};
use interfaces::{Amounts, Call, GroupId, Limit, RESOURCES, Resource, Shortage, TaskId, Text};
use proptest::prelude::*;

fn comes_back<T: Short + PartialEq + core::fmt::Debug>(value: &T) {
    let words = value.to_words().expect("it fits");
    assert!(words.iter().skip(T::LENGTH).all(|&word| word == 0));
    assert_eq!(T::from_words(words).as_ref(), Some(value));
}

fn group() -> impl Strategy<Value = GroupId> {
    (0..1_u32 << 30, any::<u32>()).prop_map(|(index, generation)| GroupId { index, generation })
}

fn task() -> impl Strategy<Value = TaskId> {
    (0..1_u32 << 13, any::<u32>()).prop_map(|(index, generation)| TaskId { index, generation })
}

fn kind() -> impl Strategy<Value = Resource> {
    proptest::sample::select(Resource::ALL.to_vec())
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![Just(Limit::Max), any::<u64>().prop_map(Limit::At)]
}

/// Of every kind as many bits as there are chosen, mostly none.
fn amounts() -> impl Strategy<Value = Amounts> {
    let number = prop_oneof![Just(0), Just(0), 0..1_u64 << 16, any::<u64>()];
    proptest::array::uniform11(number).prop_map(Amounts::from)
}

fn small() -> impl Strategy<Value = Amounts> {
    let number = prop_oneof![Just(0), 0..1_u64 << 16];
    proptest::array::uniform11(number).prop_map(Amounts::from)
}

/// Whether amounts have a short form.
fn fits(amounts: &Amounts) -> bool {
    let numbers: Vec<u64> = amounts.present().map(|(_, number)| number).collect();
    match numbers[..] {
        [] => true,
        [one] => one < 1 << 48,
        _ => numbers.iter().all(|&number| number < 1 << 16),
    }
}

proptest! {
    #[test]
    fn a_shortage_comes_back_and_so_do_the_refusals_that_are_one(
        resource in kind(),
        group in proptest::option::of(group()),
        (limit, used) in any::<(u64, u64)>(),
        asked in 0..1_u64 << 56,
    ) {
        let shortage = Shortage { resource, group, limit, used, asked };
        comes_back(&shortage);
        let ticket = TicketRefusal::Short(shortage);
        let words = Ticket::shorten_refusal(&ticket).expect("it is a shortage");
        prop_assert_eq!(Ticket::lengthen_refusal(words), Some(ticket));
        let spawn = SpawnRefusal::Ticket(ticket);
        let words = Spawn::shorten_refusal(&spawn).expect("it is a shortage");
        prop_assert_eq!(Spawn::lengthen_refusal(words), Some(spawn));
        let large = Shortage { asked: asked | 1 << 56, ..shortage };
        prop_assert!(large.to_words().is_none());
    }

    #[test]
    fn an_end_comes_back(task in task(), code in any::<i32>(), by in task(), group in group()) {
        let endings = [
            Ending::NeverRan,
            Ending::Exited { code },
            Ending::Killed { by: Some(by) },
            Ending::GroupKilled { group: Some(group) },
        ];
        for ending in endings {
            comes_back(&EndTask { task, ending });
        }
        for ending in [Ending::Killed { by: None }, Ending::GroupKilled { group: None }] {
            let words = EndTask { task, ending }.to_words();
            prop_assert!(words.is_none());
        }
    }

    #[test]
    fn what_a_task_is_made_of_comes_back(
        (task, payer) in (task(), group()),
        program in any::<u8>(),
        (thread, entry, stack_top, ipc_buffer) in any::<(u32, u32, u32, u32)>(),
        words in any::<[u64; WORDS]>(),
    ) {
        comes_back(&CreateTask { task, thread, program: ProgramId(program), payer });
        comes_back(&DestroyTask { task });
        comes_back(&Made { entry, stack_top, ipc_buffer });
        comes_back(&Progress::More);
        comes_back(&Progress::Done);
        if let Some(end) = EndTask::from_words(words) {
            prop_assert_eq!(end.to_words().map(|end| end[..3].to_vec()), Some(words[..3].to_vec()));
        }
    }

    #[test]
    fn an_exit_and_a_wait_come_back(
        code in any::<i32>(),
        child in proptest::option::of(task()),
        words in any::<[u64; WORDS]>(),
    ) {
        comes_back(&Exit { code });
        comes_back(&Wait { child });
        let nobody = TaskId { index: u32::MAX, generation: u32::MAX };
        let refused = Wait { child: Some(nobody) }.to_words();
        prop_assert!(refused.is_none());
        prop_assert_eq!(Exit::from_words(words).is_some(), words[0] <= u32::MAX.into());
    }

    #[test]
    fn what_the_proc_server_is_asked_all_day_comes_back(
        (task, group) in (task(), group()),
        child in proptest::option::of(task()),
        (entry, stack_top, number) in any::<(u32, u32, u32)>(),
        (ns, argument) in any::<(u64, u64)>(),
        myself in any::<bool>(),
        words in any::<[u64; WORDS]>(),
    ) {
        comes_back(&WaitFor { child, ns });
        comes_back(&Kill { task });
        comes_back(&KillGroup { group });
        comes_back(&Freeze { group });
        comes_back(&Thaw { group });
        comes_back(&MoveTask { task, group });
        comes_back(&StartThread { entry, stack_top, argument });
        comes_back(&EndThread { number, myself });
        comes_back(&JoinThread { number });
        comes_back(&Sleep { ns });
        comes_back(&SleepUntil { clock: Clock { ns } });
        comes_back(&Clock { ns });
        comes_back(&ReadClock {});
        comes_back(&number);
        let narrow = words[0] <= u32::MAX.into();
        prop_assert_eq!(JoinThread::from_words(words).is_some(), narrow);
        prop_assert_eq!(u32::from_words(words).is_some(), narrow);
        prop_assert_eq!(EndThread::from_words(words).is_some(), words[0] >> 32 <= 1);
    }

    #[test]
    fn a_spawn_with_short_arguments_comes_back(
        program in any::<u8>(),
        group in proptest::option::of(group()),
        text in "[ -~é]{0,20}",
    ) {
        let arguments = Text::try_new(&text).unwrap();
        let spawn = Spawn { program: ProgramId(program), group, arguments };
        let few = spawn.few();
        prop_assert_eq!(few.is_some(), text.len() <= 16);
        prop_assert_eq!(Call::shorten(&spawn).is_some(), few.is_some());
        if let Some(few) = few {
            comes_back(&few);
            comes_back(&spawn.arguments);
            prop_assert_eq!(few.arguments.text(), spawn.arguments);
            prop_assert_eq!((few.program, few.group), (spawn.program, spawn.group));
        }
    }

    #[test]
    fn words_that_are_no_spawn_are_none(words in any::<[u64; WORDS]>(), length in 0..20_u8) {
        let mut few = words;
        few[0] = u64::from(length) << 8;
        for words in [words, few] {
            if let Some(spawn) = FewSpawn::from_words(words) {
                prop_assert_eq!(spawn.to_words(), Some(words));
            }
            let text = [u64::from(length), words[1], words[2], 0];
            if let Some(arguments) = Arguments::from_words(text) {
                prop_assert_eq!(arguments.to_words(), Some(text));
            }
        }
    }

    #[test]
    fn arguments_are_text_with_nothing_behind_it(
        length in 0..20_u64,
        bytes in any::<[u8; 16]>(),
        written in 0..=16_usize,
        ascii in any::<bool>(),
    ) {
        let mut bytes = bytes;
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte &= if ascii { 0x7f } else { 0xff };
            *byte &= if place < written { 0xff } else { 0 };
        }
        let halves = bytes.as_chunks::<8>().0;
        let words = [length, u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]), 0];
        let length = usize::try_from(length).unwrap();
        let expected = bytes
            .get(..length)
            .filter(|_| bytes.iter().skip(length).all(|&byte| byte == 0))
            .and_then(|text| core::str::from_utf8(text).ok());
        let found = FewArguments::from_words(words).map(FewArguments::text);
        prop_assert_eq!(found.as_ref().map(Arguments::as_str), expected);
    }

    #[test]
    fn amounts_come_back_or_do_not_fit(amounts in prop_oneof![amounts(), small()]) {
        let few = Few::of(&amounts);
        prop_assert_eq!(few.is_some(), fits(&amounts));
        if let Some(few) = few {
            prop_assert_eq!(few.amounts(), amounts);
            let one = few.alone();
            let all: Vec<_> = one.into_iter().chain(few.several().take(if one.is_some() { 0 } else { 11 })).collect();
            prop_assert_eq!(all, amounts.present().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_a_group_uses_comes_back_or_does_not_fit(words: [u64; WORDS], kind in kind(), number: u64) {
        // Every bit is one kind's.
        let usage = <Amounts as Short>::from_words(words).expect("all words are some amounts");
        comes_back(&usage);
        prop_assert_eq!(usage.to_words(), Some(words));
        // A number is found in its place, or has none that it fits.
        let one = Amounts::of(kind, number);
        match one.to_words() {
            Some(words) => prop_assert_eq!(<Amounts as Short>::from_words(words), Some(one)),
            None => prop_assert!(number >> 12 != 0),
        }
        let small = usage.with(kind, number & 0xfff);
        comes_back(&small);
    }

    #[test]
    fn what_clients_ask_comes_back(group in group(), task in task(), kind in kind(), limit in limit(), amounts in small()) {
        comes_back(&OpenGroup { parent: None });
        comes_back(&OpenGroup { parent: Some(group) });
        comes_back(&CloseGroup { group });
        comes_back(&Enter { group });
        comes_back(&SetLimit { group, resource: kind, limit });
        comes_back(&ReadResource { group: Some(group), resource: kind });
        comes_back(&ReadUsage { group: Some(group) });
        comes_back(&WhoAmI {});
        comes_back(&Membership { task, group });
        comes_back::<WouldFew>(&WouldFit { group: Some(group), amounts }.few().unwrap());
        comes_back::<FewOf<GroupId>>(&Charge { group, amounts }.few().unwrap());
    }

    #[test]
    fn numbers_of_a_kind_come_back_or_do_not_fit(usage: u64, small: u32, limit in limit(), soft in limit(), refusals: u64) {
        for usage in [usage, u64::from(small)] {
            let account = ResourceAccount { usage, peak: usage, limit, soft, refusals };
            let wide = u32::try_from(usage).is_err()
                || [limit, soft].contains(&Limit::At(u64::MAX));
            prop_assert_eq!(account.to_words().is_none(), wide);
            if !wide {
                comes_back(&account);
            }
        }
    }

    #[test]
    fn tickets_come_back_or_do_not_fit(
        thread in 0..1_u32 << 16,
        task in task(),
        parent in proptest::option::of(task()),
        group in proptest::option::of(group()),
        others in amounts(),
        band: u8,
        frozen: bool,
    ) {
        let amounts = others.with(Resource::Tasks, 1).with(Resource::Threads, 1);
        let others = others.with(Resource::Tasks, 0).with(Resource::Threads, 0);
        let ticket = Ticket { thread, task, parent, group, amounts };
        let (spaces, wide) = (others.get(Resource::AddressSpaces), others.with(Resource::AddressSpaces, 0));
        let few = wide.present().count() <= 4 && wide.present().all(|(_, number)| number < 1 << 16);
        let fit = few && spaces <= 1;
        let few = ticket.few();
        prop_assert_eq!(few.is_some(), fit);
        if let Some(few) = few {
            comes_back(&few);
            prop_assert_eq!(Ticket::from(few), ticket);
            // In the order in which a vector is charged, of which a refusal names the first.
            let parts: Vec<_> = few.price.parts().collect();
            prop_assert_eq!(&parts, &amounts.present().collect::<Vec<_>>());
            if let Some(usual) = few.price.usual() {
                prop_assert_eq!(parts, usual);
            }
        }
        let two = Ticket { amounts: amounts.with(Resource::Tasks, 2), ..ticket };
        prop_assert_eq!(two.few(), None);
        comes_back(&Confirm { thread });
        if let Some(group) = group {
            comes_back(&Admitted { group, band, frozen });
        }
    }

    #[test]
    fn no_words_do_any_harm(words: [u64; WORDS]) {
        // Whatever is understood has a short form again.
        fn understood<T: Short>(words: [u64; WORDS]) {
            if let Some(value) = T::from_words(words) {
                assert!(value.to_words().is_some());
            }
        }
        understood::<SetLimit>(words);
        understood::<ReadResource>(words);
        understood::<FewTicket>(words);
        understood::<Confirm>(words);
        understood::<Admitted>(words);
        understood::<WouldFew>(words);
        if let Some(few) = Few::from_words([words[1], words[2], words[3]]) {
            let all = few.amounts();
            prop_assert!(all.present().count() <= RESOURCES);
        }
    }
}

#[test]
fn the_ticket_of_every_task_has_a_short_form() {
    let task = TaskId {
        index: 7,
        generation: 300,
    };
    let ticket = Ticket {
        thread: 8,
        task,
        parent: Some(task),
        group: None,
        // With what a program reserves and shares.
        amounts: TASK_KIT
            .with(Resource::Commit, 900)
            .with(Resource::CapSlots, 500),
    };
    let few = ticket.few().expect("it fits");
    comes_back(&few);
    assert_eq!(Ticket::from(few), ticket);
    // As a request it is the same, in both encodings.
    let (mut one, mut other) = ([0; 64], [0; 64]);
    let bytes = encode(&ticket, &mut one);
    assert_eq!(bytes, encode(&few, &mut other));
    assert_eq!(one, other);
    assert_eq!(few.shorten(), ticket.shorten());
    let parts: Vec<_> = few.price.parts().collect();
    assert_eq!(
        few.price.usual().as_ref().map(<[_; 7]>::as_slice),
        Some(&parts[..])
    );
    let other = Price::of(&TASK_KIT.with(Resource::Frames, 0)).expect("it fits");
    assert_eq!(other.usual(), None);
}

#[test]
fn a_ticket_with_a_number_too_few_or_too_many_is_none() {
    let ticket = Ticket {
        thread: 8,
        task: TaskId {
            index: 7,
            generation: 300,
        },
        parent: None,
        group: None,
        amounts: TASK_KIT,
    };
    let [task, parent, group, lanes] = ticket.few().and_then(|few| few.to_words()).expect("fits");
    let wide = TASK_KIT
        .with(Resource::AddressSpaces, 0)
        .present()
        .count()
        .saturating_sub(2);
    let last = u64::BITS
        .saturating_sub(16 * u32::try_from(4_usize.saturating_sub(wide)).expect("few"))
        .saturating_sub(16);
    let all = [task, parent, group, lanes];
    assert!(FewTicket::from_words(all).is_some());
    assert_eq!(
        FewTicket::from_words([task, parent, group, lanes & !(0xffff << last)]),
        None
    );
    if wide < 4 {
        assert_eq!(
            FewTicket::from_words([task, parent, group, lanes | (1 << 63)]),
            None
        );
    }
    // What every ticket has is not said again, and what nobody knows is refused.
    for bit in [
        Resource::Tasks.index(),
        Resource::Threads.index(),
        RESOURCES,
    ] {
        let others = parent | (1 << bit) << 16;
        assert_eq!(FewTicket::from_words([task, others, group, lanes]), None);
    }
}

#[test]
fn a_kind_that_is_not_known_is_refused() {
    assert_eq!(Few::from_words([1 << RESOURCES, 0, 0]), None);
    let kind = RESOURCES as u64;
    assert_eq!(SetLimit::from_words([1, kind, 0, 0]), None);
    assert_eq!(ReadResource::from_words([1, kind, 0, 0]), None);
    // `max` has no number.
    assert_eq!(SetLimit::from_words([1, 0x100, 1, 0]), None);
}

#[test]
fn a_request_that_does_not_fit_travels_in_the_general_encoding() {
    let group = GroupId::ROOT;
    let amounts = Amounts::of(Resource::Frames, 1 << 48);
    assert_eq!(Charge { group, amounts }.shorten(), None);
    let amounts = Amounts::of(Resource::Frames, 1 << 16).with(Resource::Tasks, 1);
    assert_eq!(Charge { group, amounts }.shorten(), None);
    let amounts = Amounts::of(Resource::Frames, (1 << 48) - 1);
    assert!(Charge { group, amounts }.shorten().is_some());
}

/// What an account's view lends.
#[derive(Clone, Debug)]
struct Lent {
    usage: [u64; RESOURCES],
    past_peak: [u64; RESOURCES],
    limit: [u64; RESOURCES],
    refusals: [u64; RESOURCES],
    bounded: bool,
    label: String,
}

impl Lent {
    fn view(&self, group: GroupId, parent: Option<GroupId>, state: GroupState) -> AccountView<'_> {
        AccountView {
            group,
            parent,
            label: &self.label,
            state,
            band: 3,
            tasks_here: 19,
            children: u32::MAX,
            usage: &self.usage,
            past_peak: &self.past_peak,
            bounds: self.bounded.then_some((&self.limit, &self.refusals)),
        }
    }

    /// Of an account, as it was laid out.
    fn of(account: &Account) -> Self {
        Self {
            usage: *account.usage.as_array(),
            past_peak: *account.peak.as_array(),
            limit: account.limit.map(Limit::bound),
            refusals: *account.refusals.as_array(),
            bounded: true,
            label: account.label.as_str().into(),
        }
    }
}

fn lent() -> impl Strategy<Value = Lent> {
    use proptest::array::uniform11;
    let number = || uniform11(prop_oneof![Just(0), any::<u32>().prop_map(u64::from)]);
    let limit = uniform11(prop_oneof![Just(u64::MAX), any::<u64>()]);
    let refusals = uniform11(prop_oneof![Just(0), any::<u64>()]);
    let all = (number(), number(), limit, refusals, any::<bool>());
    (all, "([ -~]{0,63}|[é ]{0,31})").prop_map(
        |((usage, past_peak, limit, refusals, bounded), label)| Lent {
            usage,
            past_peak,
            limit,
            refusals,
            bounded,
            label,
        },
    )
}

fn state() -> impl Strategy<Value = GroupState> {
    use GroupState::{Frozen, Killing, Live};
    proptest::sample::select(vec![Live, Killing, Frozen])
}

/// An account laid out in plain words.
fn plain(view: &AccountView<'_>) -> Option<Vec<u64>> {
    let mut bytes = [0x5a; interfaces::call::MESSAGE_BYTES];
    let length = view.lay_out(&mut bytes)?;
    let words = bytes.chunks(8).take(length);
    Some(
        words
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight")))
            .collect(),
    )
}

/// What words stand for; no word beyond them is asked for.
fn read_plain(words: &[u64]) -> Option<Account> {
    Account::from_plain(words.len(), |place| {
        words.get(place).copied().unwrap_or(0x5a5a)
    })
}

proptest! {
    #[test]
    fn an_account_in_plain_words_comes_back(
        lent in lent(),
        group in group(),
        parent in proptest::option::of(group()),
        state in state(),
    ) {
        let view = lent.view(group, parent, state);
        let words = plain(&view).expect("it fits");
        prop_assert_eq!(read_plain(&words), Some(view.account()));
        // None is missing, and none is left over.
        prop_assert_eq!(words.split_last().and_then(|(_, fewer)| read_plain(fewer)), None);
        let longer: Vec<u64> = words.iter().copied().chain([0]).collect();
        prop_assert_eq!(read_plain(&longer), None);
        // What has no room is not cut, neither what is used nor what once was.
        for kind in 0..RESOURCES {
            let mut large = lent.clone();
            large.usage[kind] = 1 << 32;
            prop_assert_eq!(plain(&large.view(group, parent, state)), None);
            let mut large = lent.clone();
            large.past_peak[kind] = u64::MAX;
            prop_assert_eq!(plain(&large.view(group, parent, state)), None);
        }
    }

    #[test]
    fn words_that_are_no_account_are_none(
        lent in lent(),
        group in group(),
        words in proptest::collection::vec(any::<u64>(), 0..50),
        (place, flip) in (0..20_usize, 0..64_u32),
    ) {
        let mut broken = plain(&lent.view(group, None, GroupState::Live)).expect("it fits");
        // A word that is there, mostly.
        if let Some(word) = broken.get_mut(place) {
            *word ^= 1 << flip;
        }
        for words in [words, broken] {
            if let Some(account) = read_plain(&words) {
                let lent = Lent::of(&account);
                let mut view = lent.view(account.group, account.parent, account.state);
                view.band = account.band;
                view.tasks_here = account.tasks_here;
                view.children = account.children;
                // A peak below what is used is the only thing that nobody lays out.
                let odd = |kind: Resource| account.peak.get(kind) < account.usage.get(kind);
                if !Resource::ALL.into_iter().any(odd) {
                    prop_assert_eq!(plain(&view), Some(words));
                }
            }
        }
    }
}

#[test]
fn a_request_for_an_account_comes_back() {
    for group in [
        None,
        Some(GroupId {
            index: 300,
            generation: 2,
        }),
    ] {
        comes_back(&ReadAccount { group });
    }
}

#[test]
fn bytes_are_words_only_if_they_are_whole() {
    for wrong in [&[0; 7][..], &[0; 40], &[0; 33]] {
        assert!(words_of(wrong).length > WORDS);
    }
    assert_eq!(words_of(&[]).length, 0);
    let words = words_of(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
    assert_eq!((words.words, words.length), ([1, 0x200, 0, 0], 2));
}

#[test]
fn the_lists_say_which_operations_have_a_short_form() {
    use interfaces::{accounting, console, limits};
    assert!(limits::has_short_form(11) && accounting::has_short_form(5));
    assert!(
        limits::has_short_form(5) && !limits::has_short_form(7) && !limits::has_short_form(200)
    );
    for &(number, _) in limits::OPERATIONS {
        assert!(!limits::has_short_form(number | interfaces::short::BIT));
    }
    let none = |&(number, _): &(u8, _)| !console::has_short_form(number);
    assert!(console::OPERATIONS.iter().all(none));
}
