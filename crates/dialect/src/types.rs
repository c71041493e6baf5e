//! The SQL types whose meaning in Spark is not DataFusion's.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::sqlparser::ast::{DataType as SqlType, ExactNumberInfo};

use crate::function::timestamp;

/// `TIMESTAMP` is an instant in microseconds, `DECIMAL` alone is `DECIMAL(10, 0)`.
#[derive(Debug)]
pub(crate) struct SparkTypes;

impl TypePlanner for SparkTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::Timestamp(None, _) => timestamp(),
            SqlType::Binary(None) => DataType::Binary,
            SqlType::TimestampNtz { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
            SqlType::Decimal(ExactNumberInfo::None) | SqlType::Dec(ExactNumberInfo::None) => {
                DataType::Decimal128(10, 0)
            }
            SqlType::Custom(name, arguments) if arguments.is_empty() => {
                match name.to_string().to_ascii_lowercase().as_str() {
                    "byte" => DataType::Int8,
                    "short" => DataType::Int16,
                    "long" => DataType::Int64,
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}
