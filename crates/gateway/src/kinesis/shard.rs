//! Ids of shards, and the ranges of hash keys that divide the records among them.

use std::fmt;

use md5::{Digest, Md5};
use pinflow_event::Partition;

/// Where a record belongs: the MD5 of its partition key, or what the client gave instead.
pub(super) type HashKey = u128;

/// A shard's id, as in `shardId-000000000000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShardId(pub(crate) Partition);

impl ShardId {
    /// The shard of that id. As in Kinesis the number alone counts: `shardId-1`, `a-000000000001` and `1` are the same shard.
    pub(super) fn parse(id: &str) -> Option<Self> {
        let number = id.split('-').nth(1).filter(|number| !number.is_empty()).unwrap_or(id);
        let numeric = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number: u32 = numeric.then(|| number.parse().ok()).flatten()?;
        (number <= i32::MAX.cast_unsigned()).then_some(Self(Partition(number)))
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0.0)
    }
}

/// The hash key of a partition key.
pub(super) fn hash_of(partition_key: &[u8]) -> HashKey {
    HashKey::from_be_bytes(Md5::digest(partition_key).into())
}

/// The shard, of `shards` (at least 1) of the same width, that a hash key belongs to.
pub(super) fn uniform_shard(hash_key: HashKey, shards: u32) -> ShardId {
    if shards == 1 {
        return ShardId(Partition(0));
    }
    let shard = hash_key / range_width(shards);
    // The last shard's range also holds what is left of the division.
    ShardId(Partition(u32::try_from(shard).unwrap_or(u32::MAX).min(shards - 1)))
}

/// The first and the last hash key of a shard, of `shards` of the same width.
pub(super) fn uniform_range(shard: ShardId, shards: u32) -> (HashKey, HashKey) {
    if shards == 1 {
        return (0, HashKey::MAX);
    }
    let width = range_width(shards);
    let number = HashKey::from(shard.0.0);
    let last = if number + 1 == HashKey::from(shards) { HashKey::MAX } else { (number + 1) * width - 1 };
    (number * width, last)
}

/// 2^128 / `shards`, rounded down; for 2 shards or more, since 2^128 itself is one too large.
fn range_width(shards: u32) -> HashKey {
    let shards = HashKey::from(shards);
    let remainder = HashKey::MAX % shards;
    HashKey::MAX / shards + HashKey::from(remainder == shards - 1)
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
        for id in ["4", "shardId-4", "a-00000000000004", "-4", "shardId-4-5"] {
            assert_eq!(ShardId::parse(id), Some(shard(4)), "{id}");
        }
        assert_eq!(ShardId::parse("shardId-2147483647"), Some(shard(2_147_483_647)));
        for no_id in
            ["", "shardId-", "shardId-x", "shardId-+4", "shardId--4", "shardId-2147483648", "2147483648", "2.14E4"]
        {
            assert_eq!(ShardId::parse(no_id), None, "{no_id}");
        }
    }

    #[test]
    fn the_hash_space_is_divided_as_aws_divides_it() {
        assert_eq!(uniform_range(shard(0), 1), (0, HashKey::MAX));
        assert_eq!(uniform_range(shard(0), 5), (0, 68_056_473_384_187_692_692_674_921_486_353_642_290));
        assert_eq!(uniform_range(shard(4), 5), (272_225_893_536_750_770_770_699_685_945_414_569_164, HashKey::MAX));
        assert_eq!(uniform_range(shard(1), 2), (1 << 127, HashKey::MAX));
    }

    #[test]
    fn ranges_cover_the_space_without_gaps() {
        for shards in [1, 2, 3, 4, 5, 7, 64, 1_000] {
            let mut next = 0_u128;
            for number in 0..shards {
                let (first, last) = uniform_range(shard(number), shards);
                assert_eq!(first, next, "shard {number} of {shards}");
                next = last.wrapping_add(1);
            }
            assert_eq!(next, 0, "the last of {shards} shards ends the space");
        }
    }

    #[test]
    fn a_key_goes_to_the_shard_whose_range_holds_its_md5() {
        assert_eq!(hash_of(b"partition-1"), 198_019_941_650_871_988_756_153_596_255_032_211_816);
        for (key, number) in [("partition-1", 2), ("UserId", 1), ("user-1", 3)] {
            assert_eq!(uniform_shard(hash_of(key.as_bytes()), 4), shard(number), "{key}");
        }
        for key in ["a", "b", "", "é", "partition-pin"] {
            for shards in [1, 2, 3, 5, 1_000] {
                let (first, last) = uniform_range(uniform_shard(hash_of(key.as_bytes()), shards), shards);
                assert!((first..=last).contains(&hash_of(key.as_bytes())), "{key} of {shards}");
            }
        }
    }
}
