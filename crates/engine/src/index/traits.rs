//! What every candidate is judged by, beside its words and its vector: few bytes, because a search looks at very many.

use super::Fact;

/// Steps of `stated` in one unit.
const STATED_STEPS: f32 = 5_000.0;
/// Steps of `importance` between 0 and 1; decimals as people write them come back as they were.
const IMPORTANCE_STEPS: f32 = 10_000.0;
const MS_PER_MINUTE: i64 = 60_000;
const MINUTES_PER_DAY: i32 = 24 * 60;

/// The traits of one memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits {
    tokens: u16,
    stated: u16,
    importance: u16,
}

impl Traits {
    pub(crate) fn of(fact: &Fact) -> Self {
        Self {
            tokens: u16::try_from(fact.tokens).unwrap_or(u16::MAX),
            // A float becomes the nearest number there is.
            stated: ((fact.stated as f32).ln_1p() * STATED_STEPS).round() as u16,
            importance: (fact.importance * IMPORTANCE_STEPS).round() as u16,
        }
    }

    /// Words of the content, at most 65,535.
    #[inline]
    pub(crate) fn tokens(&self) -> u32 {
        u32::from(self.tokens)
    }

    /// `ln(1 + words outside questions)`.
    #[inline]
    pub(crate) fn stated(&self) -> f32 {
        f32::from(self.stated) * (1.0 / STATED_STEPS)
    }

    /// 0 to 1.
    #[inline]
    pub(crate) fn importance(&self) -> f32 {
        f32::from(self.importance) * (1.0 / IMPORTANCE_STEPS)
    }
}

/// The traits of all memories in a byte each: enough to tell who is likely among the best, and little to read of very many.
#[derive(Debug, Default)]
pub(super) struct Glances {
    stated: Vec<u8>,
    importance: Vec<u8>,
}

/// Glances at memories in a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GlancesFrom<'a> {
    /// In steps of [`STATED_GLANCE`], up to 3.98.
    pub(crate) stated: &'a [u8],
    /// In steps of [`IMPORTANCE_GLANCE`].
    pub(crate) importance: &'a [u8],
}

/// One step of a glance at `stated`.
pub(crate) const STATED_GLANCE: f32 = 1.0 / 64.0;
/// One step of a glance at `importance`.
pub(crate) const IMPORTANCE_GLANCE: f32 = 1.0 / 255.0;

impl Glances {
    pub(super) fn reserve(&mut self, slots: usize) {
        self.stated.reserve_exact(slots);
        self.importance.reserve_exact(slots);
    }

    pub(super) fn push(&mut self, traits: Traits) {
        self.stated.push(0);
        self.importance.push(0);
        self.set(self.stated.len() - 1, traits);
    }

    pub(super) fn set(&mut self, at: usize, traits: Traits) {
        // A float that is too great becomes the greatest number there is.
        self.stated[at] = (traits.stated() / STATED_GLANCE).round() as u8;
        self.importance[at] = (traits.importance() / IMPORTANCE_GLANCE).round() as u8;
    }

    pub(super) fn from(&self, start: usize) -> GlancesFrom<'_> {
        GlancesFrom { stated: &self.stated[start..], importance: &self.importance[start..] }
    }
}

/// When memories happened and when they stop existing.
#[derive(Debug)]
pub(super) struct Times {
    /// Minutes since 1970.
    minutes: Vec<i32>,
    /// Milliseconds; none at all while no memory expires.
    expiries: Vec<i64>,
    /// No memory expires before; `i64::MAX` for none ever.
    soonest_expiry_ms: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self { minutes: Vec::new(), expiries: Vec::new(), soonest_expiry_ms: i64::MAX }
    }
}

impl Times {
    pub(super) fn reserve(&mut self, slots: usize) {
        self.minutes.reserve_exact(slots);
    }

    pub(super) fn push(&mut self, fact: &Fact) {
        self.minutes.push(0);
        self.set(self.minutes.len() - 1, fact);
    }

    pub(super) fn set(&mut self, at: usize, fact: &Fact) {
        let minutes = fact.at_ms.div_euclid(MS_PER_MINUTE);
        self.minutes[at] = minutes.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        if fact.expires_ms < i64::MAX || at < self.expiries.len() {
            let length = self.expiries.len().max(at + 1);
            self.expiries.resize(length, i64::MAX);
            self.expiries[at] = fact.expires_ms;
            self.soonest_expiry_ms = self.soonest_expiry_ms.min(fact.expires_ms);
        }
    }

    /// Milliseconds since 1970, to the minute.
    #[inline]
    pub(super) fn at_ms(&self, at: usize) -> i64 {
        i64::from(self.minutes[at]) * MS_PER_MINUTE
    }

    /// Days since 1970, UTC.
    #[inline]
    pub(super) fn day(&self, at: usize) -> i32 {
        self.minutes[at].div_euclid(MINUTES_PER_DAY)
    }

    #[inline]
    pub(super) fn has_expired(&self, at: usize, now_ms: i64) -> bool {
        now_ms >= self.soonest_expiry_ms && self.expiries.get(at).is_some_and(|expiry| *expiry <= now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Fact = Fact {
        tokens: 9,
        stated: 5,
        session: 0,
        position: 0,
        actor: 0,
        at_ms: 0,
        expires_ms: i64::MAX,
        importance: 0.5,
    };

    #[test]
    fn traits_come_back_as_closely_as_anyone_can_tell() {
        for (tokens, stated, importance) in [(0, 0, 0.0), (1, 1, 0.7), (43_000, 43_000, 1.0), (80, 12, 0.123)]
        {
            let traits = Traits::of(&Fact { tokens, stated, importance, ..PLAIN });
            assert_eq!(traits.tokens(), tokens);
            assert!((traits.stated() - (stated as f32).ln_1p()).abs() < 2e-4);
            assert!((traits.importance() - importance).abs() < 1e-6);
            let mut glances = Glances::default();
            glances.push(traits);
            let more =
                f32::from(glances.stated[0]) * STATED_GLANCE - traits.stated().min(255.0 * STATED_GLANCE);
            assert!(more.abs() < 0.008);
            let more = f32::from(glances.importance[0]) * IMPORTANCE_GLANCE - traits.importance();
            assert!(more.abs() < 0.002);
        }
    }

    #[test]
    fn times_are_told_to_the_minute_and_expiries_to_the_millisecond() {
        let mut times = Times::default();
        for (at_ms, expires_ms) in [(59_999, i64::MAX), (-1, i64::MAX), (i64::MAX, 7), (60_000, i64::MAX)] {
            times.push(&Fact { at_ms, expires_ms, ..PLAIN });
        }
        assert_eq!([0, 1, 3].map(|at| times.at_ms(at)), [0, -60_000, 60_000]);
        assert_eq!([0, 1, 3].map(|at| times.day(at)), [0, -1, 0]);
        assert_eq!([0, 1, 2, 3].map(|at| times.has_expired(at, 7)), [false, false, true, false]);
        assert!(!times.has_expired(2, 6));
        times.set(2, &PLAIN);
        assert!(!times.has_expired(2, 8));
    }
}
