//! Shards: their ids, and the ranges of hash keys that divide the records among them.

use std::fmt;

use md5::{Digest, Md5};
use pinflow_event::Partition;

/// A shard's id, as in `shardId-000000000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardId(pub(crate) Partition);

impl ShardId {
    /// The shard of that id. The number may be shorter than 12 digits.
    pub(super) fn parse(id: &str) -> Option<Self> {
        let digits = id.strip_prefix("shardId-")?;
        let numeric = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        numeric.then(|| digits.parse().ok()).flatten().map(|number| Self(Partition(number)))
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0.0)
    }
}

/// The hash key of a partition key.
fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// The shard, of `shards` (at least 1), that the records of a partition key go to.
pub(super) fn shard_of_key(partition_key: &str, shards: u32) -> ShardId {
    if shards == 1 {
        return ShardId(Partition(0));
    }
    let shard = hash_key(partition_key) / range_width(shards);
    // The last shard's range also holds what is left of the division.
    ShardId(Partition(u32::try_from(shard).unwrap_or(u32::MAX).min(shards - 1)))
}

/// The first and the last hash key of a shard of a stream that was made with `shards` of them.
pub(super) fn hash_range(shard: ShardId, shards: u32) -> (u128, u128) {
    if shards == 1 {
        return (0, u128::MAX);
    }
    let width = range_width(shards);
    let number = u128::from(shard.0.0);
    let last = if number + 1 == u128::from(shards) { u128::MAX } else { (number + 1) * width - 1 };
    (number * width, last)
}

/// 2^128 / `shards`, rounded down; for 2 shards or more, since 2^128 itself is one too large.
fn range_width(shards: u32) -> u128 {
    let shards = u128::from(shards);
    let remainder = u128::MAX % shards;
    u128::MAX / shards + u128::from(remainder == shards - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: u32) -> ShardId {
        ShardId(Partition(number))
    }

    #[test]
    fn ids_have_twelve_digits() {
        assert_eq!(shard(4).to_string(), "shardId-000000000004");
        assert_eq!(ShardId::parse("shardId-000000000004"), Some(shard(4)));
        for no_id in [
            "",
            "4",
            "shardId-",
            "shardId-x",
            "shardId-+4",
            "shardId--4",
            "shardId-99999999999",
            "ShardId-000000000004",
        ] {
            assert_eq!(ShardId::parse(no_id), None, "{no_id}");
        }
    }

    #[test]
    fn the_hash_space_is_divided_as_aws_divides_it() {
        assert_eq!(hash_range(shard(0), 1), (0, u128::MAX));
        assert_eq!(hash_range(shard(0), 5), (0, 68_056_473_384_187_692_692_674_921_486_353_642_290));
        assert_eq!(hash_range(shard(4), 5), (272_225_893_536_750_770_770_699_685_945_414_569_164, u128::MAX));
        assert_eq!(hash_range(shard(1), 2), (1 << 127, u128::MAX));
    }

    #[test]
    fn ranges_cover_the_space_without_gaps() {
        for shards in [1, 2, 3, 4, 5, 7, 64, 1_000] {
            let mut next = 0_u128;
            for number in 0..shards {
                let (first, last) = hash_range(shard(number), shards);
                assert_eq!(first, next, "shard {number} of {shards}");
                next = last.wrapping_add(1);
            }
            assert_eq!(next, 0, "the last of {shards} shards ends the space");
        }
    }

    #[test]
    fn a_key_goes_to_the_shard_whose_range_holds_its_md5() {
        assert_eq!(hash_key("partition-1"), 198_019_941_650_871_988_756_153_596_255_032_211_816);
        for (key, number) in [("partition-1", 2), ("UserId", 1), ("user-1", 3)] {
            assert_eq!(shard_of_key(key, 4), shard(number), "{key}");
        }
        for key in ["a", "b", "", "é", "partition-pin"] {
            for shards in [1, 2, 3, 5, 1_000] {
                let (first, last) = hash_range(shard_of_key(key, shards), shards);
                assert!((first..=last).contains(&hash_key(key)), "{key} of {shards}");
            }
        }
    }
}
