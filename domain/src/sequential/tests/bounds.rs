//! What holds for all counts: no nonsense, and monotone.

use proptest::prelude::*;

use super::simulation::block;
use crate::sequential::Bets::OnFew as FEW;
use crate::sequential::difference::bounds;
use crate::sequential::{Block, Counts, above, dispersion, effect, harm, interval, share_interval};

fn some_counts(most: f64) -> impl Strategy<Value = Counts> {
    (0.0..=1.0_f64, 0.0..=1.0_f64).prop_map(move |(share, size)| {
        // From none to `most`, evenly by order of magnitude; often clean.
        let total = most.powf(size).floor() - 1.0;
        Counts::new((total * (share - 0.3).max(0.0).powi(3)).round(), total)
    })
}

fn some_blocks(most: f64) -> impl Strategy<Value = Vec<Block>> {
    let block = (some_counts(most), some_counts(most))
        .prop_map(|(canary, baseline)| Block { canary, baseline });
    prop::collection::vec(block, 1..6)
}

fn more_bad(counts: Counts) -> Counts {
    Counts::new(counts.bad() + 1.0, counts.total())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_counts_make_nonsense(blocks in some_blocks(1e9), margin in -1.0..1.0_f64) {
        let evidence = harm(FEW, &blocks, margin);
        prop_assert!(evidence.now.is_finite() && evidence.peak >= 0.0);
        let found = interval(FEW, &blocks, 0.01);
        prop_assert!(-1.0 <= found.low && found.low <= found.high && found.high <= 1.0);
        prop_assert!((-1.0..=1.0).contains(&effect(&blocks)));
        prop_assert!(dispersion(&blocks, 1.0) >= 1.0);
        let share = share_interval(blocks[0].canary, 0.01);
        prop_assert!(0.0 <= share.low && share.low < share.high && share.high <= 1.0);
        prop_assert!(above(&[blocks[0].canary], margin).now.is_finite());
    }

    #[test]
    fn one_more_bad_event_of_the_canary_never_speaks_for_it(
        blocks in some_blocks(1e5), at in any::<prop::sample::Index>(), margin in 0.0..0.1_f64
    ) {
        let mut worse = blocks.clone();
        let changed = at.get_mut(&mut worse);
        changed.canary = more_bad(changed.canary);
        prop_assert!(harm(FEW, &worse, margin).now >= harm(FEW, &blocks, margin).now - 1e-7);
        let (before, after) = (bounds(FEW, &blocks, 0.01), bounds(FEW, &worse, 0.01));
        prop_assert!(after.0 >= before.0 - 1e-7 && after.1 >= before.1 - 1e-7);
        let (before, after) = (blocks[0].canary, more_bad(blocks[0].canary));
        prop_assert!(above(&[after], 0.05).now >= above(&[before], 0.05).now - 1e-7);
        let (before, after) = (share_interval(before, 0.01), share_interval(after, 0.01));
        prop_assert!(after.low >= before.low - 1e-7 && after.high >= before.high - 1e-7);
    }

    #[test]
    fn one_more_bad_event_of_the_baseline_never_speaks_against_the_canary(
        blocks in some_blocks(1e5), at in any::<prop::sample::Index>(), margin in 0.0..0.1_f64
    ) {
        let mut better = blocks.clone();
        let changed = at.get_mut(&mut better);
        changed.baseline = more_bad(changed.baseline);
        prop_assert!(harm(FEW, &better, margin).now <= harm(FEW, &blocks, margin).now + 1e-7);
    }

    #[test]
    fn tolerating_more_never_finds_more_harm(
        blocks in some_blocks(1e5), margin in 0.0..0.2_f64, more in 0.0..0.2_f64
    ) {
        prop_assert!(harm(FEW, &blocks, margin + more).now <= harm(FEW, &blocks, margin).now + 1e-9);
    }

    #[test]
    fn thinning_by_any_factor_never_adds_evidence(
        blocks in some_blocks(1e5), margin in 0.0..0.1_f64, factor in 1.0..20.0_f64
    ) {
        let thinned: Vec<Block> = blocks.iter().map(|block| block.thinned(factor)).collect();
        prop_assert!(harm(FEW, &thinned, margin).peak <= harm(FEW, &blocks, margin).peak + 1e-9);
        let (whole, less) = (bounds(FEW, &blocks, 0.01), bounds(FEW, &thinned, 0.01));
        prop_assert!(less.0 <= whole.0 + 1e-7 && less.1 >= whole.1 - 1e-7);
    }

    #[test]
    fn less_doubt_is_a_wider_interval(blocks in some_blocks(1e5)) {
        let (wide, narrow) = (bounds(FEW, &blocks, 0.001), bounds(FEW, &blocks, 0.05));
        prop_assert!(wide.0 <= narrow.0 && wide.1 >= narrow.1);
    }
}

#[test]
fn a_block_without_one_of_the_versions_is_no_evidence() {
    for lonely in [
        block((3, 10), (0, 0)),
        block((0, 0), (3, 10)),
        Block::default(),
    ] {
        assert!(harm(FEW, &[lonely], 0.0).now.abs() < 1e-12);
        let found = interval(FEW, &[lonely], 0.01);
        assert_eq!((found.low, found.high), (-1.0, 1.0));
        assert_eq!(effect(&[lonely]), 0.0);
    }
}

#[test]
fn blocks_that_contradict_each_other_leave_an_interval_all_the_same() {
    let blocks = [
        block((0, 1_600_000), (117, 2_400)),
        block((0, 58), (0, 60_000_000)),
    ];
    let found = interval(FEW, &blocks, 0.01);
    assert!(-1.0 <= found.low && found.low <= found.high && found.high <= 1.0);
}

#[test]
fn the_effect_is_compared_minute_by_minute() {
    // The canary gets most of its calls in a minute that is bad for both: as one
    // block it would look worse.
    let blocks = [block((0, 10), (0, 990)), block((300, 1000), (300, 1000))];
    assert_eq!(effect(&blocks), 0.0);
    assert!(!harm(FEW, &blocks, 0.0).rejects(0.5));
    assert!(harm(FEW, &[block((300, 1010), (300, 1990))], 0.0).rejects(1e-6));
    // 4 points worse with a weight of 90, 1 point worse with a weight of 120.
    let worse = [block((5, 100), (9, 900)), block((6, 200), (6, 300))];
    assert!((effect(&worse) - (0.04 * 90.0 + 0.01 * 120.0) / 210.0).abs() < 1e-12);
}

#[test]
fn a_million_calls_in_an_hour_of_minutes_are_judged() {
    let minutes = vec![block((17, 1_700), (150, 15_000)); 60];
    let found = interval(FEW, &minutes, 0.01);
    assert!(found.low < 0.0 && found.high > 0.0 && found.high < 0.002);
    assert!(!harm(FEW, &minutes, 0.0).rejects(0.01));
}
