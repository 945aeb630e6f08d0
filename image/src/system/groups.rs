//! The tree of groups: labels resolved, parents before children, notes on limits that never bind.

use interfaces::limits::LabelText;
use interfaces::system::{GROUPS, Group};
use interfaces::{Limit, RESOURCES, Resource};

use super::assemble::unique;
use super::mistake::Noted;
use super::reader::Reader;
use super::sections::{BandDraft, GroupDraft};
use super::wrong::{Noun, Wrong};

/// The label of the group that is always there.
pub(super) const ROOT: &str = "root";

/// The list of groups as the guest receives it, and each one's label.
pub(super) fn groups(
    reader: &mut Reader<'_>,
    drafts: &[GroupDraft<'_>],
    bands: &[BandDraft<'_>],
) -> heapless::Vec<Group, GROUPS> {
    unique(reader, Noun::Group, drafts.iter().map(|draft| draft.label));
    for draft in drafts.iter().filter(|draft| draft.label.value == ROOT) {
        reader.wrong(draft.label.at, Wrong::RootDeclared);
    }
    let parents: Vec<Option<usize>> = drafts
        .iter()
        .map(|draft| parent(reader, drafts, draft))
        .collect();
    cycles(reader, drafts, &parents);
    notes(reader, drafts, &parents);
    let bands: Vec<u8> = drafts
        .iter()
        .map(|draft| band(reader, bands, draft))
        .collect();
    ordered(reader, drafts, &parents, &bands)
}

/// The parent's place among the drafts; none for the root, or if there is no such group.
fn parent(
    reader: &mut Reader<'_>,
    drafts: &[GroupDraft<'_>],
    draft: &GroupDraft<'_>,
) -> Option<usize> {
    let parent = draft.parent?;
    if parent.value == ROOT {
        return None;
    }
    let found = drafts
        .iter()
        .position(|other| other.label.value == parent.value);
    if found.is_none() {
        let labels = drafts.iter().map(|other| other.label.value);
        let known = std::iter::once(ROOT).chain(labels.filter(|&label| label != draft.label.value));
        let known = known.map(ToOwned::to_owned).collect();
        let found = parent.value.to_owned();
        reader.wrong(
            parent.at,
            Wrong::Unknown {
                noun: Noun::Group,
                found,
                known,
            },
        );
    }
    found
}

fn band(reader: &mut Reader<'_>, bands: &[BandDraft<'_>], draft: &GroupDraft<'_>) -> u8 {
    // That there are none at all has been said already.
    let Some(band) = draft.band.filter(|_| !bands.is_empty()) else {
        return 0;
    };
    let found = bands
        .iter()
        .position(|other| other.name.value == band.value);
    if found.is_none() {
        let known = bands
            .iter()
            .map(|other| other.name.value.to_owned())
            .collect();
        let found = band.value.to_owned();
        reader.wrong(
            band.at,
            Wrong::Unknown {
                noun: Noun::Band,
                found,
                known,
            },
        );
    }
    found
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

/// The groups above one, nearest first. Ends in a cycle too, after as many steps as there are groups.
fn above(parents: &[Option<usize>], group: usize) -> impl Iterator<Item = usize> + '_ {
    let next = |place: &usize| parents.get(*place).copied().flatten();
    std::iter::successors(next(&group), next).take(parents.len())
}

/// Reports each cycle once, at the first of its groups.
fn cycles(reader: &mut Reader<'_>, drafts: &[GroupDraft<'_>], parents: &[Option<usize>]) {
    for (place, draft) in drafts.iter().enumerate() {
        let Some(length) = above(parents, place).position(|other| other == place) else {
            continue;
        };
        let members: Vec<usize> = above(parents, place).take(length).collect();
        if members.iter().any(|&member| member < place) {
            continue;
        }
        let names = members.iter().filter_map(|&member| drafts.get(member));
        let names = names.map(|member| member.label.value.to_owned());
        let mut labels = vec![draft.label.value.to_owned()];
        labels.extend(names);
        labels.push(draft.label.value.to_owned());
        let at = draft.parent.map_or(draft.label.at, |parent| parent.at);
        reader.wrong(at, Wrong::Cycle { labels });
    }
}

/// Remarks on every limit that another one makes pointless.
fn notes(reader: &mut Reader<'_>, drafts: &[GroupDraft<'_>], parents: &[Option<usize>]) {
    for (place, draft) in drafts.iter().enumerate() {
        let group = draft.label.value;
        for ((resource, hard), soft) in Resource::ALL.into_iter().zip(draft.limits).zip(draft.soft)
        {
            if let Limit::At(limit) = hard.value {
                let lower = above(parents, place)
                    .filter_map(|other| drafts.get(other))
                    .find_map(|other| match other.limits.get(resource.index())?.value {
                        Limit::At(bound) if bound < limit => Some((other.label.value, bound)),
                        _ => None,
                    });
                if let Some((above, above_limit)) = lower {
                    let (group, above) = (group.to_owned(), above.to_owned());
                    reader.note(
                        hard.at,
                        Noted::LimitAboveParent {
                            group,
                            resource,
                            limit,
                            above,
                            above_limit,
                        },
                    );
                }
            }
            if let Limit::At(bound) = soft.value
                && bound > hard.value.bound()
            {
                let (group, hard) = (group.to_owned(), hard.value);
                reader.note(
                    soft.at,
                    Noted::SoftAboveHard {
                        group,
                        resource,
                        soft: bound,
                        hard,
                    },
                );
            }
        }
    }
}

/// The root, then the groups, each after the one above it: the guest opens them in this order.
fn ordered(
    reader: &mut Reader<'_>,
    drafts: &[GroupDraft<'_>],
    parents: &[Option<usize>],
    bands: &[u8],
) -> heapless::Vec<Group, GROUPS> {
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    // Stable, so that the file's order is kept among equals.
    order.sort_by_key(|&place| above(parents, place).count());
    let mut groups = heapless::Vec::new();
    let root = Group {
        label: LabelText::cut(ROOT),
        parent: None,
        band: 0,
        limits: [Limit::Max; RESOURCES],
        soft: [Limit::Max; RESOURCES],
    };
    // There is room for one: the list is new.
    let _ = groups.push(root);
    for &place in &order {
        let (Some(draft), Some(&parent), Some(&band)) =
            (drafts.get(place), parents.get(place), bands.get(place))
        else {
            continue;
        };
        let parent = parent.and_then(|parent| order.iter().position(|&other| other == parent));
        // One further than in the order: the root stands before all.
        let parent = parent.map_or(0, |parent| parent.saturating_add(1));
        let group = Group {
            label: LabelText::cut(draft.label.value),
            parent: u8::try_from(parent).ok(),
            band,
            limits: draft.limits.map(|limit| limit.value),
            soft: draft.soft.map(|limit| limit.value),
        };
        if groups.push(group).is_err() {
            let most = GROUPS.saturating_sub(1);
            reader.wrong(
                draft.label.at,
                Wrong::TooMany {
                    noun: "group",
                    most,
                },
            );
        }
    }
    groups
}
