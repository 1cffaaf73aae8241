//! Parquet files with photos in them, as other programs write them.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A photo with what stands beside it; what is `None` is null.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) path: Option<String>,
    pub(crate) label: Option<i64>,
}

impl Row {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>, path: &str, label: i64) -> Self {
        Self { bytes: Some(bytes.into()), path: Some(path.to_owned()), label: Some(label) }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) group: usize,
    /// Rows in a page.
    pub(crate) page: usize,
    pub(crate) compression: Compression,
    pub(crate) dictionary: bool,
    pub(crate) second_version: bool,
}

impl Default for Writing {
    fn default() -> Self {
        Self { group: 5, page: 2, compression: Compression::SNAPPY, dictionary: false, second_version: false }
    }
}

/// The columns of Hugging Face's `datasets`.
pub(crate) const USUAL: &str = "message m { optional group image { optional binary bytes; optional binary path (UTF8); } optional int64 label; }";

/// The file's own words in which classes have names.
pub(crate) fn classes(names: &[&str]) -> String {
    let names = names.join("\", \"");
    format!(
        r#"{{"info": {{"features": {{"image": {{"_type": "Image"}}, "label": {{"names": ["{names}"], "_type": "ClassLabel"}}}}}}}}"#
    )
}

/// A file of these rows. The schema has a column of bytes, one of text and one of numbers, in this order.
pub(crate) fn table(schema: &str, words: Option<String>, rows: &[Row], how: Writing) -> Vec<u8> {
    let version = if how.second_version { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
    let words = words.map(|words| vec![KeyValue::new("huggingface".to_owned(), words)]);
    let properties = WriterProperties::builder()
        .set_compression(how.compression)
        .set_dictionary_enabled(how.dictionary)
        .set_writer_version(version)
        .set_data_page_row_count_limit(how.page)
        .set_write_batch_size(1)
        .set_key_value_metadata(words);
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    for rows in rows.chunks(how.group) {
        let mut group = file.next_row_group().unwrap();
        let texts: [Vec<Option<Vec<u8>>>; 2] = [
            rows.iter().map(|row| row.bytes.clone()).collect(),
            rows.iter().map(|row| row.path.clone().map(String::into_bytes)).collect(),
        ];
        for values in texts {
            let Some(mut column) = group.next_column().unwrap() else { break };
            let there: Vec<_> = values.iter().flatten().cloned().map(Into::into).collect();
            let writer = column.typed::<ByteArrayType>();
            let most = writer.get_descriptor().max_def_level();
            // A photo without bytes still has a row in the group of both.
            let levels: Vec<i16> =
                values.iter().map(|value| if value.is_some() { most } else { most - 1 }).collect();
            writer.write_batch(&there, Some(&levels), None).unwrap();
            column.close().unwrap();
        }
        if let Some(mut column) = group.next_column().unwrap() {
            let there: Vec<i64> = rows.iter().filter_map(|row| row.label).collect();
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.label.is_some())).collect();
            column.typed::<Int64Type>().write_batch(&there, Some(&levels), None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}
