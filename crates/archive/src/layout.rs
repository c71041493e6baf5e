//! Names of objects: `topics/<topic>/partition=<p>/<topic>+<p>+<start offset, 10 digits at least>.<kind>`, as the S3 sink
//! connector with its `DefaultPartitioner` writes them. Sorting is by the number in the name, because names with more than ten
//! digits do not sort as text.

use object_store::ObjectMeta;
use object_store::path::Path;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

/// The folder that holds all topics (the connector's `topics.dir`).
const TOPICS: &str = "topics";

/// What stands in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `.json`: newline-delimited JSON, one record a line. Line n is the record at start + n, with the bytes that came; raw
    /// line breaks between the tokens of a JSON text are replaced by spaces.
    Json,
    /// `.raw`: what cannot be one line of JSON text (no JSON, no UTF-8, empty, a tombstone). Every record is its length as four
    /// bytes, big-endian, then its bytes; the length `0xFFFFFFFF` stands for null and has no bytes. Readers of `*.json` skip it.
    Raw,
}

impl ObjectKind {
    /// The end of the name, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            ObjectKind::Json => "json",
            ObjectKind::Raw => "raw",
        }
    }
}

/// How an object's bytes are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// `.gz`, one member or several.
    Gzip,
    /// `.zst`, one frame or several.
    Zstd,
}

/// An object of the archive, as its name and the listing tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveObject {
    /// Where it is in the store.
    pub path: Path,
    /// The offset of its first record.
    pub start: Offset,
    /// What stands in it.
    pub kind: ObjectKind,
    /// How that is packed.
    pub packing: Packing,
    /// Its bytes, as packed.
    pub size: u64,
}

/// What a listed object is to the archive.
pub(crate) enum Listed {
    /// One of the partition's objects.
    Object(ArchiveObject),
    /// Records of the partition, from an offset on, in a form that is not read here, such as `.avro`.
    UnknownKind(Offset, Path),
    /// No record object: another name, a deeper folder, the connector's `.keys.` and `.headers.` objects.
    Other,
}

/// The folder of a topic.
pub(crate) fn topic_folder(topic: &TopicName) -> Path {
    Path::from_iter([TOPICS, topic.as_str()])
}

/// The folder of a partition.
pub(crate) fn partition_folder(at: &TopicPartition) -> Path {
    topic_folder(&at.topic).join(format!("partition={}", at.partition))
}

/// The partition that a folder below [`topic_folder`] is for.
pub(crate) fn partition_of(folder: &Path) -> Option<Partition> {
    folder.filename()?.strip_prefix("partition=")?.parse().ok().map(Partition)
}

/// The name of the object of `kind` that begins with `start`.
pub(crate) fn object_path(at: &TopicPartition, start: Offset, kind: ObjectKind) -> Path {
    let name = format!("{}+{}+{:010}.{}", at.topic, at.partition, start.0, kind.extension());
    partition_folder(at).join(name)
}

/// What the object in `meta` is to the partition `at`.
pub(crate) fn classify(at: &TopicPartition, meta: ObjectMeta) -> Listed {
    let Some((start, extension)) = parse_name(at, &meta.location) else { return Listed::Other };
    let (kind, packing) = match extension {
        "json" => (ObjectKind::Json, Packing::Plain),
        "json.gz" => (ObjectKind::Json, Packing::Gzip),
        "json.zst" => (ObjectKind::Json, Packing::Zstd),
        "raw" => (ObjectKind::Raw, Packing::Plain),
        extension if extension.starts_with("keys.") || extension.starts_with("headers.") => return Listed::Other,
        _ => return Listed::UnknownKind(start, meta.location),
    };
    Listed::Object(ArchiveObject { path: meta.location, start, kind, packing, size: meta.size })
}

fn parse_name<'a>(at: &TopicPartition, path: &'a Path) -> Option<(Offset, &'a str)> {
    let name = path.filename()?;
    let directly_inside = path.prefix_match(&partition_folder(at))?.count() == 1;
    let (number, extension) = name.strip_prefix(&format!("{}+{}+", at.topic, at.partition))?.split_once('.')?;
    let digits_only = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (directly_inside && digits_only).then_some(())?;
    Some((Offset(number.parse().ok()?), extension))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at() -> TopicPartition {
        TopicPartition::new(TopicName::new("0e3b.pin").unwrap(), Partition(0))
    }

    fn start_of(path: &str) -> Option<(u64, ObjectKind)> {
        let meta = ObjectMeta {
            location: Path::parse(path).unwrap(),
            last_modified: Default::default(),
            size: 0,
            e_tag: None,
            version: None,
        };
        match classify(&at(), meta) {
            Listed::Object(object) => Some((object.start.0, object.kind)),
            Listed::UnknownKind(..) | Listed::Other => None,
        }
    }

    #[test]
    fn names_are_those_of_the_connector() {
        let path = object_path(&at(), Offset(123), ObjectKind::Json);
        assert_eq!(path.as_ref(), "topics/0e3b.pin/partition=0/0e3b.pin+0+0000000123.json");
        assert_eq!(start_of(path.as_ref()), Some((123, ObjectKind::Json)));
    }

    #[test]
    fn long_and_short_numbers_are_read() {
        let long = object_path(&at(), Offset(12_345_678_901), ObjectKind::Raw);
        assert_eq!(start_of(long.as_ref()), Some((12_345_678_901, ObjectKind::Raw)));
        assert_eq!(start_of("topics/0e3b.pin/partition=0/0e3b.pin+0+7.json"), Some((7, ObjectKind::Json)));
    }

    #[test]
    fn what_is_no_record_object_is_left_alone() {
        for name in [
            "0e3b.pin+0+.json",
            "0e3b.pin+1+0000000000.json",
            "0e3b.pin+0+-1.json",
            "notes.txt",
            "x/0e3b.pin+0+0000000000.json",
        ] {
            assert_eq!(start_of(&format!("topics/0e3b.pin/partition=0/{name}")), None, "{name}");
        }
    }
}
