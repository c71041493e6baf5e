//! Cuts a stream of bytes into the JSON values that follow one another in it, without understanding them.

use bytes::{Bytes, BytesMut};

/// How deep a value may be nested: far more than any record, so that the closing bytes to come take little memory.
const MAX_NESTING: usize = 10_000;

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// One value, or what stands where one should.
    Value(Bytes),
    /// A value larger than the limit. None of it was kept; what follows it is read as ever.
    TooLarge,
    /// A byte that cannot stand there: there is no telling where the next value begins.
    Misplaced(u8),
}

/// Finds the ends of values as bytes come in. It holds one value at most, and of one that is too large nothing.
#[derive(Debug)]
pub(super) struct Splitter {
    buffer: BytesMut,
    /// How much of the buffer has been looked at.
    seen: usize,
    state: State,
    /// The closing bytes that are still to come, innermost last.
    open: Vec<u8>,
    /// The value is too large: its bytes go as they are looked at.
    skipping: bool,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a value.
    Between,
    /// In an array or object, or at the end of a string.
    Inside,
    InString,
    /// After a backslash in a string.
    Escaped,
    /// In a number or a literal that is a value of its own.
    Scalar,
}

/// What a byte means for the value that it stands in.
enum Step {
    GoOn,
    /// The value ends with it.
    Ends,
    /// The value ended before it.
    Ended,
    Misplaced,
}

impl Splitter {
    /// Of values of `limit` bytes at most.
    pub(super) fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), seen: 0, state: State::Between, open: Vec::new(), skipping: false, limit }
    }

    /// Takes the next bytes of the stream. Everything before them has been asked for.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a value has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.state != State::Between || !self.buffer.trim_ascii_start().is_empty()
    }

    /// The next whole value; `None` until there are more bytes.
    pub(super) fn next(&mut self) -> Option<Piece> {
        while let Some(&byte) = self.buffer.get(self.seen) {
            match self.step(byte) {
                Step::GoOn => self.seen += 1,
                Step::Ends => {
                    self.seen += 1;
                    return Some(self.cut());
                }
                Step::Ended => return Some(self.cut()),
                Step::Misplaced => return Some(Piece::Misplaced(byte)),
            }
        }
        if self.state == State::Between || self.skipping {
            self.forget_seen();
        } else if self.buffer.len() > self.limit {
            self.skipping = true;
            self.forget_seen();
        }
        None
    }

    /// What is left when no more bytes come.
    pub(super) fn finish(&mut self) -> Option<Piece> {
        (self.state != State::Between).then(|| self.cut())
    }

    fn cut(&mut self) -> Piece {
        self.state = State::Between;
        self.open.clear();
        let value = self.buffer.split_to(self.seen).freeze();
        self.seen = 0;
        if std::mem::take(&mut self.skipping) || value.len() > self.limit {
            return Piece::TooLarge;
        }
        Piece::Value(value)
    }

    fn forget_seen(&mut self) {
        drop(self.buffer.split_to(self.seen));
        self.seen = 0;
    }

    fn step(&mut self, byte: u8) -> Step {
        match self.state {
            State::Between => self.begin(byte),
            State::Inside => self.inside(byte),
            State::InString => {
                match byte {
                    b'\\' => self.state = State::Escaped,
                    b'"' if self.open.is_empty() => return Step::Ends,
                    b'"' => self.state = State::Inside,
                    _ => {}
                }
                Step::GoOn
            }
            State::Escaped => {
                self.state = State::InString;
                Step::GoOn
            }
            State::Scalar => match byte {
                b' ' | b'\n' | b'\r' | b'\t' | b'{' | b'[' | b'"' | b'}' | b']' | b',' | b':' => Step::Ended,
                _ => Step::GoOn,
            },
        }
    }

    fn begin(&mut self, byte: u8) -> Step {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return Step::GoOn,
            b'}' | b']' | b',' | b':' => return Step::Misplaced,
            b'"' => self.state = State::InString,
            b'{' | b'[' => {
                self.state = State::Inside;
                self.open.push(closing(byte));
            }
            _ => self.state = State::Scalar,
        }
        Step::GoOn
    }

    fn inside(&mut self, byte: u8) -> Step {
        match byte {
            b'"' => self.state = State::InString,
            b'{' | b'[' if self.open.len() == MAX_NESTING => return Step::Misplaced,
            b'{' | b'[' => self.open.push(closing(byte)),
            b'}' | b']' => {
                if self.open.pop() != Some(byte) {
                    return Step::Misplaced;
                }
                if self.open.is_empty() {
                    return Step::Ends;
                }
            }
            _ => {}
        }
        Step::GoOn
    }
}

