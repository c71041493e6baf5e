//! Checks of the makers: what a column's `make` says, with its names resolved and its type compared to the column's.

use std::collections::BTreeMap;

use super::check::{Fault, constant, time};
use super::file::{ChoiceFile, FavouriteFile, ListFile, MakeFile};
use super::template::{self, Part};
use super::{Column, Earlier, ListId, Make, TemplatePart};
use crate::value::{ColumnType, Value};

/// What a maker may name.
pub(super) struct Scope<'a> {
    pub names: &'a BTreeMap<String, ListId>,
    pub lists: &'a mut Vec<Vec<Value>>,
    pub shared: &'a [Column],
    /// The columns of the same table that stand before.
    pub columns: &'a [Column],
}

impl Scope<'_> {
    /// Checks what makes a value of type `kind`.
    pub(super) fn maker(&mut self, kind: ColumnType, file: MakeFile) -> Result<Make, Fault> {
        let (makes, make) = match file {
            MakeFile::Value(scalar) => (kind, Make::Constant(constant(kind, &scalar)?)),
            MakeFile::Same(name) => {
                let (earlier, makes) = self.earlier(&name)?;
                (makes, Make::Same(earlier))
            }
            MakeFile::Sequence(first) => (ColumnType::Bigint, Make::Sequence { first }),
            MakeFile::Uuid => (ColumnType::Text, Make::Uuid),
            MakeFile::Choice(choice) => (kind, self.choice(kind, choice)?),
            MakeFile::Favourite(favourite) => (kind, self.favourite(kind, favourite)?),
            MakeFile::Template(text) => (ColumnType::Text, self.template(&text)?),
            MakeFile::Integer(range) => {
                ascending(range.from, range.to)?;
                (ColumnType::Bigint, Make::Integer { from: range.from, to: range.to })
            }
            MakeFile::Double(range) => {
                ascending(range.from, range.to)?;
                if range.digits > 12 {
                    return Err(Fault::new(format!("{} digits are too many", range.digits), "write 12 digits at most"));
                }
                let scale = 10_u64.pow(range.digits) as f64;
                (ColumnType::Double, Make::Double { from: range.from, to: range.to, scale })
            }
            MakeFile::Exponential(range) => {
                ascending(range.from, range.to)?;
                positive("mean", range.mean)?;
                (ColumnType::Bigint, Make::Exponential { from: range.from, mean: range.mean, to: range.to })
            }
            MakeFile::Abbreviated(numbers) => {
                positive("median", numbers.median)?;
                positive("spread", numbers.spread)?;
                (ColumnType::Text, Make::Abbreviated { median: numbers.median, spread: numbers.spread })
            }
            MakeFile::Time(range) => {
                let (from, to) = (time(&range.from)?, time(&range.to)?);
                ascending(&range.from, &range.to)?;
                (ColumnType::Datetime, Make::Time { from, to })
            }
        };
        if makes != kind {
            let problem = format!("its maker makes {}, its type is {}", makes.as_str(), kind.as_str());
            return Err(Fault::new(problem, format!("write `type: {}`", makes.as_str())));
        }
        Ok(make)
    }

    fn choice(&mut self, kind: ColumnType, file: ChoiceFile) -> Result<Make, Fault> {
        let list = self.list_of(kind, file.from)?;
        let length = self.lists[list.0].len();
        let weights: Option<Vec<f64>> = match (file.zipf, file.weights) {
            (Some(_), Some(_)) => {
                return Err(Fault::new("both `zipf` and `weights` are given", "keep one of them"));
            }
            (Some(exponent), None) => {
                positive("zipf", exponent)?;
                Some((1..=length).map(|rank| libm::pow(rank as f64, -exponent)).collect())
            }
            (None, weights) => weights,
        };
        let Some(mut weights) = weights else {
            return Ok(Make::Choice { list, cumulated_weights: None });
        };
        if weights.len() != length {
            let problem = format!("{} weights for {length} elements", weights.len());
            return Err(Fault::new(problem, "give each element its weight"));
        }
        let mut sum = 0.0;
        for weight in &mut weights {
            if !(*weight >= 0.0 && weight.is_finite()) {
                return Err(Fault::new(format!("the weight `{weight}` is no share"), "weights are 0 or more"));
            }
            sum += *weight;
            *weight = sum;
        }
        positive("sum of the weights", sum)?;
        Ok(Make::Choice { list, cumulated_weights: Some(weights) })
    }

    fn favourite(&mut self, kind: ColumnType, file: FavouriteFile) -> Result<Make, Fault> {
        let (of, made) = self.earlier(&file.of)?;
        if file.per.is_some_and(|per| per < 1) {
            return Err(Fault::new(
                "`per` is below 1",
                "`per` is how many units, or seconds of a time, count as the same",
            ));
        }
        if file.per.is_some() && !matches!(made, ColumnType::Bigint | ColumnType::Datetime) {
            let problem = format!("`per` is given, and `{}` is {}", file.of, made.as_str());
            return Err(Fault::new(problem, "`per` needs a bigint or a datetime"));
        }
        Ok(Make::Favourite { list: self.list_of(kind, file.from)?, of, per: file.per })
    }

    /// The list that is named or written here, its elements as values of type `kind`.
    fn list_of(&mut self, kind: ColumnType, file: ListFile) -> Result<ListId, Fault> {
        match file {
            ListFile::Name(name) => {
                let id = *self.names.get(&name).ok_or_else(|| self.unknown_list(&name))?;
                match self.lists[id.0].iter().find(|element| !element.fits(kind)) {
                    Some(other) => {
                        let problem = format!("`{}` in the list `{name}` is no {}", other.text(), kind.as_str());
                        Err(Fault::new(problem, "the elements of a list must have the column's type"))
                    }
                    None => Ok(id),
                }
            }
            ListFile::Elements(elements) if elements.is_empty() => {
                Err(Fault::new("the list is empty", "give it an element"))
            }
            ListFile::Elements(elements) => {
                let values: Vec<Value> =
                    elements.iter().map(|scalar| constant(kind, scalar)).collect::<Result<_, _>>()?;
                self.lists.push(values);
                Ok(ListId(self.lists.len() - 1))
            }
        }
    }

    fn template(&self, text: &str) -> Result<Make, Fault> {
        let hint = "write `{name}`, `{number:0-99}`, `{hex:8}`, or `{{` for a brace";
        let written = template::parse(text).map_err(|problem| Fault::new(problem, hint))?;
        let mut lists: Vec<ListId> = Vec::new();
        let mut parts = Vec::new();
        for part in written {
            parts.push(match part {
                Part::Text(text) => TemplatePart::Text(text),
                Part::Number { from, to } => TemplatePart::Number { from, to },
                Part::Hex(digits) => TemplatePart::Hex(digits),
                Part::Name(name) => match self.names.get(&name) {
                    None => TemplatePart::Earlier(self.earlier(&name)?.0),
                    Some(list) => {
                        let drawn = lists.iter().position(|known| known == list).unwrap_or_else(|| {
                            lists.push(*list);
                            lists.len() - 1
                        });
                        TemplatePart::Element(drawn)
                    }
                },
            });
        }
        Ok(Make::Template { lists, parts })
    }

    fn earlier(&self, name: &str) -> Result<(Earlier, ColumnType), Fault> {
        let find = |columns: &[Column]| {
            columns.iter().position(|column| column.name == name).map(|index| (index, columns[index].kind))
        };
        find(self.columns)
            .map(|(index, kind)| (Earlier::Column(index), kind))
            .or_else(|| find(self.shared).map(|(index, kind)| (Earlier::Shared(index), kind)))
            .ok_or_else(|| {
                let hint = "name a list, an entry of `values`, or a column of this table that stands before";
                Fault::new(format!("`{name}` is unknown here"), hint)
            })
    }

    fn unknown_list(&self, name: &str) -> Fault {
        let names = self.names.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Fault::new(format!("the list `{name}` is unknown"), format!("the lists are {names}"))
    }
}

fn ascending<T: PartialOrd + std::fmt::Display>(from: T, to: T) -> Result<(), Fault> {
    if from <= to {
        return Ok(());
    }
    Err(Fault::new(format!("the range from `{from}` to `{to}` is empty"), "put the smaller one first"))
}

fn positive(what: &str, number: f64) -> Result<(), Fault> {
    if number > 0.0 && number.is_finite() {
        return Ok(());
    }
    Err(Fault::new(format!("the {what} `{number}` is not above 0"), "give a positive number"))
}
