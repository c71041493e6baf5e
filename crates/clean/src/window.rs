//! The keys of a window of time.
//!
//! Time is counted in steps of a 64th of the window, so that a key takes four bytes more, not eight, and the old ones are looked
//! for 64 times in a window. A key is remembered for at least the window, and at most two steps longer.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use hashbrown::HashMap;
use pinflow_event::Timestamp;

use crate::spread::Spread;

/// Steps of a window.
const STEPS: i64 = 64;

/// Keys, each with the step in which it was committed.
#[derive(Debug)]
pub(crate) struct KeyWindow {
    step_millis: i64,
    /// The step from which steps are counted: that of the first time that was told.
    base: Option<i64>,
    seen: HashMap<Words, i32, Spread>,
    /// What is older was forgotten.
    oldest: i32,
}

/// A key in words of 32 bits: a place of the table takes 20 bytes instead of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words([u32; 4]);

impl From<u128> for Words {
    fn from(key: u128) -> Self {
        Self([0, 32, 64, 96].map(|shift| (key >> shift) as u32))
    }
}

impl Hash for Words {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d] = self.0.map(u128::from);
        state.write_u128(a | b << 32 | c << 64 | d << 96);
    }
}

impl KeyWindow {
    pub fn new(window: Duration) -> Self {
        let millis = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let step_millis = (millis / STEPS).max(1);
        Self { step_millis, base: None, seen: HashMap::with_hasher(Spread::default()), oldest: i32::MIN }
    }

    pub fn spread(&self) -> Spread {
        *self.seen.hasher()
    }

    pub fn reserve(&mut self, keys: usize) {
        self.seen.reserve(keys);
    }

    pub fn len(&self) -> usize {
        self.seen.len()
    }

    pub fn contains(&self, key: u128) -> bool {
        self.seen.contains_key(&Words::from(key))
    }

    /// A key that is there already keeps the later of both times.
    pub fn insert(&mut self, key: u128, committed: Timestamp) {
        let step = self.step(committed);
        if step < self.oldest {
            return;
        }
        let seen = self.seen.entry(Words::from(key));
        seen.and_modify(|known| *known = step.max(*known)).or_insert(step);
    }

    pub fn forget(&mut self, now: Timestamp) {
        let oldest = self.step(now).saturating_sub(STEPS as i32 + 1);
        if oldest <= self.oldest {
            return;
        }
        self.oldest = oldest;
        self.seen.retain(|_, step| *step >= oldest);
        if self.seen.len() < self.seen.capacity() / 4 {
            self.seen.shrink_to_fit();
        }
    }

    fn step(&mut self, time: Timestamp) -> i32 {
        let step = time.as_millis().div_euclid(self.step_millis);
        let step = step.saturating_sub(*self.base.get_or_insert(step));
        i32::try_from(step).unwrap_or(if step < 0 { i32::MIN } else { i32::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_for_the_window_and_little_longer() {
        let day = Duration::from_secs(86_400);
        let at = |hours: i64| Timestamp::from_millis(1_700_000_000_000 + hours * 3_600_000);
        let mut window = KeyWindow::new(7 * day);
        window.insert(1, at(0));
        window.insert(u128::MAX, at(24));
        window.forget(at(7 * 24));
        assert!(window.contains(1) && window.contains(u128::MAX));
        window.forget(at(7 * 24 + 6));
        assert!(!window.contains(1) && window.contains(u128::MAX));
        window.insert(1, at(7 * 24 + 6));
        window.forget(at(8 * 24 + 6));
        assert!(window.contains(1) && !window.contains(u128::MAX));
        // What a table held before the window is not taken in.
        window.insert(2, at(0));
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn a_place_takes_twenty_bytes() {
        assert_eq!(size_of::<(Words, i32)>(), 20);
    }
}
