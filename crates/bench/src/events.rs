//! Made-up events of about 600 bytes: what a page of pictures with captions sends. The same seed gives the same events.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WORDS: [&str; 24] = [
    "simple", "rustic", "summer", "quick", "garden", "kitchen", "small", "ideas", "budget", "friendly", "bedroom",
    "wall", "paint", "outdoor", "style", "travel", "vegan", "dinner", "winter", "handmade", "gift", "vintage",
    "modern", "tiny",
];

/// Makes events.
pub(crate) struct Events(ChaCha8Rng);

impl Events {
    /// Those of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The JSON text of the next event, spaced as Python's `json.dumps` spaces it.
    pub(crate) fn next(&mut self) -> String {
        let (title, description, tags) = (self.words(8, " "), self.words(26, " "), self.words(6, ","));
        let (index, followers, picture) =
            (self.0.random_range(0..100_000), self.0.random_range(1..900), self.0.random::<u64>());
        format!(
            concat!(
                r#"{{"index": {}, "id": "{:016x}-{:08x}", "title": "{}", "description": "{}", "author": "{}", "#,
                r#""followers": "{}k", "tags": "{}", "kind": "image", "#,
                r#""image": "https://pictures.example.org/originals/{:016x}.jpg", "downloaded": 1, "#,
                r#""saved_as": "Local save in /data/pictures", "category": "{}"}}"#
            ),
            index,
            self.0.random::<u64>(),
            self.0.random::<u32>(),
            title,
            description,
            self.words(2, " "),
            followers,
            tags,
            picture,
            self.words(1, " "),
        )
    }

    fn words(&mut self, count: usize, between: &str) -> String {
        let words: Vec<&str> = (0..count).map(|_| WORDS[self.0.random_range(0..WORDS.len())]).collect();
        words.join(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_about_600_bytes_and_come_again_with_their_seed() {
        let (mut events, mut again) = (Events::new(7), Events::new(7));
        let lengths: Vec<usize> = (0..1_000).map(|_| events.next().len()).collect();
        let mean = lengths.iter().sum::<usize>() / lengths.len();
        assert!((570..630).contains(&mean), "{mean} bytes");
        assert!(lengths.iter().all(|length| (500..700).contains(length)));
        assert_eq!(lengths, (0..1_000).map(|_| again.next().len()).collect::<Vec<_>>());
    }
}
