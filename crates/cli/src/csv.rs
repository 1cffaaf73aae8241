//! CSV, as the crate of the data writes and reads it.

pub(crate) use icecap::data::{CsvRecords as Records, OpenQuote, csv_record as record};
