//! Makes the rows that a [`SourceSpec`] declares. Row `n` depends on the seed and on `n` alone, so any part of any
//! number of rows is made in constant memory, and the same on every database and platform.

use std::fmt::Write;

use crate::chance::Chance;
use crate::spec::{Column, Earlier, ListId, Make, SourceSpec, Table, TemplatePart};
use crate::value::Value;

/// Rows of linked tables, made when asked for.
#[derive(Clone, Copy, Debug)]
pub struct Generator<'a> {
    spec: &'a SourceSpec,
    seed: u64,
}

/// What the makers of a row can look at.
struct Row<'a> {
    lists: &'a [Vec<Value>],
    shared: Vec<Value>,
    number: u64,
}

impl<'a> Generator<'a> {
    /// The rows that belong to `seed`.
    pub fn new(spec: &'a SourceSpec, seed: u64) -> Self {
        Self { spec, seed }
    }

    /// Row `number` (from 0) of each table, in the order of [`SourceSpec::tables`].
    pub fn row(&self, number: u64) -> Vec<Vec<Value>> {
        let mut chance = Chance::new(self.seed, number);
        let mut row = Row { lists: &self.spec.lists, shared: Vec::with_capacity(self.spec.shared.len()), number };
        for column in &self.spec.shared {
            let value = row.value(column, &[], &mut chance);
            row.shared.push(value);
        }
        self.spec.tables.iter().map(|table| row.values(table, &mut chance)).collect()
    }
}

impl Row<'_> {
    fn values(&self, table: &Table, chance: &mut Chance) -> Vec<Value> {
        let variant = pick(&table.variants, |variant| variant.chance, chance);
        let mut values = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            let constant = variant.and_then(|variant| variant.constants[index].clone());
            let value = constant.unwrap_or_else(|| self.value(column, &values, chance));
            values.push(value);
        }
        values
    }

    fn value(&self, column: &Column, earlier: &[Value], chance: &mut Chance) -> Value {
        let other = pick(&column.sometimes, |(share, _)| *share, chance);
        self.make(other.map_or(&column.make, |(_, make)| make), earlier, chance)
    }

    fn make(&self, make: &Make, earlier: &[Value], chance: &mut Chance) -> Value {
        match make {
            Make::Constant(value) => value.clone(),
            Make::Same(of) => self.earlier(*of, earlier).clone(),
            Make::Sequence { first } => Value::Int(first.wrapping_add_unsigned(self.number)),
            Make::Uuid => Value::Text(uuid(chance)),
            Make::Choice { list, cumulated_weights: None } => self.element(*list, chance).clone(),
            Make::Choice { list, cumulated_weights: Some(weights) } => {
                self.lists[list.0][chance.weighted(weights)].clone()
            }
            Make::Favourite { list, of, per } => self.favourite(*list, self.earlier(*of, earlier), *per),
            Make::Template { lists, parts } => Value::Text(self.template(lists, parts, earlier, chance)),
            Make::Integer { from, to } => Value::Int(chance.between(*from, *to)),
            Make::Double { from, to, scale } => {
                let exact = from + (to - from) * chance.unit();
                Value::Double((exact * scale).round() / scale)
            }
            Make::Exponential { from, mean, to } => {
                Value::Int(from.saturating_add(chance.exponential(*mean) as i64).min(*to))
            }
            Make::Abbreviated { median, spread } => {
                let number = chance.log_normal(*median, *spread);
                Value::Text(abbreviate(number, chance))
            }
            Make::Time { from, to } => Value::Time(chance.between(*from, *to)),
        }
    }

    fn earlier<'v>(&'v self, of: Earlier, columns: &'v [Value]) -> &'v Value {
        match of {
            Earlier::Shared(index) => &self.shared[index],
            Earlier::Column(index) => &columns[index],
        }
    }

    fn element(&self, list: ListId, chance: &mut Chance) -> &Value {
        let elements = &self.lists[list.0];
        &elements[chance.index(elements.len())]
    }

    fn favourite(&self, list: ListId, of: &Value, per: Option<i64>) -> Value {
        let elements = &self.lists[list.0];
        let hash = match (of, per) {
            (Value::Int(number) | Value::Time(number), Some(per)) => fnv1a(&number.div_euclid(per).to_le_bytes()),
            (other, _) => fnv1a(other.text().as_bytes()),
        };
        elements[(hash % elements.len() as u64) as usize].clone()
    }

    fn template(&self, lists: &[ListId], parts: &[TemplatePart], earlier: &[Value], chance: &mut Chance) -> String {
        let drawn: Vec<&Value> = lists.iter().map(|list| self.element(*list, chance)).collect();
        let mut text = String::new();
        for part in parts {
            match part {
                TemplatePart::Text(fixed) => text.push_str(fixed),
                TemplatePart::Element(index) => text.push_str(&drawn[*index].text()),
                TemplatePart::Earlier(of) => text.push_str(&self.earlier(*of, earlier).text()),
                TemplatePart::Number { from, to } => {
                    write!(text, "{}", chance.between(*from, *to)).expect("a string takes every write");
                }
                TemplatePart::Hex(digits) => {
                    text.extend((0..*digits).map(|_| HEX[chance.index(HEX.len())]));
                }
            }
        }
        text
    }
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// One of `choices`, each with its share of all cases; `None` in the rest of them.
fn pick<'a, T>(choices: &'a [T], share: impl Fn(&T) -> f64, chance: &mut Chance) -> Option<&'a T> {
    if choices.is_empty() {
        return None;
    }
    let mut mark = chance.unit();
    choices.iter().find(|choice| {
        mark -= share(choice);
        mark < 0.0
    })
}

fn uuid(chance: &mut Chance) -> String {
    let (high, low) = (chance.bits(), chance.bits());
    let random = (u128::from(high) << 64) | u128::from(low);
    uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string()
}

/// Writes a count as social networks do: `298`, `3.8k`, `124k`, `3M`, `3.8M`, seldom `3.85M`.
fn abbreviate(number: f64, chance: &mut Chance) -> String {
    let style = chance.unit();
    let decimals = chance.below(100);
    let (thousands, millions) = ((number / 1e3) as u64, (number / 1e6) as u64);
    match number {
        n if n < 1e3 => (n as u64).to_string(),
        n if n < 1e4 && style > 0.4 => format!("{thousands}.{}k", decimals % 10),
        n if n < 1e6 => format!("{thousands}k"),
        _ if style > 0.97 => format!("{millions}.{decimals:02}M"),
        _ if style > 0.5 => format!("{millions}.{}M", decimals % 10),
        _ => format!("{millions}M"),
    }
}

/// The FNV-1a hash of 64 bits: the same on every platform and in every release, unlike the standard library's.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
