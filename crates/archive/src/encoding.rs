//! Makes the bytes of an object out of records. The same records and settings give the same bytes.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use pinflow_event::Record;

use crate::layout::parse_extension;
use crate::parquet_rows::{KEY, OFFSET, TIMESTAMP, VALUE};
use crate::{ArchiveSettings, Compression, Format, ObjectKind, Packing, ParquetCodec, format};

/// How records become objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    format: Format,
    compression: Compression,
    level: Option<u32>,
    codec: ParquetCodec,
}

impl Encoding {
    /// The encoding that `settings` describe.
    ///
    /// # Errors
    /// In words, where the level is none of the compression.
    pub fn new(settings: &ArchiveSettings) -> Result<Self, String> {
        let &ArchiveSettings { format, compression, compression_level: level, parquet_codec: codec, .. } = settings;
        let most = match (format, compression) {
            (Format::Parquet, _) if codec == ParquetCodec::Zstd => 1..=22,
            (Format::Json, Compression::Gzip) => 0..=9,
            (Format::Json, Compression::Zstd) => 1..=22,
            (Format::Json | Format::Parquet, _) => 0..=u32::MAX,
        };
        match level.filter(|level| !most.contains(level)) {
            None => Ok(Self { format, compression, level, codec }),
            Some(level) => Err(format!("`compression_level` is {level}; gzip has 0 to 9, zstd 1 to 22")),
        }
    }

    /// The kind of object that `value` belongs in.
    pub fn kind_of(&self, value: Option<&[u8]>) -> ObjectKind {
        match self.format {
            Format::Json => format::kind_of(value),
            Format::Parquet if value.is_none_or(|value| std::str::from_utf8(value).is_ok()) => ObjectKind::Parquet,
            Format::Parquet => ObjectKind::Raw,
        }
    }

    /// The end of the name of an object of `kind`, without the dot.
    pub fn extension(&self, kind: ObjectKind) -> String {
        let packing = match (kind, self.compression) {
            (ObjectKind::Parquet, _) => match self.codec {
                ParquetCodec::Snappy => return "snappy.parquet".to_owned(),
                ParquetCodec::Zstd => return "zstd.parquet".to_owned(),
                ParquetCodec::None => return "parquet".to_owned(),
            },
            (_, Compression::None) => "",
            (_, Compression::Gzip) => ".gz",
            (_, Compression::Zstd) => ".zst",
        };
        format!("{}{packing}", if kind == ObjectKind::Raw { "raw" } else { "json" })
    }

    /// The bytes of the object whose name ends with `.extension`, which [`Encoding::extension`] gave, maybe with other settings.
    pub fn encode<'a>(&self, extension: &str, records: impl Iterator<Item = &'a Record> + Clone) -> Bytes {
        let (kind, packing) = parse_extension(extension).expect("an object's extension is one of ours");
        if kind == ObjectKind::Parquet {
            return self.parquet(extension, records);
        }
        let mut content = Vec::with_capacity(records.clone().map(|record| record.size() + format::LENGTH_BYTES).sum());
        records.for_each(|record| format::append(kind, record.value.as_deref(), &mut content));
        self.pack(packing, content).into()
    }

    fn pack(&self, packing: Packing, content: Vec<u8>) -> Vec<u8> {
        match packing {
            Packing::Plain => content,
            Packing::Gzip => {
                let level = self
                    .level
                    .filter(|level| *level <= 9)
                    .map_or_else(flate2::Compression::default, flate2::Compression::new);
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                let packed = encoder.write_all(&content).and_then(|()| encoder.finish());
                packed.expect("memory takes what is written to it")
            }
            Packing::Zstd => {
                // 0 is the library's own choice.
                let level = self.level.and_then(|level| i32::try_from(level).ok()).unwrap_or_default();
                zstd::encode_all(content.as_slice(), level).expect("memory takes what is written to it")
            }
        }
    }

    fn parquet<'a>(&self, extension: &str, records: impl Iterator<Item = &'a Record> + Clone) -> Bytes {
        let codec = match extension {
            "parquet" => ParquetCompression::UNCOMPRESSED,
            "zstd.parquet" => {
                let level = self.level.and_then(|level| ZstdLevel::try_new(i32::try_from(level).ok()?).ok());
                ParquetCompression::ZSTD(level.unwrap_or_default())
            }
            _ => ParquetCompression::SNAPPY,
        };
        // Values and keys hardly ever repeat: a dictionary of them is work for nothing.
        let properties = WriterProperties::builder().set_compression(codec).set_dictionary_enabled(false).build();
        let batch = rows(records);
        let mut file = Vec::new();
        let written = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties))
            .and_then(|mut writer| writer.write(&batch).and_then(|()| writer.close()));
        written.expect("memory takes what is written to it");
        file.into()
    }
}

/// The columns of a Parquet object.
fn schema() -> SchemaRef {
    let utc_millis = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new(OFFSET, DataType::Int64, false),
        Field::new(TIMESTAMP, utc_millis, false),
        Field::new(KEY, DataType::Binary, true),
        Field::new(VALUE, DataType::Utf8, true),
    ]))
}

fn rows<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> RecordBatch {
    let offset = |record: &Record| i64::try_from(record.offset.0).expect("a log ends long before 2^63 records");
    let offsets: ArrayRef = Arc::new(records.clone().map(offset).collect::<Int64Array>());
    let times = records.clone().map(|record| Some(record.timestamp.as_millis()));
    let times: ArrayRef = Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC"));
    let keys: ArrayRef = Arc::new(records.clone().map(|record| record.key.as_deref()).collect::<BinaryArray>());
    let text = |value: &'a [u8]| std::str::from_utf8(value).expect("what is no UTF-8 goes to a `.raw` object");
    let values: ArrayRef = Arc::new(records.map(|record| record.value.as_deref().map(text)).collect::<StringArray>());
    RecordBatch::try_new(schema(), vec![offsets, times, keys, values]).expect("the columns are those of the schema")
}
