//! A manifest says which offsets stand in which objects, where those of one range are spread over several.
//!
//! It is written before its objects, and they are written as it says even if the program ends in between: what a reader has seen once
//! is never taken back. A group of which objects are missing at the end of the archive is under way, and no reader sees it.

use std::ops::Range;
use std::sync::Arc;

use object_store::path::Path;
use pinflow_event::{Offset, TopicPartition};
use serde::{Deserialize, Serialize};

use crate::ArchiveError;
use crate::layout::{below_topic, name_prefix, parse_extension, parse_name, topic_folder};

/// The objects of a group, which hold the offsets of one range between them, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub group: Range<Offset>,
    pub objects: Vec<ManifestObject>,
}

/// An object of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManifestObject {
    pub path: Path,
    /// Its offsets: ranges that are not empty, ascending.
    pub runs: Arc<[Range<Offset>]>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    start: u64,
    end: u64,
    objects: Vec<ObjectEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectEntry {
    /// Below the topic's folder.
    path: String,
    /// Pairs of a first offset and a number of records.
    records: Vec<(u64, u64)>,
}

impl Manifest {
    /// The content of its file.
    pub fn to_bytes(&self, at: &TopicPartition) -> Vec<u8> {
        let topic = topic_folder(&at.topic);
        let entry = |object: &ManifestObject| ObjectEntry {
            path: object.path.as_ref()[topic.as_ref().len() + 1..].to_owned(),
            records: object.runs.iter().map(|run| (run.start.0, run.end.since(run.start))).collect(),
        };
        let objects = self.objects.iter().map(entry).collect();
        let file = ManifestFile { start: self.group.start.0, end: self.group.end.0, objects };
        serde_json::to_vec(&file).expect("numbers and texts are JSON")
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ArchiveError::Manifest`] where it is none, or does not give each offset of its range to one object.
    pub fn parse(at: &TopicPartition, path: &Path, content: &[u8]) -> Result<Self, ArchiveError> {
        let broken = |reason: String| ArchiveError::Manifest { path: path.clone(), reason };
        let file: ManifestFile = serde_json::from_slice(content).map_err(|error| broken(error.to_string()))?;
        let mut objects = Vec::with_capacity(file.objects.len());
        for entry in file.objects {
            let run = |(first, count): (u64, u64)| Some(Offset(first)..Offset(first.checked_add(count)?));
            let runs: Option<Arc<[_]>> = entry.records.iter().copied().map(run).collect();
            let is_object = |path: &Path| {
                parse_name(&name_prefix(at), path).and_then(|(_, extension)| parse_extension(extension)).is_some()
            };
            let path = below_topic(&at.topic, &entry.path).filter(is_object);
            let (Some(path), Some(runs)) = (path, runs) else {
                return Err(broken(format!("`{}` is no object of {at}", entry.path)));
            };
            objects.push(ManifestObject { path, runs });
        }
        let manifest = Self { group: Offset(file.start)..Offset(file.end), objects };
        if manifest.is_sound() { Ok(manifest) } else { Err(broken("its ranges do not join".to_owned())) }
    }

    /// Whether each offset of the range is in one object.
    fn is_sound(&self) -> bool {
        let ascending = |object: &ManifestObject| {
            !object.runs.is_empty() && object.runs.windows(2).all(|pair| pair[0].end <= pair[1].start)
        };
        let mut runs: Vec<&Range<Offset>> = self.objects.iter().flat_map(|object| object.runs.iter()).collect();
        runs.sort_unstable_by_key(|run| run.start);
        let end =
            runs.iter().try_fold(self.group.start, |end, run| (run.start == end && run.end > end).then_some(run.end));
        self.objects.iter().all(ascending) && end == Some(self.group.end)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pinflow_event::{Partition, TopicName};

    fn parse(text: &str) -> Result<Manifest, ArchiveError> {
        let at = TopicPartition::new(TopicName::new("t").unwrap(), Partition(0));
        Manifest::parse(&at, &Path::from("topics/t/_manifests/t+0+0.manifest"), text.as_bytes())
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let text = r#"{"start":5,"end":9,"objects":[{"path":"a=1/t+0+0000000005.json","records":[[5,1],[7,2]]},{"path":"a=2/t+0+0000000006.json","records":[[6,1]]}]}"#;
        let manifest = parse(text).unwrap();
        assert_eq!(manifest.objects[0].path.as_ref(), "topics/t/a=1/t+0+0000000005.json");
        let at = TopicPartition::new(TopicName::new("t").unwrap(), Partition(0));
        assert_eq!(String::from_utf8(manifest.to_bytes(&at)).unwrap(), text);
    }

    #[test]
    fn what_does_not_give_each_offset_one_object_is_refused() {
        for records in ["[[5,2]]", "[[5,5]]", "[]", "[[5,0],[5,4]]", "[[6,3],[5,1]]", "[[5,18446744073709551615]]"] {
            let text = format!(r#"{{"start":5,"end":9,"objects":[{{"path":"a/t+0+5.json","records":{records}}}]}}"#);
            assert!(matches!(parse(&text), Err(ArchiveError::Manifest { .. })), "{text}");
        }
        for path in ["../../x", "a/other+0+5.json", ""] {
            let text = format!(r#"{{"start":5,"end":6,"objects":[{{"path":"{path}","records":[[5,1]]}}]}}"#);
            assert!(matches!(parse(&text), Err(ArchiveError::Manifest { .. })), "{path}");
        }
        assert!(parse("{").is_err());
    }
}
