//! The shapes of `source.yaml`, as they are written. Nothing is checked here but names and types.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use crate::value::ColumnType;

/// A whole `source.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecFile {
    pub rows: u64,
    #[serde(default)]
    pub lists: Named<Spanned<Vec<Scalar>>>,
    #[serde(default)]
    pub values: Named<Spanned<ColumnFile>>,
    pub tables: Named<Spanned<TableFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableFile {
    pub stream: String,
    pub link: String,
    #[serde(default)]
    pub variants: Vec<Spanned<VariantFile>>,
    #[serde(default)]
    pub columns: Named<Spanned<ColumnFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariantFile {
    pub chance: f64,
    pub set: Named<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnFile {
    #[serde(rename = "type")]
    pub kind: ColumnType,
    pub make: MakeFile,
    #[serde(default)]
    pub sometimes: Vec<Spanned<SometimesFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SometimesFile {
    pub chance: f64,
    pub make: MakeFile,
}

/// What makes a value; one key each.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MakeFile {
    Value(Scalar),
    Same(String),
    Sequence(i64),
    Uuid,
    Choice(ChoiceFile),
    Favourite(FavouriteFile),
    Template(String),
    Integer(IntegerFile),
    Double(DoubleFile),
    Exponential(ExponentialFile),
    Abbreviated(AbbreviatedFile),
    Time(TimeFile),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChoiceFile {
    pub from: ListFile,
    #[serde(default)]
    pub zipf: Option<f64>,
    #[serde(default)]
    pub weights: Option<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FavouriteFile {
    pub from: ListFile,
    pub of: String,
    #[serde(default)]
    pub per: Option<i64>,
}

/// The name of a list, or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a list, or a list of texts and numbers")]
pub(super) enum ListFile {
    Name(String),
    Elements(Vec<Scalar>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntegerFile {
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoubleFile {
    pub from: f64,
    pub to: f64,
    pub digits: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExponentialFile {
    pub from: i64,
    pub mean: f64,
    pub to: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbbreviatedFile {
    pub median: f64,
    pub spread: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeFile {
    pub from: String,
    pub to: String,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a text, a number or null")]
pub(super) enum Scalar {
    Boolean(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Null(()),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Boolean(truth) => truth.fmt(f),
            Scalar::Int(number) => number.fmt(f),
            Scalar::Double(number) => number.fmt(f),
            Scalar::Text(text) => f.write_str(text),
            Scalar::Null(()) => f.write_str("null"),
        }
    }
}

/// A mapping in the order of the file: the order of columns is part of the result.
#[derive(Debug)]
pub(super) struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}
