//! The quick way through a body: one pass that checks the JSON and keeps values as compact text.
//!
//! It knows the form that clients send nearly always and gives up (`None`) on everything else, right or wrong: then
//! `serde_json` reads the body again and says what is the matter. So whatever is taken here, `serde_json` must take too, and
//! understand alike.

use bytes::Bytes;

use super::compact::MAX_DEPTH;

/// A place in a JSON text.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    body: &'a Bytes,
    text: &'a [u8],
    at: usize,
    /// The texts of values that were not compact in the body.
    compacted: Vec<u8>,
    /// How many bytes of them there are.
    copied: usize,
}

/// Where a value's compact text stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    compacted: bool,
    start: usize,
    end: usize,
}

/// What the spans of a body that was scanned are of.
#[derive(Debug)]
pub(crate) struct Texts {
    body: Bytes,
    compacted: Bytes,
}

impl Texts {
    /// A value's text, without a copy.
    pub(crate) fn bytes(&self, span: Span) -> Bytes {
        let text = if span.compacted { &self.compacted } else { &self.body };
        text.slice(span.start..span.end)
    }

    /// The same, `None` for a null.
    pub(crate) fn present(&self, span: Span) -> Option<Bytes> {
        let text = self.bytes(span);
        (text != "null").then_some(text)
    }
}

impl<'a> Scanner<'a> {
    /// At the beginning of a body, if that is UTF-8.
    pub(crate) fn new(body: &'a Bytes) -> Option<Self> {
        std::str::from_utf8(body).ok()?;
        Some(Self { body, text: body, at: 0, compacted: Vec::new(), copied: 0 })
    }

