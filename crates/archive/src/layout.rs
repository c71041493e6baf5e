//! Names of objects: `topics/<topic>/<folder>/<topic>+<p>+<start offset, 10 digits at least>.<kind>`, as the S3 sink connector
//! writes them. The folder is `partition=<p>`, or what another partitioner makes of the records. Sorting is by the number in the name,
//! because names with more than ten digits do not sort as text.

use std::ops::Range;
use std::sync::Arc;

use object_store::path::Path;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

/// The folder that holds all topics (the connector's `topics.dir`).
const TOPICS: &str = "topics";
/// The folder of a topic's manifests. Readers of tables pass over names that begin so.
const MANIFESTS: &str = "_manifests";

/// What stands in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `.json`: newline-delimited JSON, one record a line. Line n is the record at start + n, with the bytes that came; raw
    /// line breaks between the tokens of a JSON text are replaced by spaces.
    Json,
    /// `.raw`: what cannot be one line of JSON text (no JSON, no UTF-8, empty, a tombstone). Every record is its length as four
    /// bytes, big-endian, then its bytes; the length `0xFFFFFFFF` stands for null and has no bytes. Readers of `*.json` skip it.
    Raw,
    /// `.parquet`: a row a record. Ours have the columns `offset`, `timestamp`, `key` and `value` (any UTF-8 text, or null); the rows of
    /// others are records whose JSON is made of their columns.
    Parquet,
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
    /// Which offsets its records have.
    pub offsets: Offsets,
}

/// Which offsets the records of an object have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offsets {
    /// All from its start on, as many as there are records.
    Following,
    /// Those of some ranges, as the manifest of its group tells: the objects of a group have the records of one range between them.
    Listed {
        /// What the group has.
        group: Range<Offset>,
        /// What the object has of it, ascending.
        runs: Arc<[Range<Offset>]>,
    },
}

impl Offsets {
    /// The range of the group that the object belongs to, if it belongs to one.
    pub(crate) fn group(&self) -> Option<&Range<Offset>> {
        match self {
            Self::Following => None,
            Self::Listed { group, .. } => Some(group),
        }
    }
}

impl ArchiveObject {
    /// The first offset of the group that it belongs to; its own start where it belongs to none.
    pub(crate) fn group_start(&self) -> Offset {
        self.offsets.group().map_or(self.start, |group| group.start)
    }

    /// Whether a manifest says which offsets it has.
    pub(crate) fn is_listed(&self) -> bool {
        self.offsets.group().is_some()
    }
}

/// What a listed object is to the archive.
pub(crate) enum Listed {
    /// One of the partition's objects.
    Object(ArchiveObject),
    /// Records of the partition, from an offset on, in a form that is not read here, such as `.avro`.
    UnknownKind(Offset, Path),
    /// A folder that has the name of an object that begins with an offset.
    Folder(Offset, Path),
    /// It has no name of the layout, though it stands where objects do.
    Stranger(Path),
    /// No record object, and none that anybody could take for one: the connector's `.keys.` and `.headers.` objects, names that begin
    /// with `_` or a dot.
    Other,
}

/// Files where objects stand whose names are none of the layout, so that nobody reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// How many.
    pub count: u64,
    /// The first one by name.
    pub first: Option<Path>,
}

impl Strangers {
    pub(crate) fn add(&mut self, path: Path) {
        self.absorb(Self { count: 1, first: Some(path) });
    }

    /// Adds others.
    pub fn absorb(&mut self, others: Self) {
        self.count += others.count;
        self.first = self.first.take().into_iter().chain(others.first).min();
    }
}

/// The folder of a topic.
pub(crate) fn topic_folder(topic: &TopicName) -> Path {
    Path::from_iter([TOPICS, topic.as_str()])
}

/// The folder of a topic's manifests.
pub(crate) fn manifest_folder(topic: &TopicName) -> Path {
    topic_folder(topic).join(MANIFESTS)
}

/// The name of the manifest of the group that begins with `start`.
pub(crate) fn manifest_path(at: &TopicPartition, start: Offset) -> Path {
    manifest_folder(&at.topic).join(format!("{}{:010}.manifest", name_prefix(at), start.0))
}

/// Whether `path` is a manifest of the partition.
pub(crate) fn is_manifest(at: &TopicPartition, path: &Path) -> bool {
    parse_name(&name_prefix(at), path).is_some_and(|(_, extension)| extension == "manifest")
}

/// What a folder directly below a topic's holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicFolder {
    /// `partition=<p>`: that partition's objects, not in folders of their own.
    Partition(Partition),
    /// Objects of any partition, at any depth.
    Partitioned,
    /// None.
    Other,
}

/// What `folder`, which is directly below [`topic_folder`], holds.
pub(crate) fn topic_subfolder(folder: &Path) -> TopicFolder {
    let Some(name) = folder.filename() else { return TopicFolder::Other };
    match name.strip_prefix("partition=").and_then(|number| number.parse().ok()) {
        Some(number) => TopicFolder::Partition(Partition(number)),
        None if is_hidden(name) => TopicFolder::Other,
        None => TopicFolder::Partitioned,
    }
}

