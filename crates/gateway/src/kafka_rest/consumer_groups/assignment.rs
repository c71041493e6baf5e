//! Divides partitions among the members of a group: Kafka's round robin.
//!
//! All partitions, sorted, are dealt out in turn to the members, sorted, each to the next one that subscribed to its topic. Kafka's default
//! ("range") deals topic by topic and gives every topic of one partition to the first member; here most topics are such.

use std::collections::{BTreeMap, BTreeSet};

use pinflow_event::{TopicName, TopicPartition};

/// Kafka's name of this rule.
pub(super) const NAME: &str = "roundrobin";

/// Who reads what: every partition that somebody subscribed to has exactly one member, every member an entry.
pub(super) fn divide<'a>(
    partitions: impl IntoIterator<Item = TopicPartition>,
    subscriptions: &BTreeMap<&'a str, BTreeSet<TopicName>>,
) -> BTreeMap<&'a str, BTreeSet<TopicPartition>> {
    let members: Vec<(&str, &BTreeSet<TopicName>)> = subscriptions.iter().map(|(id, topics)| (*id, topics)).collect();
    let mut divided: BTreeMap<&str, BTreeSet<TopicPartition>> =
        members.iter().map(|(id, _)| (*id, BTreeSet::new())).collect();
    let mut next = 0;
    for at in partitions {
        let turn = (0..members.len()).map(|step| (next + step) % members.len());
        let Some(taker) = turn.into_iter().find(|index| members[*index].1.contains(&at.topic)) else { continue };
        divided.entry(members[taker].0).or_default().insert(at);
        next = taker + 1;
    }
    divided
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pinflow_event::Partition;

    fn topic(name: &str) -> TopicName {
        TopicName::new(name).unwrap()
    }

    /// Deals topics (name, partitions) to members (name, topics) and returns each member's share as text.
    fn dealt(topics: &[(&str, u32)], members: &[(&'static str, &[&str])]) -> Vec<(String, String)> {
        let partitions = topics.iter().flat_map(|(name, count)| {
            (0..*count).map(|number| TopicPartition::new(topic(name), Partition(number))).collect::<Vec<_>>()
        });
        let subscriptions =
            members.iter().map(|(id, topics)| (*id, topics.iter().map(|name| topic(name)).collect())).collect();
        divide(partitions, &subscriptions)
            .into_iter()
            .map(|(id, share)| {
                (id.to_owned(), share.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    fn shares(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(id, share)| ((*id).to_owned(), (*share).to_owned())).collect()
    }

    #[test]
    fn partitions_are_dealt_in_turn() {
        let members: &[(&'static str, &[&str])] = &[("a", &["t"]), ("b", &["t"])];
        assert_eq!(dealt(&[("t", 5)], members), shares(&[("a", "t-0 t-2 t-4"), ("b", "t-1 t-3")]));
        assert_eq!(dealt(&[("t", 1)], members), shares(&[("a", "t-0"), ("b", "")]));
        assert_eq!(dealt(&[], members), shares(&[("a", ""), ("b", "")]));
        assert_eq!(dealt(&[("t", 3)], &[]), shares(&[]));
    }

    #[test]
    fn topics_of_one_partition_are_spread_as_well() {
        let all: &[&str] = &["geo", "pin", "user"];
        let dealt = dealt(&[("geo", 1), ("pin", 1), ("user", 1)], &[("a", all), ("b", all), ("c", all)]);
        assert_eq!(dealt, shares(&[("a", "geo-0"), ("b", "pin-0"), ("c", "user-0")]));
    }

    #[test]
    fn a_partition_goes_to_who_subscribed_only() {
        let members: &[(&'static str, &[&str])] = &[("a", &["t"]), ("b", &["t", "u"]), ("c", &["u"])];
        let dealt = dealt(&[("nobodys", 2), ("t", 3), ("u", 3)], members);
        assert_eq!(dealt, shares(&[("a", "t-0 t-2"), ("b", "t-1 u-0 u-2"), ("c", "u-1")]));
    }

    #[test]
    fn nothing_is_lost_or_doubled_and_equal_members_differ_by_one_at_most() {
        for partitions in 0..20 {
            for count in 1..8 {
                let ids: Vec<String> = (0..count).map(|n| format!("m{n}")).collect();
                let subscriptions = ids.iter().map(|id| (id.as_str(), BTreeSet::from([topic("t")]))).collect();
                let all = (0..partitions).map(|number| TopicPartition::new(topic("t"), Partition(number)));
                let divided = divide(all.clone(), &subscriptions);
                let sizes: Vec<usize> = divided.values().map(BTreeSet::len).collect();
                assert_eq!(sizes.iter().sum::<usize>(), partitions as usize);
                assert_eq!(divided.values().flatten().count(), all.collect::<BTreeSet<_>>().len());
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            }
        }
    }
}
