//! Which columns of a table hold photos, their paths and their labels.

use icecap_columns::Table;
use icecap_foundation::read_at::OpenFile;
use icecap_foundation::shown::shown;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use serde_json::{Map, Value};

use super::super::webdataset::LABEL_KEYS;

/// The key of a file's own words under which Hugging Face's `datasets` writes what its columns are, and the most bytes of them.
const FEATURES: &str = "huggingface";
const MAX_FEATURES: usize = 16 << 20;
/// Columns of text that hold the paths of photos whose bytes stand in a column beside them.
const PATHS: [&str; 3] = ["path", "file_name", "filename"];

/// The columns by their numbers.
pub(super) struct Columns {
    /// Bytes of photos.
    pub(super) photos: usize,
    /// Paths or names of their files.
    pub(super) names: Option<usize>,
    pub(super) label: Option<Label>,
}

/// A column of labels.
pub(super) enum Label {
    /// Of text.
    Text(usize),
    /// Of whole numbers, which are the names of the classes.
    Number(usize),
    /// Of places in these names.
    Named(usize, Vec<String>),
}

/// What the file says that its columns are.
#[derive(Default)]
struct Features(Map<String, Value>);

impl Features {
    fn of(table: &Table<OpenFile>) -> Self {
        let mut words = table.words();
        let features =
            words.find(|(key, text)| *key == FEATURES && text.len() <= MAX_FEATURES).and_then(|(_, text)| {
                let mut said: Value = serde_json::from_str(text).ok()?;
                match said.get_mut("info")?.get_mut("features")?.take() {
                    Value::Object(features) => Some(features),
                    _ => None,
                }
            });
        Self(features.unwrap_or_default())
    }

    /// The names of the columns that are of a kind.
    fn of_kind(&self, kind: &str) -> Vec<&str> {
        let is = |feature: &Value| feature.get("_type").and_then(Value::as_str) == Some(kind);
        self.0.iter().filter(|(_, feature)| is(feature)).map(|(name, _)| name.as_str()).collect()
    }

    /// Whether a column is said to be of something else: of sounds, say, which are bytes with a path, too.
    fn is_other(&self, column: &str) -> bool {
        let kind = self.0.get(column).and_then(|feature| feature.get("_type")).and_then(Value::as_str);
        kind.is_some_and(|kind| !["Image", "Value"].contains(&kind))
    }

    /// The names of the classes in a column.
    fn classes(&self, column: &str) -> Option<Vec<String>> {
        let names = self.0.get(column)?.get("names")?.as_array()?;
        names.iter().map(|name| Some(name.as_str()?.trim().to_owned())).collect()
    }
}

/// Why a table has no photos that could be read.
enum Lack {
    /// It holds something else.
    OtherThings(String),
    /// It may hold photos, and is refused.
    Unclear(String),
}

impl Columns {
    /// The columns of a table, or why it has none.
    pub(super) fn of(table: &Table<OpenFile>) -> Result<Self, String> {
        let schema = table.schema();
        let features = Features::of(table);
        let (photos, names) = photos(schema, &features)
            .map_err(|(Lack::OtherThings(reason) | Lack::Unclear(reason))| reason)?;
        Ok(Self { photos, names, label: label(schema, &features)? })
    }

    /// Whether a table holds something else than photos, for sure.
    pub(super) fn are_of_other_things(table: &Table<OpenFile>) -> bool {
        matches!(photos(table.schema(), &Features::of(table)), Err(Lack::OtherThings(_)))
    }
}

/// The number of the column of this path.
fn at(schema: &SchemaDescriptor, path: &[&str]) -> Option<usize> {
    schema.columns().iter().position(|column| column.path().parts().iter().eq(path))
}

fn is_bytes(column: &ColumnDescriptor) -> bool {
    column.physical_type() == Type::BYTE_ARRAY && column.max_rep_level() == 0
}

/// Whether a column of bytes is one of text.
fn is_text(column: &ColumnDescriptor) -> bool {
    let text = [ConvertedType::UTF8, ConvertedType::JSON, ConvertedType::ENUM];
    let logical = matches!(
        column.logical_type_ref(),
        Some(LogicalType::String | LogicalType::Json | LogicalType::Enum)
    );
    is_bytes(column) && (logical || text.contains(&column.converted_type()))
}

