//! `source.yaml`: the linked tables that the emulator reads, and how their synthetic content is made.
//!
//! [`SourceSpec::parse`] gives a spec that cannot be invalid: every name resolves, every maker makes the type of its
//! column, every chance is one. Nothing here knows what the tables are about.

mod check;
mod file;
mod makers;
mod template;

use std::path::PathBuf;

use crate::value::{ColumnType, Value};

/// What a pipeline folder says about its source.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// The file, relative to the pipeline folder, for messages.
    pub path: PathBuf,
    /// How many rows each table gets where nothing else is asked for.
    pub rows: u64,
    /// The linked tables, in the order of the file; at least one. The first one's links are drawn from.
    pub tables: Vec<Table>,
    pub(crate) lists: Vec<Vec<Value>>,
    pub(crate) shared: Vec<Column>,
}

/// A table whose rows become the events of a stream.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in the database.
    pub name: String,
    /// The stream that its rows are posted to.
    pub stream: String,
    /// The column of whole numbers that links a row to those of the other tables.
    pub link: String,
    /// How its rows are generated; empty for a table that exists in a user's own database only.
    pub columns: Vec<Column>,
    pub(crate) variants: Vec<Variant>,
}

/// A generated column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    pub(crate) make: Make,
    pub(crate) sometimes: Vec<(f64, Make)>,
}

/// Constants that some rows hold in several columns at once.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) chance: f64,
    /// The constant of each column, in the order of the columns.
    pub(crate) constants: Vec<Option<Value>>,
}

/// The number of a list in [`SourceSpec::lists`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(pub(crate) usize);

/// A value of the row that was made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    Shared(usize),
    Column(usize),
}

/// How a value is made.
#[derive(Clone, Debug)]
pub(crate) enum Make {
    Constant(Value),
    Same(Earlier),
    Sequence {
        first: i64,
    },
    Uuid,
    /// Without weights all elements are as likely.
    Choice {
        list: ListId,
        cumulated_weights: Option<Vec<f64>>,
    },
    /// The same element for the same value, where values within `per` count as the same.
    Favourite {
        list: ListId,
        of: Earlier,
        per: Option<i64>,
    },
    Template {
        lists: Vec<ListId>,
        parts: Vec<TemplatePart>,
    },
    Integer {
        from: i64,
        to: i64,
    },
    Double {
        from: f64,
        to: f64,
        scale: f64,
    },
    Exponential {
        from: i64,
        mean: f64,
        to: i64,
    },
    Abbreviated {
        median: f64,
        spread: f64,
    },
    Time {
        from: i64,
        to: i64,
    },
}

/// A part of a template whose names are resolved.
#[derive(Clone, Debug)]
pub(crate) enum TemplatePart {
    Text(String),
    /// The element that was drawn from the template's list of that number.
    Element(usize),
    Earlier(Earlier),
    Number {
        from: i64,
        to: i64,
    },
    Hex(usize),
}
