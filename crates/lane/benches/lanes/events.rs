//! The events of a file, as often as they are wanted.

use pinflow_pipeline::Stream;

/// Lines of a file whose keys change from round to round.
pub struct Events {
    lines: Vec<u8>,
    ends: Vec<usize>,
    /// What stands before the key's value: `"key":`.
    key: Option<Vec<u8>>,
}

impl Events {
    /// Reads a file of one event a line. The key's column has to be a field of its own name.
    pub fn read(file: &str, stream: &Stream) -> Self {
        let lines = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
        let key = stream.key.as_deref().map(|key| format!("\"{key}\":").into_bytes());
        Self { lines, ends, key }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Event `number`, counted over all rounds.
    pub fn event(&self, number: usize) -> Vec<u8> {
        let (round, index) = (number / self.len(), number % self.len());
        let begin = if index == 0 { 0 } else { self.ends[index - 1] + 1 };
        let mut line = self.lines[begin..self.ends[index]].to_vec();
        if let Some(key) = self.key.as_deref().filter(|_| round > 0) {
            let found = line.windows(key.len()).position(|window| window == key);
            let at = found.unwrap_or_else(|| panic!("an event without its key")) + key.len();
            if line[at] == b'"' {
                line.splice(at + 1..at + 9, format!("{round:08x}").into_bytes());
            } else {
                line.splice(at..at, format!("{round}0").into_bytes());
            }
        }
        line
    }
}
