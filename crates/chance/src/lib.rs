//! Random choices, all of them from one printed number: the same seed gives the same run on every
//! machine. For the simulator, the crash runs and the bad networks of the tests; never for secrets.

/// `SplitMix64` (Steele, Lea and Flood, 2014): one word of state, good enough to pick events.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Begins with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator, for a part of the work that must not disturb the rest.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits().checked_rem(bound).unwrap_or_default()
    }

    /// As [`Self::below`], for a place in a list of this length.
    pub fn index(&mut self, len: usize) -> usize {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        usize::try_from(self.below(len)).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.index(high.saturating_sub(low).saturating_add(1))
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// True in so many of 100 cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.bits().to_le_bytes()[0])
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.index(of.len());
        of.get(index)
    }

    /// One of these, each as likely as its weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> Option<T> {
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < *weight {
                return Some(*choice);
            }
            left -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        // The reference values of the algorithm's authors for the seed 1234567.
        let mut rng = Rng::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([rng.bits(), rng.bits(), rng.bits()], expected);
    }

    #[test]
    fn a_fork_goes_its_own_way_and_takes_one_step() {
        let (mut rng, mut other) = (Rng::new(7), Rng::new(7));
        let mut fork = rng.fork();
        let first = other.bits();
        assert_eq!(fork.bits(), Rng::new(first).bits());
        assert_eq!(rng.bits(), other.bits());
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_reach_them() {
        let mut rng = Rng::new(1);
        let mut seen = |choose: fn(&mut Rng) -> usize| {
            let seen: std::collections::BTreeSet<usize> =
                (0..1000).map(|_| choose(&mut rng)).collect();
            seen.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(seen(|rng| rng.between(3, 5)), [3, 4, 5]);
        assert_eq!(seen(|rng| rng.index(3)), [0, 1, 2]);
        assert_eq!(seen(|rng| *rng.pick(&[4, 6]).unwrap()), [4, 6]);
    }

    #[test]
    fn chances_of_nothing_and_of_everything_are_certain() {
        let mut rng = Rng::new(1);
        assert_eq!((rng.below(0), rng.index(0)), (0, 0));
        assert!(rng.one_in(1) && rng.percent(100) && !rng.percent(0));
        assert_eq!(rng.pick::<char>(&[]), None);
        assert_eq!(rng.weighted(&[(0, 'a'), (7, 'b')]), Some('b'));
        assert_eq!(rng.weighted::<char>(&[]), None);
    }
}
