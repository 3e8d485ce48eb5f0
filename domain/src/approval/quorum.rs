//! Who fills which slot. One person fills one: those who can fill several make room for
//! those who can't (augmenting paths; Kuhn, "The Hungarian method for the assignment
//! problem", 1955).

use std::collections::BTreeSet;

/// Which person fills each seat, by their place in `people`. A seat is of a role, or of any;
/// a person is named by their roles. As many seats are filled as can be, and whoever has one
/// keeps one: who comes first in `people` is not pushed out.
#[must_use]
pub(crate) fn seated(seats: &[Option<&str>], people: &[BTreeSet<&str>]) -> Vec<Option<usize>> {
    let mut filled = vec![None; seats.len()];
    for person in 0..people.len() {
        let mut tried = vec![false; seats.len()];
        seat(person, seats, people, &mut filled, &mut tried);
    }
    filled
}

/// Gives a person a seat, if need be one of somebody who can move to another.
fn seat(
    person: usize,
    seats: &[Option<&str>],
    people: &[BTreeSet<&str>],
    filled: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    let fits = |seat: usize| seats[seat].is_none_or(|role| people[person].contains(role));
    for seat_at in 0..seats.len() {
        if tried[seat_at] || !fits(seat_at) {
            continue;
        }
        tried[seat_at] = true;
        let is_free = match filled[seat_at] {
            None => true,
            Some(other) => seat(other, seats, people, filled, tried),
        };
        if is_free {
            filled[seat_at] = Some(person);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROLES: [&str; 3] = ["devops", "pm", "qa"];

    /// The most seats that can be filled, by trying everything.
    fn most(seats: &[Option<&str>], people: &[BTreeSet<&str>], used: &mut Vec<bool>) -> usize {
        let Some((seat, others)) = seats.split_first() else {
            return 0;
        };
        let mut best = most(others, people, used);
        for person in 0..people.len() {
            let fits = seat.is_none_or(|role| people[person].contains(role));
            if fits && !used[person] {
                used[person] = true;
                best = best.max(1 + most(others, people, used));
                used[person] = false;
            }
        }
        best
    }

    fn seats() -> impl Strategy<Value = Vec<Option<&'static str>>> {
        let role = prop_oneof![Just(None), prop::sample::select(&ROLES[..]).prop_map(Some)];
        prop::collection::vec(role, 0..5)
    }

    fn people() -> impl Strategy<Value = Vec<BTreeSet<&'static str>>> {
        let roles = prop::collection::btree_set(prop::sample::select(&ROLES[..]), 0..3);
        prop::collection::vec(roles, 0..6)
    }

    proptest! {
        #[test]
        fn as_many_seats_are_filled_as_by_trying_everything(seats in seats(), people in people()) {
            let filled = seated(&seats, &people);
            let count = filled.iter().flatten().count();
            prop_assert_eq!(count, most(&seats, &people, &mut vec![false; people.len()]));
            let different: BTreeSet<usize> = filled.iter().flatten().copied().collect();
            prop_assert_eq!(different.len(), count);
            for (seat, person) in seats.iter().zip(&filled) {
                if let (Some(role), Some(person)) = (seat, person) {
                    prop_assert!(people[*person].contains(role));
                }
            }
        }

        #[test]
        fn whoever_has_a_seat_keeps_one_when_others_come(seats in seats(), people in people(), more in people()) {
            let before = seated(&seats, &people);
            let all: Vec<_> = people.iter().chain(&more).cloned().collect();
            let after = seated(&seats, &all);
            for person in before.iter().flatten() {
                prop_assert!(after.contains(&Some(*person)));
            }
        }
    }

    #[test]
    fn who_can_fill_two_makes_room_for_who_can_fill_one() {
        let both = BTreeSet::from(["devops", "pm"]);
        let devops = BTreeSet::from(["devops"]);
        let seats = [Some("devops"), Some("pm")];
        assert_eq!(seated(&seats, &[both, devops]), [Some(1), Some(0)]);
    }
}
