//! Every statement of `spark/answers.ndjson` gives here what real Spark gave; what is known to differ stands in
//! `spark/differences.txt`, and does differ.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use datafusion::prelude::{SessionConfig, SessionContext};
use pinflow_dialect::{plan, session};
use serde_json::{Value, json};

/// The most rows of one answer that a difference is told of.
const SHOWN: usize = 400;

#[tokio::test]
async fn answers_are_sparks() {
    let session = session(SessionConfig::new().with_target_partitions(1).with_batch_size(64));
    let mut known = known_differences();
    let mut unexpected = Vec::new();
    let mut asked = 0;
    for line in read("answers.ndjson").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let sql = case["sql"].as_str().unwrap();
        asked += 1;
        let differences = compare(&case, answer(&session, sql).await);
        match (known.remove(sql), differences.is_empty()) {
            (Some(_), false) | (None, true) => {}
            (Some(reason), true) => unexpected.push(format!("no longer differs ({reason}): {sql}")),
            (None, false) => {
                let shown: Vec<_> = differences.iter().take(SHOWN).map(String::as_str).collect();
                unexpected.push(format!("{sql}\n    {}", shown.join("\n    ")));
            }
        }
    }
    assert!(known.is_empty(), "these differences are no statement of answers.ndjson: {:#?}", known.keys());
    assert!(unexpected.is_empty(), "{} of {asked} statements:\n{}", unexpected.len(), unexpected.join("\n"));
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spark").join(file)).unwrap()
}

/// Statement to reason: a line that begins with `#` is the reason for the statements below it.
fn known_differences() -> BTreeMap<String, String> {
    let text = read("differences.txt");
    let mut reason = "";
    let mut known = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(text) => reason = text,
            // A statement stands there as a JSON text, so that its own lines and tabs survive.
            None => drop(known.insert(serde_json::from_str(line).unwrap(), reason.to_owned())),
        }
    }
    known
}

struct Answer {
    types: Vec<String>,
    rows: Vec<Vec<Value>>,
}

async fn answer(session: &SessionContext, sql: &str) -> Result<Answer, String> {
    let plan = plan(session, sql).await.map_err(|e| e.to_string())?;
    let frame = session.execute_logical_plan(plan).await.map_err(|e| e.to_string())?;
    let batches = frame.collect().await.map_err(|e| e.to_string())?;
    let Some(first) = batches.first() else { return Ok(Answer { types: Vec::new(), rows: Vec::new() }) };
    let types = first.schema().fields().iter().map(|field| type_name(field.data_type())).collect();
    Ok(Answer { types, rows: batches.iter().flat_map(rows).collect() })
}

fn compare(case: &Value, ours: Result<Answer, String>) -> Vec<String> {
    let refused = case["error"] == json!(true);
    let ours = match ours {
        Err(_) if refused => return Vec::new(),
        Err(message) => return vec![format!("error: {}", message.lines().next().unwrap_or(""))],
        Ok(_) if refused => return vec![format!("Spark refuses: {}", case["cause"])],
        Ok(ours) => ours,
    };
    let mut theirs: Vec<Vec<Value>> =
        case["rows"].as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone()).collect();
    let mut differences = Vec::new();
    for (ours, theirs) in ours.types.iter().zip(case["types"].as_array().unwrap()) {
        if !same_type(ours, theirs.as_str().unwrap()) {
            differences.push(format!("type {ours}, Spark {theirs}"));
        }
    }
    let mut rows = ours.rows;
    if !case["sql"].as_str().unwrap().contains("ORDER BY") {
        let key = |row: &Vec<Value>| row.iter().map(Value::to_string).collect::<Vec<_>>();
        rows.sort_by_key(key);
        theirs.sort_by_key(key);
    }
    if rows.len() != theirs.len() {
        differences.push(format!("{} rows, Spark {}", rows.len(), theirs.len()));
        return differences;
    }
    for (ours, theirs) in rows.iter().zip(&theirs) {
        if !ours.iter().zip(theirs).all(|(ours, theirs)| same_value(ours, theirs)) {
            differences.push(format!("{} , Spark {}", json!(ours), json!(theirs)));
        }
    }
    differences
}

/// Whole numbers of 32 and 64 bits are one here, since a literal is `int` in Spark and `bigint` in the dialect; decimals differ in precision.
fn same_type(ours: &str, theirs: &str) -> bool {
    let coarse = |name: &str| {
        let name = name.split("decimal(").next().filter(|_| name.starts_with("decimal")).map_or(name, |_| "decimal");
        name.replace("bigint", "int")
    };
    let names: BTreeSet<String> = [coarse(ours), coarse(theirs)].into();
    names.len() == 1 || theirs == "void" || ours == "void"
}

fn same_value(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.as_i64(), theirs.as_i64()) {
                return ours == theirs;
            }
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            ours == theirs || (ours - theirs).abs() <= theirs.abs() * 1e-13
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same_value(ours, theirs))
        }
        _ => ours == theirs,
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "void".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        text if text.is_string() => "string".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item) => format!("array<{}>", type_name(item.data_type())),
        other => other.to_string(),
    }
}

fn rows(batch: &RecordBatch) -> Vec<Vec<Value>> {
    (0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| value(column, row)).collect()).collect()
}

fn double(number: f64) -> Value {
    if number.is_finite() {
        json!(number)
    } else if number.is_nan() {
        json!("NaN")
    } else {
        json!(if number > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) || column.data_type().is_null() {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => json!(column.as_primitive::<UInt64Type>().value(row)),
        // As Python widens it.
        DataType::Float32 => double(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => json!(column.as_string::<i64>().value(row)),
        DataType::Utf8View => json!(column.as_string_view().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            json!(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Decimal128(..) => json!(column.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Date32 => {
            let text = pinflow_dialect::cast_array(
                &arrow::compute::cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))).unwrap(),
                &DataType::Utf8,
            );
            let _ = column.as_primitive::<Date32Type>();
            json!(text.unwrap().as_string::<i32>().value(row).split(' ').next().unwrap())
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|item| value(&items, item)).collect())
        }
        other => json!(format!("a value of type {other}")),
    }
}
