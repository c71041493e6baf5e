//! Plans a cleaning SELECT into steps that treat each row by itself, so that every cleaned row is known to come from
//! one record, wherever the batches are cut.
//!
//! Allowed are projections and filters, nested in subqueries or CTEs as deep as one likes. A join, an aggregate, a window, a sort or
//! a limit is refused: its result would depend on which records meet in a batch, and the lanes would differ.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionConfig;
use pinflow_dialect::DialectError;

use crate::lines::SelectLines;

/// The table that a cleaning SELECT reads.
const INPUT: &str = "input";

/// A planned SELECT.
#[derive(Debug)]
pub(crate) struct Select {
    steps: Vec<Step>,
    /// The columns as they are stored.
    output: SchemaRef,
    lines: SelectLines,
}

#[derive(Debug)]
enum Step {
    /// Keeps the rows where the condition is true.
    Filter(Arc<dyn PhysicalExpr>),
    /// Computes new columns.
    Project(Vec<Arc<dyn PhysicalExpr>>, SchemaRef),
}

/// Why a SELECT cannot be planned.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The line in the SQL text, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What a SELECT made of a batch.
pub(crate) struct Selected {
    /// The rows in the stored types.
    pub rows: RecordBatch,
    /// For each row, the number of the input row.
    pub origin: Vec<u32>,
}

impl Select {
    /// Plans `sql` over a table `input` of the given columns.
    pub async fn plan(sql: &str, input: &SchemaRef) -> Result<Self, Refusal> {
        let config = SessionConfig::new().set_bool("datafusion.sql_parser.collect_spans", true);
        let session = pinflow_dialect::session(config);
        session.register_table(INPUT, Arc::new(EmptyTable::new(Arc::clone(input)))).map_err(|error| refusal(&error))?;
        let state = session.state();
        let plan = pinflow_dialect::plan(&session, sql).await.map_err(|error| match error {
            DialectError::Plan(error) => refusal(&error),
            other => text_refusal(&other.to_string()),
        })?;
        let plan = state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})
            .map_err(|error| refusal(&error))?;
        // Before anything is simplified: the time of planning would be folded into a constant.
        check_repeatable(&plan)?;
        // Some functions (`coalesce`, `if`) exist for the planner alone and are rewritten by this rule. The other rules may
        // restructure the plan, which the steps below do not follow.
        let plan = Optimizer::with_rules(vec![Arc::new(SimplifyExpressions::new())])
            .optimize(plan, &state, |_, _| {})
            .map_err(|error| refusal(&error))?;
        let mut steps = Vec::new();
        collect_steps(&plan, &state, &mut steps)?;
        let output = stored_schema(plan.schema())?;
        Ok(Self { steps, output, lines: SelectLines::of(sql) })
    }

    /// The columns that come out, in stored types.
    pub fn output(&self) -> &SchemaRef {
        &self.output
    }

    /// Runs the SELECT on `input`.
    pub fn run(&self, input: RecordBatch) -> Result<Selected, DataFusionError> {
        let mut origin: Vec<u32> =
            (0..u32::try_from(input.num_rows()).expect("a batch has less than 2^32 rows")).collect();
        let mut rows = input;
        for step in &self.steps {
            match step {
                Step::Filter(condition) => {
                    let truth = condition.evaluate(&rows)?.into_array(rows.num_rows())?;
                    let truth = truth.as_any().downcast_ref::<BooleanArray>().ok_or_else(|| {
                        DataFusionError::Internal("a WHERE condition that is no boolean passed the planner".to_owned())
                    })?;
                    let keep = |row: usize| truth.is_valid(row) && truth.value(row);
                    origin =
                        origin.iter().enumerate().filter(|(row, _)| keep(*row)).map(|(_, record)| *record).collect();
                    rows = filter_record_batch(&rows, truth)?;
                }
                Step::Project(expressions, schema) => {
                    let count = rows.num_rows();
                    let columns = expressions
                        .iter()
                        .map(|expression| expression.evaluate(&rows)?.into_array(count))
                        .collect::<Result<Vec<ArrayRef>, _>>()?;
                    rows = batch(schema, columns, count)?;
                }
            }
        }
        let columns = rows
            .columns()
            .iter()
            .zip(self.output.fields())
            .map(|(column, field)| {
                if column.data_type() == field.data_type() {
                    Ok(Arc::clone(column))
                } else {
                    cast(column, field.data_type())
                }
            })
            .collect::<Result<Vec<ArrayRef>, _>>()?;
        Ok(Selected { rows: batch(&self.output, columns, origin.len())?, origin })
    }

    /// The line of the expression that fails on `input`, where it can be told.
    pub fn failing_line(&self, input: &RecordBatch) -> Option<u64> {
        let mut rows = input.clone();
        for step in &self.steps {
            let count = rows.num_rows();
            match step {
                Step::Filter(condition) => {
                    let Ok(truth) = condition.evaluate(&rows).and_then(|truth| truth.into_array(count)) else {
                        return self.lines.filter();
                    };
                    rows = filter_record_batch(&rows, truth.as_any().downcast_ref::<BooleanArray>()?).ok()?;
                }
                Step::Project(expressions, schema) => {
                    let mut columns = Vec::with_capacity(expressions.len());
                    for (expression, column) in expressions.iter().zip(schema.fields()) {
                        match expression.evaluate(&rows).and_then(|values| values.into_array(count)) {
                            Ok(values) => columns.push(values),
                            Err(_) => return self.lines.column(column.name()),
                        }
                    }
                    rows = batch(schema, columns, count).ok()?;
                }
            }
        }
        None
    }
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, DataFusionError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Walks from the plan's root down to the scan and collects the steps in the order in which rows meet them.
fn collect_steps(plan: &LogicalPlan, state: &SessionState, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let input = match plan {
        LogicalPlan::TableScan(_) => return Ok(()),
        LogicalPlan::SubqueryAlias(alias) => return collect_steps(&alias.input, state, steps),
        LogicalPlan::Projection(projection) => &projection.input,
        LogicalPlan::Filter(filter) => &filter.input,
        other => {
            let name = other.display().to_string();
            let name = name.split([':', ' ']).next().unwrap_or_default().to_lowercase();
            return Err(Refusal {
                line: None,
                message: format!("a cleaning SELECT looks at each record by itself, but this one has a step `{name}`"),
                hint: Some(
                    "use `SELECT ... FROM input [WHERE ...]` here, and joins, groups and sorting in queries/"
                        .to_owned(),
                ),
            });
        }
    };
    collect_steps(input, state, steps)?;
    let physical = |expression: &Expr| {
        state.create_physical_expr(expression.clone(), input.schema()).map_err(|error| refusal(&error))
    };
    match plan {
        LogicalPlan::Projection(projection) => {
            let expressions = projection.expr.iter().map(physical).collect::<Result<Vec<_>, _>>()?;
            steps.push(Step::Project(expressions, nullable(projection.schema.as_arrow())));
        }
        LogicalPlan::Filter(filter) => steps.push(Step::Filter(physical(&filter.predicate)?)),
        _ => unreachable!("only projections and filters get past the match above"),
    }
    Ok(())
}