fn closing(opening: u8) -> u8 {
    if opening == b'{' { b'}' } else { b']' }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of `text`, which comes in chunks of `size` bytes.
    fn split(text: &str, size: usize, limit: usize) -> Vec<String> {
        let mut splitter = Splitter::new(limit);
        let mut pieces = Vec::new();
        let mut note = |piece| match piece {
            Piece::Value(value) => pieces.push(String::from_utf8_lossy(&value).trim().to_owned()),
            Piece::TooLarge => pieces.push("too large".to_owned()),
            Piece::Misplaced(byte) => pieces.push(format!("misplaced {}", char::from(byte))),
        };
        for chunk in text.as_bytes().chunks(size) {
            splitter.push(chunk);
            while let Some(piece) = splitter.next() {
                let misplaced = matches!(piece, Piece::Misplaced(_));
                note(piece);
                if misplaced {
                    return pieces;
                }
            }
        }
        splitter.finish().into_iter().for_each(&mut note);
        pieces
    }

    #[test]
    fn values_are_cut_wherever_the_chunks_are() {
        for (text, expected) in [
            ("", vec![]),
            (" \r\n\t ", vec![]),
            ("{}{}", vec!["{}", "{}"]),
            ("  {\"a\":1}\r\n{\"b\":[{}]} ", vec!["{\"a\":1}", "{\"b\":[{}]}"]),
            (r#"{"a":"}{\"\\"}{}"#, vec![r#"{"a":"}{\"\\"}"#, "{}"]),
            (r#"{"é":"\u00e9😀"}[1]"#, vec![r#"{"é":"\u00e9😀"}"#, "[1]"]),
            ("1 2.5 null\"a b\"true{}", vec!["1", "2.5", "null", "\"a b\"", "true", "{}"]),
            ("{\"a\":", vec!["{\"a\":"]),
            ("\"unfinished", vec!["\"unfinished"]),
            ("{}x", vec!["{}", "x"]),
            ("{},{}", vec!["{}", "misplaced ,"]),
            ("{\"a\":[}", vec!["misplaced }"]),
            ("{}}", vec!["{}", "misplaced }"]),
        ] {
            for size in 1..=text.len().max(1) {
                assert_eq!(split(text, size, 100), expected, "{text} by {size}");
            }
        }
    }

    #[test]
    fn a_value_that_is_too_large_is_passed_over() {
        let text = format!("{{}}{{\"a\":\"{}}}\"}}{{\"b\":1}}", "x".repeat(1_000));
        for size in [1, 7, 50, 5_000] {
            assert_eq!(split(&text, size, 20), ["{}", "too large", "{\"b\":1}"], "by {size}");
        }
        assert_eq!(split("[1234567]", 3, 9), ["[1234567]"]);
        assert_eq!(split("[12345678]", 3, 9), ["too large"]);
    }

    #[test]
    fn nesting_has_an_end() {
        let pieces = split(&"[".repeat(MAX_NESTING + 1), 1_000, usize::MAX);
        assert_eq!(pieces, ["misplaced ["]);
        let deepest = "[".repeat(MAX_NESTING) + &"]".repeat(MAX_NESTING);
        assert_eq!(split(&deepest, 1_000, usize::MAX), [deepest]);
    }

    #[test]
    fn of_a_value_that_is_too_large_nothing_is_kept() {
        let mut splitter = Splitter::new(10);
        splitter.push(b"{\"a\":\"");
        for _ in 0..1_000 {
            splitter.push(&[b'x'; 100]);
            assert_eq!(splitter.next(), None);
            assert!(splitter.buffer.len() <= 110);
        }
    }
}
