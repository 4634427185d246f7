//! Random numbers that a seed determines: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
//! Generators, 2014). Good enough for drawing faults, and the same on every machine.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// Another sequence of the same seed: drawing more or less from one does not affect the others.
    pub fn stream(seed: u64, number: u64) -> Random {
        let mut random = Random::new(seed ^ Random::new(number).next());
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `count` - 1.
    pub fn below(&mut self, count: usize) -> usize {
        // The bias of the remainder is below 2⁻⁵⁰ for the small counts that are drawn here.
        (self.next() % count as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// One of `items`, with a probability according to its weight.
    pub fn weighted<T: Copy>(&mut self, items: &[(usize, T)]) -> T {
        let mut place = self.below(items.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in items {
            match place.checked_sub(*weight) {
                Some(left) => place = left,
                None => return *item,
            }
        }
        unreachable!("the place is below the sum of the weights")
    }

    /// A time from `least` to `most` milliseconds.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below((most - least + 1) as usize) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first values of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for seed 1234567.
        let mut random = Random::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn the_seed_determines_everything() {
        let draw = |seed, stream| {
            let mut random = Random::stream(seed, stream);
            (random.below(1_000_000), random.millis(5, 500), *random.pick(&["a", "b", "c"]))
        };
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(8, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
    }

    #[test]
    fn draws_keep_to_their_bounds_and_reach_them() {
        let mut random = Random::new(3);
        let times: Vec<u64> = (0..1_000).map(|_| random.millis(5, 9).as_millis() as u64).collect();
        assert_eq!((times.iter().min(), times.iter().max()), (Some(&5), Some(&9)));
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[random.weighted(&[(1, 0), (0, 1), (3, 2)])] += 1);
        assert!((2_200..2_800).contains(&counts[0]) && counts[1] == 0, "{counts:?}");
        let hits = (0..10_000).filter(|_| random.chance(10)).count();
        assert!((800..1_200).contains(&hits), "{hits}");
    }
}
