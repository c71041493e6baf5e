//! Reads plain records in one pass over their bytes: flat objects whose values have the declared types. Nearly all records are plain.
//!
//! Whatever else there is, be it sound or broken, is left to the full parser: this one gives no reasons and takes no decisions. What it
//! does read, both read alike.

use std::borrow::Cow;

use pinflow_pipeline::{Field, FieldType};

use super::Slot;

/// Digits of a number that a double holds exactly, and so does a bigint.
const EXACT_DIGITS: usize = 15;

/// The powers of ten by which such a number is divided for its fraction.
const POWERS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Reads the plain records of one schema.
#[derive(Debug)]
pub(super) struct PlainReader {
    fields: Vec<PlainField>,
}

#[derive(Debug)]
struct PlainField {
    name: String,
    kind: FieldType,
    /// The name as most writers put it: `"name":`.
    member: Vec<u8>,
}

impl PlainReader {
    pub fn new(fields: &[Field]) -> Self {
        let field = |field: &Field| {
            let quoted = serde_json::Value::from(field.name.as_str());
            PlainField { name: field.name.clone(), kind: field.kind, member: format!("{quoted}:").into_bytes() }
        };
        Self { fields: fields.iter().map(field).collect() }
    }

    /// Puts the values of `record` into the slots of their fields; texts that had escapes go to the end of `unescaped`, and the names of
    /// fields that the schema lacks to `meet`. `None` where the record is not plain: then `slots` and `unescaped` hold parts of it, and
    /// `meet` has seen nothing.
    pub fn read<'a>(
        &self,
        record: &'a str,
        slots: &mut [Slot<'a>],
        unescaped: &mut String,
        meet: &mut impl FnMut(&str),
    ) -> Option<()> {
        let mut cursor = Cursor { text: record, bytes: record.as_bytes(), at: 0 };
        cursor.space();
        cursor.take(b'{')?;
        cursor.space();
        let mut next = 0;
        // Without one, as most records are, it takes no memory.
        let mut unknown = Vec::new();
        while !cursor.takes(b'}') {
            match self.name(&mut cursor, next)? {
                Ok(number) => {
                    slots[number] = cursor.value(self.fields[number].kind, unescaped)?;
                    next = number + 1;
                }
                Err(name) => {
                    unknown.push(name);
                    cursor.skip_value()?;
                }
            }
            cursor.space();
            if cursor.takes(b',') {
                cursor.space();
                // What follows is a name: the brace that would end the loop is no JSON here.
                cursor.is_at(b'"').then_some(())?;
            } else {
                cursor.is_at(b'}').then_some(())?;
            }
        }
        cursor.space();
        (cursor.at == cursor.bytes.len()).then(|| unknown.into_iter().for_each(meet))
    }

    /// Reads a name and its colon: the number of its field, or the name where there is none. Clients send the fields in one order, mostly that of the schema: the next field is tried first.
    fn name<'a>(&self, cursor: &mut Cursor<'a>, next: usize) -> Option<Result<usize, &'a str>> {
        let expected = self.fields.get(next).filter(|field| cursor.rest().starts_with(&field.member));
        let number = match expected {
            Some(field) => {
                cursor.at += field.member.len();
                Ok(next)
            }
            None => {
                let name = cursor.plain_text()?;
                cursor.space();
                cursor.take(b':')?;
                self.fields.iter().position(|field| field.name == name).ok_or(name)
            }
        };
        cursor.space();
        Some(number)
    }
}

