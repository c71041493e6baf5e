//! From the written `source.yaml` to a checked [`SourceSpec`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pinflow_pipeline::TextFile;
use serde_saphyr::Spanned;

use super::file::{ColumnFile, Named, Scalar, SpecFile, TableFile, VariantFile};
use super::makers::Scope;
use super::{Column, ListId, SourceSpec, Table, Variant};
use crate::error::SourceError;
use crate::value::{ColumnType, Value, parse_time};

/// What is wrong with a part of the file, before file and line are known.
pub(super) struct Fault {
    pub problem: String,
    pub hint: String,
}

impl Fault {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }

    fn at(self, path: &Path, line: u64) -> SourceError {
        SourceError::Spec { file: path.to_owned(), line, problem: self.problem, hint: self.hint }
    }
}

impl SourceSpec {
    /// Reads and checks a `source.yaml` whose variables are substituted.
    ///
    /// # Errors
    /// [`SourceError::Spec`] with the file, the line, the thing that is wrong and a hint.
    pub fn parse(file: &TextFile) -> Result<Self, SourceError> {
        // YAML 1.1 reads `no` and `y` as booleans; in a list of words they are words.
        let options = serde_saphyr::options! { strict_booleans: true };
        let written: SpecFile = serde_saphyr::from_str_with_options(&file.text, options).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            Fault::new(
                plain_message(&error),
                "compare it with the built-in pipeline's source.yaml, of which `pinflow init` writes a copy",
            )
            .at(&file.path, line)
        })?;
        Checker { path: file.path.clone(), lists: BTreeMap::new(), kept: Vec::new() }.check(written)
    }
}

/// The parser's message without its position and its picture of the place, which we give ourselves.
fn plain_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    text.split(" at line ").next().unwrap_or(text).to_owned()
}

/// The lists by name and by number, as the makers need them.
struct Checker {
    path: PathBuf,
    lists: BTreeMap<String, ListId>,
    kept: Vec<Vec<Value>>,
}

impl Checker {
    fn check(mut self, written: SpecFile) -> Result<SourceSpec, SourceError> {
        for (name, list) in written.lists.0 {
            self.keep_list(&name, &list.value).map_err(|fault| fault.at(&self.path, list.referenced.line()))?;
        }
        let mut shared: Vec<Column> = Vec::new();
        for (name, column) in written.values.0 {
            let checked = self.column(&shared, &[], name, column, "value")?;
            shared.push(checked);
        }
        let mut tables: Vec<Table> = Vec::new();
        for (name, table) in written.tables.0 {
            let line = table.referenced.line();
            if let Some(twin) = tables.iter().find(|other| other.stream == table.value.stream) {
                let problem = format!("the tables `{}` and `{name}` both feed the stream `{}`", twin.name, twin.stream);
                return Err(Fault::new(problem, "give each table a stream of its own").at(&self.path, line));
            }
            tables.push(self.table(&shared, name, table.value, line)?);
        }
        if tables.is_empty() {
            return Err(Fault::new("`tables` is empty", "name at least one table").at(&self.path, 1));
        }
        Ok(SourceSpec { path: self.path, rows: written.rows, tables, lists: self.kept, shared })
    }

    fn keep_list(&mut self, name: &str, elements: &[Scalar]) -> Result<(), Fault> {
        if elements.is_empty() {
            return Err(Fault::new(format!("the list `{name}` is empty"), "give it an element"));
        }
        let elements = elements.iter().map(natural_value).collect::<Option<Vec<_>>>();
        let elements =
            elements.ok_or_else(|| Fault::new(format!("the list `{name}` holds a boolean"), "put it in quotes"))?;
        self.lists.insert(name.to_owned(), ListId(self.kept.len()));
        self.kept.push(elements);
        Ok(())
    }

    fn table(&mut self, shared: &[Column], name: String, file: TableFile, line: u64) -> Result<Table, SourceError> {
        let mut columns: Vec<Column> = Vec::new();
        for (column_name, column) in file.columns.0 {
            let checked = self.column(shared, &columns, column_name, column, "column")?;
            columns.push(checked);
        }
        let link_is_sound = columns.iter().any(|column| column.name == file.link && column.kind == ColumnType::Bigint);
        if !columns.is_empty() && !link_is_sound {
            let problem = format!("the link `{}` is no bigint column of the table `{name}`", file.link);
            return Err(Fault::new(problem, "link tables by a column of whole numbers").at(&self.path, line));
        }
        let mut variants = Vec::new();
        let mut chances = Vec::new();
        for Spanned { value, referenced, .. } in file.variants {
            chances.push(value.chance);
            let checked = check_chances(&chances).and_then(|()| variant(&columns, value));
            variants.push(checked.map_err(|fault| fault.at(&self.path, referenced.line()))?);
        }
        Ok(Table { name, stream: file.stream, link: file.link, columns, variants })
    }