    /// The next byte that is no white space.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Takes a byte that has to come, and white space before it.
    pub(crate) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Takes a comma (`true`) or the end of an object or array.
    pub(crate) fn more(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            byte if byte == end => Some(false),
            _ => None,
        }
    }

    /// The name of a member, without escapes, and the colon after it.
    pub(crate) fn name(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        self.string()?;
        let name = &self.text[start + 1..self.at - 1];
        self.take(b':')?;
        (!name.contains(&b'\\')).then_some(name)
    }

    /// Nothing but white space may follow.
    pub(crate) fn finish(mut self) -> Option<Texts> {
        self.peek().is_none().then(|| Texts { body: self.body.clone(), compacted: self.compacted.into() })
    }

    /// A value of any kind.
    pub(crate) fn value(&mut self) -> Option<Span> {
        self.peek()?;
        let mut piece = Piece { start: self.at, uncopied: self.at, compacted_from: self.copied };
        // A bit for each array (0) or object (1) that is open, the innermost lowest.
        let (mut open, mut depth) = (0_u128, 0);
        'values: loop {
            let byte = *self.text.get(self.at)?;
            match byte {
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                b'{' | b'[' if depth == MAX_DEPTH => return None,
                b'{' | b'[' => {
                    self.at += 1;
                    let object = byte == b'{';
                    if self.token(&mut piece)? == (if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        depth += 1;
                        open = open << 1 | u128::from(object);
                        if object {
                            self.member_name(&mut piece)?;
                        }
                        continue 'values;
                    }
                }
                _ => return None,
            }
            // A value has ended, and perhaps what it is in.
            while depth > 0 {
                let object = open & 1 == 1;
                let byte = self.token(&mut piece)?;
                self.at += 1;
                match (byte, object) {
                    (b',', _) => {
                        self.token(&mut piece)?;
                        if object {
                            self.member_name(&mut piece)?;
                        }
                        continue 'values;
                    }
                    (b'}', true) | (b']', false) => (open, depth) = (open >> 1, depth - 1),
                    _ => return None,
                }
            }
            return Some(self.span(piece));
        }
    }

    /// The next byte inside a value; white space before it is left out of the compact text.
    #[inline(always)]
    fn token(&mut self, piece: &mut Piece) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Some(byte);
        }
        self.copy(piece.uncopied);
        let byte = self.peek();
        piece.uncopied = self.at;
        byte
    }

    #[inline(always)]
    fn member_name(&mut self, piece: &mut Piece) -> Option<()> {
        self.string()?;
        (self.token(piece)? == b':').then(|| self.at += 1)?;
        self.token(piece).map(drop)
    }

    fn span(&mut self, piece: Piece) -> Span {
        if piece.uncopied == piece.start {
            return Span { compacted: false, start: piece.start, end: self.at };
        }
        self.copy(piece.uncopied);
        Span { compacted: true, start: piece.compacted_from, end: self.copied }
    }

    /// Adds what comes after `from` to the compact texts. Pieces are short: they are copied in blocks, and what a block has too
    /// much is overwritten by the next piece.
    #[inline(always)]
    fn copy(&mut self, from: usize) {
        const BLOCK: usize = 16;
        if self.compacted.is_empty() {
            self.compacted = vec![0; self.text.len() + BLOCK];
        }
        let length = self.at - from;
        let (source, target) = (&self.text[from..], &mut self.compacted[self.copied..]);
        let blocks = length.div_ceil(BLOCK);
        if blocks * BLOCK <= source.len() {
            for (to, from) in target.as_chunks_mut::<BLOCK>().0[..blocks].iter_mut().zip(source.as_chunks::<BLOCK>().0)
            {
                *to = *from;
            }
        } else {
            target[..length].copy_from_slice(&source[..length]);
        }
        self.copied += length;
    }

    #[inline(always)]
    fn string(&mut self) -> Option<()> {
        (*self.text.get(self.at)? == b'"').then(|| self.at += 1)?;
        loop {
            self.at += plain_bytes(&self.text[self.at..]);
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let escaped = self.text.get(self.at)?;
        self.at += match escaped {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 1,
            b'u' if self.text.get(self.at + 1..self.at + 5)?.iter().all(u8::is_ascii_hexdigit) => 5,
            _ => return None,
        };
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        self.skip_if(|byte| byte == b'-');
        if !self.skip_if(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.skip_if(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.skip_if(|byte| matches!(byte, b'e' | b'E')) {
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.skip_if(|byte| byte.is_ascii_digit()) {}
        (self.at > start).then_some(())
    }

    fn skip_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.text.get(self.at).is_some_and(|byte| wanted(*byte));
        self.at += usize::from(found);
        found
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(text).then(|| self.at += text.len())
    }
}

/// A value that is being scanned.
struct Piece {
    start: usize,
    /// From here on its text is not in `compacted`; as `start` while nothing is.
    uncopied: usize,
    compacted_from: usize,
}

/// How many bytes come before the first quote, backslash or control character, eight at a time.
#[inline(always)]
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHEST_BITS: u64 = ONES << 7;
    // Of the bytes that are below `limit` (at most 128) the first one is told exactly by its highest bit.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHEST_BITS;
    let (words, _) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
        let stops = below(word, 0x20) | quotes | backslashes;
        if stops != 0 {
            return number * 8 + stops.trailing_zeros() as usize / 8;
        }
    }
    let done = words.len() * 8;
    let stop = bytes[done..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    done + stop.unwrap_or(bytes.len() - done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::value::RawValue;

    use super::super::compact::compact_bytes;
    use super::*;

    fn scanned(text: &[u8]) -> Option<Bytes> {
        let body = Bytes::copy_from_slice(text);
        let mut scanner = Scanner::new(&body)?;
        let span = scanner.value()?;
        Some(scanner.finish()?.bytes(span))
    }

    fn careful(text: &[u8]) -> Option<Bytes> {
        let body = Bytes::copy_from_slice(text);
        let value: &RawValue = serde_json::from_slice(&body).ok()?;
        compact_bytes(value, &body).ok()
    }

    #[test]
    fn takes_what_the_careful_reader_takes_and_nothing_else() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for text in [
            r#"{"a": 1, "b": [1, 2, {}], "c": {"d": [ ]}}"#,
            r#" [ "a b" , true,false , null ] "#,
            r#"{"a":{"b":[[],{}]},"c":"d"}"#,
            "[0, -0, 1.10, 1E400, 1e-7, 12345678901234567890123]",
            r#"["\"\\\/\b\f\n\r\t\u00E9\ud800", "é😀"]"#,
            "\"12345678901234\u{7f}\u{80}\"",
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "[1}",
            "{\"a\":1]",
            "01",
            "-",
            "1.",
            "1e",
            "+1",
            ".5",
            "tru",
            "nulls",
            "\"a\nb\"",
            "\"1234567\u{1f}\"",
            r#""\x""#,
            r#""\u12g4""#,
            "\"\\",
            "\"open",
            "1 2",
            "[] []",
            &deep(MAX_DEPTH),
            &deep(MAX_DEPTH + 1),
        ] {
            assert_eq!(scanned(text.as_bytes()), careful(text.as_bytes()), "{text}");
        }
        assert_eq!(scanned(b"\"\xff\""), None);
    }

    #[test]
    fn random_texts_are_read_alike() {
        const PIECES: &str =
            r#"{|}|[|]|,|:|"a"|"a":| |1|-0|0.5|1e3|null|true|"|\|\u00e9|\n|"more than eight bytes"|é|{"k": [1, 2]}"#;
        let pieces: Vec<&str> = PIECES.split('|').chain(["\n", "\u{1}"]).collect();
        let mut state = 7_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        let mut taken = 0;
        for _ in 0..20_000 {
            let text: String = (0..=below(9)).map(|_| pieces[below(pieces.len())]).collect();
            let careful = careful(text.as_bytes());
            taken += usize::from(careful.is_some());
            assert_eq!(scanned(text.as_bytes()), careful, "{text}");
        }
        assert!(taken > 500, "{taken} were values");
    }

    #[test]
    fn what_is_compact_is_not_copied() {
        let body = Bytes::from_static(br#" {"a":"b c"} "#);
        let mut scanner = Scanner::new(&body).unwrap();
        let span = scanner.value().unwrap();
        assert_eq!(scanner.finish().unwrap().bytes(span).as_ptr(), body[1..].as_ptr());
    }
}
