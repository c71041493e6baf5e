//! Consumer groups, their members, and how far behind they are.

use pinflow_openapi::schema::{boolean, constant, count, named, nullable, one_of_texts, text};
use pinflow_openapi::{Operation, Schema};

use super::{Named, get, link, list, resource};
use crate::kafka_rest::openapi::{partition, topic};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/consumer-groups", "listKafkaConsumerGroups", "All consumer groups", list("KafkaConsumerGroup")),
        get(
            "/consumer-groups/{consumer_group_id}",
            "getKafkaConsumerGroup",
            "A consumer group",
            named("KafkaConsumerGroup"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/consumers",
            "listKafkaConsumers",
            "The members of a group",
            list("KafkaConsumer"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/consumers/{consumer_id}",
            "getKafkaConsumer",
            "A member of a group",
            named("KafkaConsumer"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments",
            "listKafkaConsumerAssignments",
            "The partitions that a member reads",
            list("KafkaConsumerAssignment"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments/{topic_name}/partitions/{partition_id}",
            "getKafkaConsumerAssignment",
            "A partition that a member reads",
            named("KafkaConsumerAssignment"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/lag-summary",
            "getKafkaConsumerGroupLagSummary",
            "How far a group is behind, at most and in all",
            named("KafkaConsumerGroupLagSummary"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/lags",
            "listKafkaConsumerLags",
            "How far a group is behind on each partition that it has committed to",
            list("KafkaConsumerLag"),
        ),
        get(
            "/consumer-groups/{consumer_group_id}/lags/{topic_name}/partitions/{partition_id}",
            "getKafkaConsumerLag",
            "How far a group is behind on a partition",
            named("KafkaConsumerLag"),
        ),
    ]
}

pub(super) fn schemas() -> Vec<Named> {
    vec![group(), consumer(), assignment(), lag_summary(), lag()]
}

fn of_group() -> (&'static str, Schema) {
    ("consumer_group_id", text())
}

fn group() -> Named {
    resource(
        "KafkaConsumerGroup",
        [
            of_group(),
            ("is_simple", boolean()),
            ("partition_assignor", text()),
            ("state", one_of_texts(&["EMPTY", "STABLE"])),
            ("type", constant("CLASSIC")),
            ("is_mixed_consumer_group", boolean()),
            ("coordinator", link()),
            ("consumers", link()),
            ("lag_summary", link()),
        ],
    )
}

fn consumer() -> Named {
    resource(
        "KafkaConsumer",
        [
            of_group(),
            ("consumer_id", text()),
            ("instance_id", nullable(text())),
            ("client_id", text()),
            ("assignments", link()),
        ],
    )
}

fn assignment() -> Named {
    resource(
        "KafkaConsumerAssignment",
        [
            of_group(),
            ("consumer_id", text()),
            ("topic_name", topic()),
            ("partition_id", partition()),
            ("partition", link()),
            ("lag", link()),
        ],
    )
}

fn lag_summary() -> Named {
    resource(
        "KafkaConsumerGroupLagSummary",
        [
            of_group(),
            ("max_lag_consumer_id", text()),
            ("max_lag_instance_id", nullable(text())),
            ("max_lag_client_id", text()),
            ("max_lag_topic_name", topic()),
            ("max_lag_partition_id", partition()),
            ("max_lag", count()),
            ("total_lag", count()),
            ("max_lag_consumer", link()),
            ("max_lag_partition", link()),
        ],
    )
}

fn lag() -> Named {
    resource(
        "KafkaConsumerLag",
        [
            of_group(),
            ("topic_name", topic()),
            ("partition_id", partition()),
            ("consumer_id", text()),
            ("instance_id", nullable(text())),
            ("client_id", text()),
            ("current_offset", count()),
            ("log_end_offset", count()),
            ("lag", count()),
        ],
    )
}