/// The column of photos and that of their paths.
fn photos(schema: &SchemaDescriptor, features: &Features) -> Result<(usize, Option<usize>), Lack> {
    let columns = schema.columns();
    let bytes_of = |name: &str| at(schema, &[name, "bytes"]).filter(|at| is_bytes(&columns[*at]));
    let said = features.of_kind("Image");
    let structs = |names: Vec<&str>| -> Vec<(String, usize, Option<usize>)> {
        let found = |name: &str| Some((name.to_owned(), bytes_of(name)?, at(schema, &[name, "path"])));
        names.into_iter().filter_map(found).collect()
    };
    let mut found = structs(said.clone());
    if found.is_empty() {
        let top = columns.iter().filter(|column| column.path().parts().len() == 2);
        let mut names: Vec<&str> = top.map(|column| column.path().parts()[0].as_str()).collect();
        names.dedup();
        names.retain(|name| !features.is_other(name));
        found = structs(names);
    }
    if found.is_empty() {
        let path = PATHS.iter().filter_map(|name| at(schema, &[name])).find(|at| is_text(&columns[*at]));
        let plain = columns.iter().enumerate().filter(|(_, column)| {
            let says_nothing =
                column.logical_type_ref().is_none() && column.converted_type() == ConvertedType::NONE;
            let is_label = LABEL_KEYS.contains(&column.name());
            column.path().parts().len() == 1 && is_bytes(column) && says_nothing && !is_label
        });
        found.extend(plain.map(|(number, column)| (column.name().to_owned(), number, path)));
    }
    match &found[..] {
        [(_, photos, path)] => Ok((*photos, path.filter(|at| is_bytes(&columns[*at])))),
        [] if at(schema, &["embedding", "list", "element"]).is_some() => {
            Err(Lack::OtherThings("holds features and no photos; train on them with --features".to_owned()))
        }
        [] => Err(match said.first() {
            Some(name) => Lack::Unclear(format!(
                "has no bytes of photos in its column '{}', only where they may be found",
                shown(name)
            )),
            None => Lack::OtherThings(
                "has no column of photos: of bytes, or of a struct of bytes and path".to_owned(),
            ),
        }),
        [(one, ..), (other, ..), ..] => Err(Lack::Unclear(format!(
            "has several columns of photos, '{}' and '{}'; write it with one of them",
            shown(one),
            shown(other)
        ))),
    }
}

/// The column of labels.
fn label(schema: &SchemaDescriptor, features: &Features) -> Result<Option<Label>, String> {
    // A list of labels stands below the name of its column.
    let there = |name: &&str| schema.columns().iter().any(|column| column.path().parts()[0] == **name);
    let said: Vec<&str> = features.of_kind("ClassLabel").into_iter().filter(there).collect();
    let usual = || {
        LABEL_KEYS.into_iter().find(|name| match said.is_empty() {
            true => there(name),
            false => said.contains(name),
        })
    };
    let name = match &said[..] {
        [only] => Some(*only),
        [] => usual(),
        [one, other, ..] => Some(usual().ok_or_else(|| {
            format!(
                "has several columns of labels, '{}' and '{}'; call one of them 'label'",
                shown(one),
                shown(other)
            )
        })?),
    };
    let Some(name) = name else { return Ok(None) };
    let refused = || {
        Err(format!(
            "has labels in its column '{}' that are neither text nor whole numbers, one for each photo; write them as such",
            shown(name)
        ))
    };
    let Some(number) = at(schema, &[name]) else { return refused() };
    let column = schema.column(number);
    // Dates, times and fixed-point numbers are whole numbers underneath; old writers say so in the old way alone.
    let is_whole = match column.logical_type_ref() {
        Some(logical) => matches!(logical, LogicalType::Integer(_)),
        None => {
            column.converted_type() == ConvertedType::NONE
                || column.converted_type().to_string().contains("INT_")
        }
    };
    match column.physical_type() {
        _ if column.max_rep_level() > 0 => {}
        Type::BYTE_ARRAY if is_text(&column) => return Ok(Some(Label::Text(number))),
        Type::INT32 | Type::INT64 if is_whole => {
            let Some(mut names) = features.classes(name) else { return Ok(Some(Label::Number(number))) };
            let given = names.clone();
            names.sort_unstable();
            if let Some([twice, _]) = names.array_windows().find(|[a, b]| a == b) {
                return Err(format!("names the class '{}' twice", shown(twice)));
            }
            return Ok(Some(Label::Named(number, given)));
        }
        _ => {}
    }
    refused()
}