    fn column(
        &mut self,
        shared: &[Column],
        columns: &[Column],
        name: String,
        file: Spanned<ColumnFile>,
        called: &str,
    ) -> Result<Column, SourceError> {
        let ColumnFile { kind, make, sometimes } = file.value;
        let path = self.path.clone();
        let mut line = file.referenced.line();
        let in_column = |fault: Fault, line| {
            Fault::new(format!("{called} `{name}`: {}", fault.problem), fault.hint).at(&path, line)
        };
        let mut scope = Scope { names: &self.lists, lists: &mut self.kept, shared, columns };
        let make = scope.maker(kind, make).map_err(|fault| in_column(fault, line))?;
        let mut others = Vec::new();
        let mut chances = Vec::new();
        for Spanned { value, referenced, .. } in sometimes {
            line = referenced.line();
            chances.push(value.chance);
            let checked = check_chances(&chances).and_then(|()| scope.maker(kind, value.make));
            others.push((value.chance, checked.map_err(|fault| in_column(fault, line))?));
        }
        Ok(Column { name, kind, make, sometimes: others })
    }
}

fn variant(columns: &[Column], file: VariantFile) -> Result<Variant, Fault> {
    let Named(set) = file.set;
    let mut constants = vec![None; columns.len()];
    for (name, scalar) in set {
        let Some(index) = columns.iter().position(|column| column.name == name) else {
            let names = columns.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
            return Err(Fault::new(
                format!("a variant sets the unknown column `{name}`"),
                format!("the columns are {names}"),
            ));
        };
        constants[index] = Some(constant(columns[index].kind, &scalar)?);
    }
    Ok(Variant { chance: file.chance, constants })
}

/// Chances are shares of the rows: each from 0 to 1, and together not above 1.
fn check_chances(chances: &[f64]) -> Result<(), Fault> {
    if let Some(chance) = chances.iter().find(|chance| !(0.0..=1.0).contains(*chance)) {
        return Err(Fault::new(format!("the chance `{chance}` is no share"), "write `0.08` for 8 %"));
    }
    let sum: f64 = chances.iter().sum();
    if sum > 1.0 + 1e-9 {
        return Err(Fault::new(
            format!("the chances add up to {sum}"),
            "they exclude one another: keep their sum within 1",
        ));
    }
    Ok(())
}

/// The constant as a value of a column of type `kind`.
pub(super) fn constant(kind: ColumnType, scalar: &Scalar) -> Result<Value, Fault> {
    match (kind, scalar) {
        (ColumnType::Double, Scalar::Int(number)) => return Ok(Value::Double(*number as f64)),
        (ColumnType::Datetime, Scalar::Text(text)) => return Ok(Value::Time(time(text)?)),
        _ => {}
    }
    natural_value(scalar).filter(|value| value.fits(kind)).ok_or_else(|| {
        let hint = if kind == ColumnType::Text { "put it in quotes" } else { "change the value or the column's type" };
        Fault::new(format!("`{scalar}` is no {}", kind.as_str()), hint)
    })
}

/// Reads a time of `source.yaml` as seconds since the Unix epoch.
pub(super) fn time(text: &str) -> Result<i64, Fault> {
    parse_time(text)
        .ok_or_else(|| Fault::new(format!("`{text}` is no time"), "write `2020-08-28 03:52:47` or `2020-08-28`"))
}

/// The constant as its own form says; `None` for a boolean, which no column holds.
fn natural_value(scalar: &Scalar) -> Option<Value> {
    match scalar {
        Scalar::Null(()) => Some(Value::Null),
        Scalar::Boolean(_) => None,
        Scalar::Int(number) => Some(Value::Int(*number)),
        Scalar::Double(number) => Some(Value::Double(*number)),
        Scalar::Text(text) => Some(Value::Text(text.clone())),
    }
}