/// Refuses what may give another answer for the same record: the lanes clean it at different times.
fn check_repeatable(plan: &LogicalPlan) -> Result<(), Refusal> {
    let mut culprit = None;
    let mut look = |part: &Expr| {
        match part {
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
                culprit = Some(format!("the function `{}`, whose answer changes from call to call", call.func.name()));
            }
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) => {
                culprit = Some("a subquery inside an expression".to_owned());
            }
            _ => return Ok(TreeNodeRecursion::Continue),
        }
        Ok(TreeNodeRecursion::Stop)
    };
    plan.apply(|step| step.apply_expressions(|expression| expression.apply(&mut look)))
        .map_err(|error| refusal(&error))?;
    match culprit {
        None => Ok(()),
        Some(culprit) => Err(Refusal {
            line: None,
            message: format!("a cleaning SELECT gives the same row for the same record, but this one uses {culprit}"),
            hint: Some("take times and identifiers from the event itself".to_owned()),
        }),
    }
}

fn nullable(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}

/// The types in which the columns are stored: those that every reader of Delta tables knows.
fn stored_schema(schema: &DFSchema) -> Result<SchemaRef, Refusal> {
    let mut fields: Vec<Field> = Vec::new();
    for field in schema.fields() {
        let name = field.name().as_str();
        let wrong = |message: String, hint: &str| Refusal { line: None, message, hint: Some(hint.to_owned()) };
        // As the table's format compares names.
        if fields.iter().any(|f| f.name().to_lowercase() == name.to_lowercase()) {
            return Err(wrong(format!("two columns are called `{name}`"), "give one of them another name with AS"));
        }
        if name.contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']) {
            return Err(wrong(format!("`{name}` is no column name for a Delta table"), "name the column with AS"));
        }
        let kind = stored_type(field.data_type()).ok_or_else(|| {
            wrong(format!("column `{name}` has the type {}, which tables cannot hold", field.data_type()), "CAST it")
        })?;
        fields.push(Field::new(name, kind, true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn stored_type(kind: &DataType) -> Option<DataType> {
    Some(match kind {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Binary | DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        // Without a zone, or in nanoseconds, a table would be unreadable to older readers (Delta protocol 1/2).
        DataType::Timestamp(_, _) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Decimal128(_, _) => kind.clone(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            // `element` is the name that Delta gives it.
            DataType::List(Arc::new(Field::new("element", stored_type(item.data_type())?, true)))
        }
        DataType::Struct(fields) => {
            let fields: Option<Vec<Field>> =
                fields.iter().map(|f| Some(Field::new(f.name(), stored_type(f.data_type())?, true))).collect();
            DataType::Struct(fields?.into())
        }
        _ => return None,
    })
}

/// What the planner says, with the line in the SQL text where it tells it.
fn refusal(error: &DataFusionError) -> Refusal {
    let Some(diagnostic) = error.diagnostic() else { return text_refusal(&error.strip_backtrace()) };
    let helps = diagnostic.helps.iter().map(|help| help.message.as_str());
    let hints: Vec<&str> = helps.chain(diagnostic.notes.iter().map(|note| note.message.as_str())).collect();
    Refusal {
        line: diagnostic.span.as_ref().map(|span| span.start.line),
        message: diagnostic.message.clone(),
        hint: (!hints.is_empty()).then(|| hints.join("; ")),
    }
}

fn text_refusal(text: &str) -> Refusal {
    Refusal { line: parser_line(text), message: text.lines().next().unwrap_or_default().to_owned(), hint: None }
}

/// The parser tells the place in its text alone: `... at Line: 3, Column: 7`.
fn parser_line(text: &str) -> Option<u64> {
    let digits = text.split("Line: ").nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
