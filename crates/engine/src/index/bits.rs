//! A set of slots, one bit each.

use super::Slot;

/// Slots that are in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    #[inline]
    pub(crate) fn has(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Whether it was not in it.
    pub(crate) fn insert(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let was_out = self.words[word] & bit == 0;
        self.words[word] |= bit;
        was_out
    }

    /// How many before each word of 64 slots are in it; see [`place`](Self::place).
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let counts = self.words.iter().scan(0, |sum, word| {
            let before = *sum;
            *sum += word.count_ones();
            Some(before)
        });
        counts.collect()
    }

    /// How many slots before this one are in it; `None` when it is not in it itself.
    #[inline]
    pub(crate) fn place(&self, ranks: &[u32], slot: Slot) -> Option<usize> {
        let (at, bit) = place(slot);
        let word = *self.words.get(at)?;
        (word & bit != 0).then(|| ranks[at] as usize + (word & (bit - 1)).count_ones() as usize)
    }

    /// Whether it was in it.
    pub(crate) fn remove(&mut self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        let was_in = self.has(slot);
        if was_in {
            self.words[word] &= !bit;
        }
        was_in
    }
}

impl FromIterator<Slot> for Bits {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut bits = Self::default();
        for slot in slots {
            bits.insert(slot);
        }
        bits
    }
}

fn place(slot: Slot) -> (usize, u64) {
    (slot as usize / 64, 1 << (slot % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_in_until_it_is_taken_out() {
        let mut bits = Bits::default();
        assert!(!bits.has(0) && !bits.has(1_000) && !bits.remove(1_000));
        assert!(bits.insert(63) && bits.insert(64) && !bits.insert(64));
        assert!(bits.has(63) && bits.has(64) && !bits.has(62) && !bits.has(65));
        let ranks = bits.ranks();
        assert_eq!([63, 64, 65].map(|slot| bits.place(&ranks, slot)), [Some(0), Some(1), None]);
        assert!(bits.remove(64) && !bits.remove(64) && bits.has(63) && !bits.has(64));
    }
}
