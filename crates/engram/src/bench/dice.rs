//! Chance that is the same in every run of one seed.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast and the same everywhere.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of `seed` for the thing of that number.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed.wrapping_add(number.wrapping_mul(0xD134_2543_DE82_EF95)));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to but not including `bound`; 0 when there is no room.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.fraction() * bound as f64) as usize
    }

    /// From 0 up to but not including 1.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
