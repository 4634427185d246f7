//! Random numbers that a seed determines: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
//! Generators, 2014). Each part of the simulation owns a stream, so that more draws in one part do not change another.

use crate::random::Random;
use std::sync::Mutex;

#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// An independent sequence of the same seed.
    pub fn stream(seed: u64, number: u64) -> Rng {
        let mut rng = Rng::new(seed ^ Rng::new(number).draw());
        rng.draw();
        rng
    }

    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `count` - 1; 0 if `count` is 0.
    pub fn below(&mut self, count: u64) -> u64 {
        // The remainder's bias is negligible for the counts that are drawn here.
        self.draw() % count.max(1)
    }

    /// From `least` to `most`, both included.
    pub fn range(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// # Panics
    /// If `items` is empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// The source of randomness of a core.
    pub fn random(self) -> Random {
        let rng = Mutex::new(self);
        Random::new(move |bytes| {
            let mut rng = rng.lock().expect("drawing does not panic");
            for chunk in bytes.chunks_mut(8) {
                chunk.copy_from_slice(&rng.draw().to_le_bytes()[..chunk.len()]);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first values of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for seed 1234567.
        let mut rng = Rng::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| rng.draw()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn the_seed_and_the_stream_determine_everything() {
        let draw = |seed, stream| {
            let mut rng = Rng::stream(seed, stream);
            (rng.below(1_000_000), rng.range(5, 500), *rng.pick(&["a", "b", "c"]), rng.random().word())
        };
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(8, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
    }

    #[test]
    fn draws_keep_to_their_bounds_and_reach_them() {
        let mut rng = Rng::new(3);
        let drawn: Vec<u64> = (0..1_000).map(|_| rng.range(5, 9)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&5), Some(&9)));
        assert_eq!((rng.below(0), rng.range(4, 4)), (0, 4));
        let hits = (0..10_000).filter(|_| rng.chance(10)).count();
        assert!((800..1_200).contains(&hits), "{hits}");
    }
}
