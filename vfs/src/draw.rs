//! Chance from a seed: SplitMix64, which is small, and good enough to choose what breaks.

pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// An index into `count` things; the slight favour for low ones is of no matter here.
    pub fn index(&mut self, count: usize) -> usize {
        let drawn = self.next() % (count.max(1) as u64);
        usize::try_from(drawn).unwrap_or(0)
    }
}