/// The folder of a partition.
pub(crate) fn partition_folder(at: &TopicPartition) -> Path {
    topic_folder(&at.topic).join(format!("partition={}", at.partition))
}

/// The name of the object in `folder` (below the topic's; `None` is the partition's own) that begins with `start`.
pub(crate) fn object_path(at: &TopicPartition, folder: Option<&str>, start: Offset, extension: &str) -> Path {
    let folder = match folder {
        None => partition_folder(at),
        Some(folder) => below_topic(&at.topic, folder).expect("a partitioner makes folders that are paths"),
    };
    folder.join(format!("{}{:010}.{extension}", name_prefix(at), start.0))
}

/// What stands at `path` below a topic's folder, if that is a path.
pub(crate) fn below_topic(topic: &TopicName, path: &str) -> Option<Path> {
    Path::parse(format!("{}/{path}", topic_folder(topic))).ok()
}

/// What all names of a partition's objects begin with.
pub(crate) fn name_prefix(at: &TopicPartition) -> String {
    format!("{}+{}+", at.topic, at.partition)
}

/// Whether a name is of those that tools give to what is none of the data.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

/// What stands at `path`, in the folder `depth` names below the root or further down.
pub(crate) fn classify_below(prefix: &str, depth: usize, path: Path, size: u64) -> Listed {
    if path.parts().count() == depth + 1 {
        return classify(prefix, path, size);
    }
    if path.parts().skip(depth).any(|name| is_hidden(name.as_ref())) {
        return Listed::Other;
    }
    let folder: Path = path.parts().take(depth + 1).collect();
    match parse_name(prefix, &folder) {
        Some((start, _)) => Listed::Folder(start, folder),
        None => Listed::Stranger(path),
    }
}

/// What the object at `path` is to the partition whose names begin with `prefix`; `size` in bytes.
pub(crate) fn classify(prefix: &str, path: Path, size: u64) -> Listed {
    let Some((start, extension)) = parse_name(prefix, &path) else {
        return if path.filename().is_none_or(is_hidden) { Listed::Other } else { Listed::Stranger(path) };
    };
    if extension.starts_with("keys.") || extension.starts_with("headers.") {
        return Listed::Other;
    }
    match parse_extension(extension) {
        Some((kind, packing)) => {
            Listed::Object(ArchiveObject { path, start, kind, packing, size, offsets: Offsets::Following })
        }
        None => Listed::UnknownKind(start, path),
    }
}

/// What an object whose name ends with `.extension` holds.
pub(crate) fn parse_extension(extension: &str) -> Option<(ObjectKind, Packing)> {
    if extension == "parquet" || extension.ends_with(".parquet") {
        return Some((ObjectKind::Parquet, Packing::Plain));
    }
    let (kind, packing) = extension.split_once('.').unwrap_or((extension, ""));
    let kind = match kind {
        "json" => ObjectKind::Json,
        "raw" => ObjectKind::Raw,
        _ => return None,
    };
    match packing {
        "" => Some((kind, Packing::Plain)),
        "gz" => Some((kind, Packing::Gzip)),
        "zst" => Some((kind, Packing::Zstd)),
        _ => None,
    }
}

/// The partition that the name of an object of `topic` tells.
pub(crate) fn partition_in_name(topic: &TopicName, path: &Path) -> Option<Partition> {
    let rest = path.filename()?.strip_prefix(topic.as_str())?.strip_prefix('+')?;
    let partition = rest.split_once('+')?.0.parse().ok()?;
    parse_name(&format!("{topic}+{partition}+"), path).map(|_| Partition(partition))
}

/// The number and the extension in a name that begins with `prefix`.
pub(crate) fn parse_name<'a>(prefix: &str, path: &'a Path) -> Option<(Offset, &'a str)> {
    let (number, extension) = path.filename()?.strip_prefix(prefix)?.split_once('.')?;
    let digits_only = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits_only.then_some(())?;
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
        match classify(&name_prefix(&at()), Path::parse(path).unwrap(), 0) {
            Listed::Object(object) => Some((object.start.0, object.kind)),
            _ => None,
        }
    }

    #[test]
    fn names_are_those_of_the_connector() {
        let path = object_path(&at(), None, Offset(123), "json");
        assert_eq!(path.as_ref(), "topics/0e3b.pin/partition=0/0e3b.pin+0+0000000123.json");
        assert_eq!(start_of(path.as_ref()), Some((123, ObjectKind::Json)));
    }

    #[test]
    fn long_and_short_numbers_are_read() {
        let long = object_path(&at(), None, Offset(12_345_678_901), "raw");
        assert_eq!(start_of(long.as_ref()), Some((12_345_678_901, ObjectKind::Raw)));
        assert_eq!(start_of("topics/0e3b.pin/partition=0/0e3b.pin+0+7.json"), Some((7, ObjectKind::Json)));
    }

    #[test]
    fn what_is_no_record_object_is_left_alone() {
        for name in ["0e3b.pin+0+.json", "0e3b.pin+1+0000000000.json", "0e3b.pin+0+-1.json", "notes.txt"] {
            assert_eq!(start_of(&format!("topics/0e3b.pin/partition=0/{name}")), None, "{name}");
        }
    }
}
