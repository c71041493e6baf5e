//! The body of `POST /streams/{name}`.

use bytes::Bytes;
use serde::Deserialize;

use super::error::ApiGatewayError;
use crate::json;

/// Shards of a stream whose creator names no number (the tutorial's template).
const DEFAULT_SHARD_COUNT: i64 = 5;

#[derive(Deserialize)]
struct CreateStream {
    #[serde(rename = "ShardCount", alias = "shardCount", alias = "shard-count")]
    shard_count: Option<i64>,
}

/// How many shards a stream shall have.
///
/// # Errors
/// [`ApiGatewayError::Json`].
pub(super) fn shard_count(body: &Bytes) -> Result<i64, ApiGatewayError> {
    if json::is_blank(body) {
        return Ok(DEFAULT_SHARD_COUNT);
    }
    let request: Option<CreateStream> = json::parse(body)?;
    Ok(request.and_then(|request| request.shard_count).unwrap_or(DEFAULT_SHARD_COUNT))
}