/// A place in a record.
struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// A number as it is written.
struct Number<'a> {
    text: &'a str,
    negative: bool,
    /// All of its digits as one whole number.
    digits: u64,
    /// How many of them are behind the point.
    fraction: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn is_at(&self, byte: u8) -> bool {
        self.bytes.get(self.at) == Some(&byte)
    }

    fn takes(&mut self, byte: u8) -> bool {
        let taken = self.is_at(byte);
        self.at += usize::from(taken);
        taken
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn value(&mut self, kind: FieldType, unescaped: &mut String) -> Option<Slot<'a>> {
        match (self.bytes.get(self.at)?, kind) {
            (b'"', FieldType::String) => self.string(unescaped),
            (b'n', _) => self.literal("null").map(|_| Slot::Null),
            (b't', FieldType::Boolean) => self.literal("true").map(|_| Slot::Truth(true)),
            (b'f', FieldType::Boolean) => self.literal("false").map(|_| Slot::Truth(false)),
            (b't', FieldType::String) => self.literal("true").map(|text| Slot::Text(Cow::Borrowed(text))),
            (b'f', FieldType::String) => self.literal("false").map(|text| Slot::Text(Cow::Borrowed(text))),
            (b'-' | b'0'..=b'9', _) => self.number()?.into_slot(kind),
            _ => None,
        }
    }

    /// Passes a value that no field wants.
    fn skip_value(&mut self) -> Option<()> {
        match self.bytes.get(self.at)? {
            b'"' => self.plain_text().map(drop),
            b'n' => self.literal("null").map(drop),
            b't' => self.literal("true").map(drop),
            b'f' => self.literal("false").map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => None,
        }
    }

    fn literal(&mut self, word: &'static str) -> Option<&'static str> {
        let found = self.rest().starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(word)
    }

    /// A string without escapes.
    fn plain_text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let text = self.until_quote_or_escape()?;
        self.take(b'"')?;
        Some(text)
    }

    fn string(&mut self, unescaped: &mut String) -> Option<Slot<'a>> {
        self.take(b'"')?;
        let text = self.until_quote_or_escape()?;
        if self.takes(b'"') {
            return Some(Slot::Text(Cow::Borrowed(text)));
        }
        let begin = unescaped.len();
        unescaped.push_str(text);
        while self.takes(b'\\') {
            unescaped.push(self.escape()?);
            unescaped.push_str(self.until_quote_or_escape()?);
        }
        self.take(b'"')?;
        Some(Slot::Unescaped(begin..unescaped.len()))
    }

    /// The text up to the next quotation mark or backslash. A control character may stand in no string.
    fn until_quote_or_escape(&mut self) -> Option<&'a str> {
        let length = memchr::memchr2(b'"', b'\\', self.rest())?;
        let text = self.text.get(self.at..self.at + length)?;
        // Without an early end: so all bytes are looked at side by side.
        if text.bytes().fold(false, |found, byte| found | (byte < b' ')) {
            return None;
        }
        self.at += length;
        Some(text)
    }

    /// What stands behind a backslash. One half of a surrogate pair is left to the full parser.
    fn escape(&mut self) -> Option<char> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let hex = self.bytes.get(self.at..self.at + 4)?;
                let digit = |code: u32, digit: &u8| Some(code << 4 | char::from(*digit).to_digit(16)?);
                self.at += 4;
                char::from_u32(hex.iter().try_fold(0, digit)?)?
            }
            _ => return None,
        })
    }

    fn number(&mut self) -> Option<Number<'a>> {
        let begin = self.at;
        let negative = self.takes(b'-');
        let leading_zero = self.is_at(b'0');
        let mut digits = 0;
        let whole = self.digits(&mut digits)?;
        if leading_zero && whole > 1 {
            return None;
        }
        let fraction = if self.takes(b'.') { self.digits(&mut digits)? } else { 0 };
        let text = self.text.get(begin..self.at)?;
        (whole + fraction <= EXACT_DIGITS && !matches!(self.bytes.get(self.at), Some(b'e' | b'E'))).then_some(Number {
            text,
            negative,
            digits,
            fraction,
        })
    }

    /// Reads digits to the end of those in `number`, and counts them: at least one.
    fn digits(&mut self, number: &mut u64) -> Option<usize> {
        let begin = self.at;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            *number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        (self.at > begin).then_some(self.at - begin)
    }
}

impl<'a> Number<'a> {
    fn into_slot(self, kind: FieldType) -> Option<Slot<'a>> {
        // As a whole number `-0` is none, as a text it is `-0.0`: the full parser knows.
        if self.negative && self.digits == 0 {
            return None;
        }
        match kind {
            FieldType::Bigint if self.fraction == 0 => {
                let number = i64::try_from(self.digits).ok()?;
                Some(Slot::Whole(if self.negative { -number } else { number }))
            }
            FieldType::Double => {
                // Both are exact, so their quotient is the double that is nearest to what is written.
                let number = self.digits as f64 / POWERS[self.fraction];
                Some(Slot::Real(if self.negative { -number } else { number }))
            }
            FieldType::String => Some(Slot::Text(Cow::Borrowed(self.text))),
            FieldType::Bigint | FieldType::Boolean => None,
        }
    }
}
