//! The columns, as Arrow's programs and Parquet's call them.

use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::{ArrowSchemaConverter, encode_arrow_schema};
use parquet::errors::Result;
use parquet::schema::types::SchemaDescriptor;

/// The columns by their names, in their order.
pub(super) const COLUMNS: [&str; 7] = ["path", "label", "sha256", "width", "height", "embedding", "error"];
/// Bytes of a photo's hash.
pub(super) const HASH: usize = 32;
/// Where the numbers of the features stand below their column.
pub(super) const EMBEDDING: [&str; 3] = ["embedding", "list", "element"];
/// The key under which Arrow's programs look for their schema.
pub(super) const ARROW_SCHEMA: &str = "ARROW:schema";

/// The schema of a table whose photos have `len` features each.
pub(super) fn arrow_schema(len: usize) -> std::result::Result<Schema, ArrowError> {
    let len = i32::try_from(len).map_err(|error| ArrowError::SchemaError(error.to_string()))?;
    let label = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let element = Field::new(EMBEDDING[2], DataType::Float32, true);
    let types = [
        (DataType::Utf8, false),
        (label, true),
        (DataType::FixedSizeBinary(HASH as i32), true),
        (DataType::UInt32, true),
        (DataType::UInt32, true),
        (DataType::FixedSizeList(element.into(), len), true),
        (DataType::Utf8, true),
    ];
    let fields = COLUMNS.iter().zip(types).map(|(name, (kind, nullable))| Field::new(*name, kind, nullable));
    Ok(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The same as Parquet has it, and as text for the metadata.
pub(super) fn parquet_schema(schema: &Schema) -> Result<(SchemaDescriptor, String)> {
    Ok((ArrowSchemaConverter::new().convert(schema)?, encode_arrow_schema(schema)))
}
