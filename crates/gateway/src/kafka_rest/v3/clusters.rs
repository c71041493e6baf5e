//! The cluster, which is this node, and its only broker.

use serde::Serialize;

use super::error::V3Error;
use super::links::{BROKER, Links, List, Related, Resource};

#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    cluster_id: String,
    controller: Related,
    acls: Related,
    brokers: Related,
    broker_configs: Related,
    consumer_groups: Related,
    topics: Related,
    partition_reassignments: Related,
}

#[derive(Debug, Serialize)]
pub(super) struct Broker {
    cluster_id: String,
    broker_id: u32,
    host: String,
    port: u16,
    configs: Related,
    partition_replicas: Related,
}

/// `GET /v3/clusters`.
pub(super) fn list(links: &Links) -> List<Resource<Cluster>> {
    Links::list_at("KafkaClusterList", links.clusters(), vec![cluster(links)])
}

/// `GET /v3/clusters/{cluster}`.
pub(super) fn cluster(links: &Links) -> Resource<Cluster> {
    let data = Cluster {
        cluster_id: links.cluster().to_owned(),
        controller: links.related(&["brokers", BROKER]),
        acls: links.related(&["acls"]),
        brokers: links.related(&["brokers"]),
        broker_configs: links.related(&["broker-configs"]),
        consumer_groups: links.related(&["consumer-groups"]),
        topics: links.related(&["topics"]),
        partition_reassignments: links.related(&["topics", "-", "partitions", "-", "reassignment"]),
    };
    links.resource("KafkaCluster", &[], &[], data)
}

/// `GET .../brokers`.
pub(super) fn brokers(links: &Links) -> List<Resource<Broker>> {
    links.list("KafkaBrokerList", &["brokers"], vec![this_broker(links)])
}

/// `GET .../brokers/{broker}`.
///
/// # Errors
/// [`V3Error::NotFound`] for any other broker than the one there is.
pub(super) fn broker(links: &Links, broker: &str) -> Result<Resource<Broker>, V3Error> {
    check_broker(broker)?;
    Ok(this_broker(links))
}

/// Refuses every other broker than the one there is.
///
/// # Errors
/// [`V3Error::NotFound`].
pub(super) fn check_broker(broker: &str) -> Result<(), V3Error> {
    if broker == BROKER { Ok(()) } else { Err(V3Error::NotFound) }
}

fn this_broker(links: &Links) -> Resource<Broker> {
    let data = Broker {
        cluster_id: links.cluster().to_owned(),
        broker_id: 1,
        // There is no Kafka listener: this is where the client reached the gateway.
        host: links.host().to_owned(),
        port: links.port(),
        configs: links.related(&["brokers", BROKER, "configs"]),
        partition_replicas: links.related(&["brokers", BROKER, "partition-replicas"]),
    };
    links.resource("KafkaBroker", &["brokers", BROKER], &["broker", BROKER], data)
}
