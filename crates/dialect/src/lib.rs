//! The pipeline's SQL: the part of Spark's dialect that runs alike on DataFusion and on Spark.
//!
//! [`session`] makes a session with Spark's functions, types and operators; [`parse`] and [`plan`] read a statement
//! as Spark does (string escapes, backticks, `RLIKE`, `DIV`). Spark means version 4 with ANSI mode off and the time zone UTC:
//! a value that cannot be cast is null, never an error. What is promised and what differs stands in `docs/sql.md`;
//! `tests/spark/` holds real Spark's answers.

mod aggregate;
mod arithmetic;
mod array;
mod cast;
mod conversion;
mod date_part;
mod datetime_pattern;
mod depth;
mod error;
mod function;
mod int_arguments;
mod like_escape;
mod operators;
mod parse;
mod percentiles;
mod regex;
mod regex_functions;
mod rounding;
mod text_functions;
mod time_functions;
mod timestamp;
mod types;

pub use cast::cast_array;
pub use error::DialectError;
pub use like_escape::LikeEscapes;
pub use parse::{parse, plan};
pub use percentiles::compact_percentile_states;
pub use timestamp::parse_timestamp;

use std::sync::Arc;

use datafusion::common::config::Dialect;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_spark::SessionStateBuilderSpark;

/// A session in which the pipeline's dialect is understood. `config` keeps its own batch size, partitions and catalog;
/// what belongs to the dialect (parser, null ordering, time zone) is set here.
pub fn session(config: SessionConfig) -> SessionContext {
    SessionContext::new_with_state(session_state(config).build())
}

/// The state behind [`session`], for a caller that adds its own catalog or runtime before it builds.
pub fn session_state(config: SessionConfig) -> SessionStateBuilder {
    let mut builder = SessionStateBuilder::new()
        .with_config(spark_config(config))
        .with_default_features()
        .with_spark_features()
        .with_type_planner(Arc::new(types::SparkTypes));
    // Planners are asked in order: ours first.
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(operators::SparkOperators));
    builder.scalar_functions().get_or_insert_default().extend(scalar_functions());
    builder.aggregate_functions().get_or_insert_default().extend(aggregate::functions());
    builder.with_analyzer_rule(Arc::new(LikeEscapes)).with_analyzer_rule(Arc::new(cast::SparkCasts))
}

fn spark_config(mut config: SessionConfig) -> SessionConfig {
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".to_owned());
    // For whoever calls `SessionContext::sql`: the one under which `array(...)` is a function. `parse` brings its own.
    options.sql_parser.dialect = Dialect::Databricks;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Spark: null is smaller than every value.
    options.sql_parser.default_null_ordering = "nulls_min".to_owned();
    config
}

fn scalar_functions() -> Vec<Arc<datafusion::logical_expr::ScalarUDF>> {
    [
        arithmetic::functions(),
        array::functions(),
        date_part::functions(),
        int_arguments::functions(),
        regex_functions::functions(),
        rounding::functions(),
        text_functions::functions(),
        time_functions::functions(),
    ]
    .into_iter()
    .flatten()
    .map(Arc::new)
    .collect()
}
