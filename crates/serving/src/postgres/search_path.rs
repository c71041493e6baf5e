//! Which schema names without one belong to: the pipeline's batch lane, until a session's `SET search_path` names another that there is.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::logical_expr::sqlparser::ast::{Expr, Set, Statement};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use pinflow_query::QueryEngine;

use super::session::SessionTemplate;

/// The variable, and where a connection keeps it.
pub(super) const SEARCH_PATH: &str = "search_path";

/// The schemas that a statement puts into the search path; `None` where it is about something else.
pub(super) fn named(statement: &Statement) -> Option<Vec<String>> {
    let Statement::Set(Set::SingleAssignment { variable, values, .. }) = statement else { return None };
    if !variable.to_string().eq_ignore_ascii_case(SEARCH_PATH) {
        return None;
    }
    let texts = values.iter().map(|value| match value {
        Expr::Identifier(name) => name.value.clone(),
        Expr::Value(value) => value.clone().into_string().unwrap_or_default(),
        other => other.to_string(),
    });
    Some(texts.flat_map(|text| text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()).collect())
}

/// Goes to the first of the named schemas that there is; where there is none of them, nothing changes. The schema that holds then.
pub(super) fn follow(session: &SessionContext, named: &[String]) -> String {
    let known = session.catalog(QueryEngine::CATALOG).map(|catalog| catalog.schema_names()).unwrap_or_default();
    if let Some(schema) = named.iter().find(|name| known.contains(name)) {
        session.state_ref().write().config_mut().options_mut().catalog.default_schema.clone_from(schema);
        functions(schema).into_iter().for_each(|function| session.register_udf(function));
    }
    session.state_ref().read().config_options().catalog.default_schema.clone()
}

/// What tools ask to learn the schema: `current_schema()` and `current_schemas(implicit)`.
pub(super) fn functions(schema: &str) -> [ScalarUDF; 2] {
    let current = ScalarValue::Utf8(Some(schema.to_owned()));
    let current_schema = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(current.clone()));
    let schema = schema.to_owned();
    let current_schemas = move |arguments: &[ColumnarValue]| {
        let arguments = ColumnarValue::values_to_arrays(arguments)?;
        let implicit = as_boolean_array(&arguments[0])?;
        let own = if implicit.iter().next() == Some(Some(true)) { SessionTemplate::OWN_SCHEMAS } else { &[] };
        let names = StringArray::from_iter_values(own.iter().copied().chain([schema.as_str()]));
        let list: ArrayRef = Arc::new(SingleRowListArrayBuilder::new(Arc::new(names)).build_list_array());
        Ok(ColumnarValue::Array(list))
    };
    let names = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
    [
        create_udf("current_schema", vec![], DataType::Utf8, Volatility::Stable, Arc::new(current_schema)),
        create_udf("current_schemas", vec![DataType::Boolean], names, Volatility::Stable, Arc::new(current_schemas)),
    ]
}
