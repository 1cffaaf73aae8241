//! Tables of features in programs of others: pyarrow, pandas, polars and DuckDB read ours, and we read what pyarrow writes.

use std::process::Command;

use icecap_records::FeatureFile;
use serde_json::Value;

use crate::engines::python;
use crate::place::Place;
use crate::skipped::skipped;

/// Reads `f.parquet` by each program that is there and compares it with `f.npy`, whose row is no number where a photo is broken;
/// writes it again in other ways. Prints what was done by whom.
const SCRIPT: &str = r#"
import json, numpy as np
expected = np.load("f.npy")
good = ~np.isnan(expected).any(axis=1)
done = {}

def same(matrix):
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    assert matrix.tobytes() == expected[good].tobytes(), matrix.shape

def by(name):
    def run(check):
        try:
            __import__(name)
        except ImportError:
            return
        done[name] = check()
    return run

@by("pyarrow")
def _():
    import pyarrow as pa, pyarrow.parquet as pq
    table = pq.read_table("f.parquet")
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    kinds["embedding"] = kinds["embedding"].replace("element: ", "").replace("item: ", "")
    assert kinds == {
        "path": "string", "label": "dictionary<values=string, indices=int32, ordered=0>", "sha256": "fixed_size_binary[32]",
        "width": "uint32", "height": "uint32", "embedding": "fixed_size_list<float>[1280]", "error": "string",
    }, kinds
    assert table.schema.metadata[b"tap"] == b"global_average_pooling2d"
    column = table["embedding"].combine_chunks()
    assert (np.array(column.is_valid()) == good).all()
    same(column.drop_null().flatten().to_numpy().reshape(-1, expected.shape[1]))
    pq.write_table(table, "snappy.parquet")
    plain = table.set_column(5, "embedding", table["embedding"].cast(pa.list_(pa.float32())))
    pq.write_table(plain, "lists.parquet", compression="none", use_dictionary=False, row_group_size=7, data_page_version="2.0")
    pq.write_table(table, "brotli.parquet", compression="brotli")
    pq.write_table(table.set_column(5, "embedding", table["embedding"].cast(pa.list_(pa.float64()))), "doubles.parquet")
    pq.write_table(table.replace_schema_metadata({}), "nameless.parquet")
    pq.write_table(table.drop_columns("path"), "pathless.parquet")
    pq.write_table(table.set_column(6, "error", pa.nulls(len(table), pa.string())), "unexplained.parquet")
    return pa.__version__

@by("pandas")
def _():
    import pandas as pd
    frame = pd.read_parquet("f.parquet")
    same(np.stack(frame["embedding"].dropna()))
    assert (frame["error"].notna() == ~good).all()
    return pd.__version__

@by("polars")
def _():
    import polars as pl
    frame = pl.read_parquet("f.parquet")
    assert frame["embedding"].dtype == pl.Array(pl.Float32, expected.shape[1]), frame["embedding"].dtype
    same(frame.drop_nulls("embedding")["embedding"].to_numpy())
    return pl.__version__

@by("duckdb")
def _():
    import duckdb
    rows = duckdb.sql("SELECT embedding FROM 'f.parquet' WHERE error IS NULL").fetchall()
    same(np.array([row[0] for row in rows], dtype=np.float32))
    counts = duckdb.sql("SELECT label, count(*), count(error) FROM 'f.parquet' GROUP BY label ORDER BY label").fetchall()
    assert counts == [("blue", 11, 1), ("red", 11, 1)], counts
    return duckdb.__version__

print(json.dumps(done))
"#;

#[test]
fn programs_of_others_read_our_tables_and_we_read_theirs() {
    let Some(python) = python() else { return };
    let place = Place::two_classes();
    std::fs::write(place.path("photos/red/3b.png"), "no photo").unwrap();
    std::fs::write(place.path("photos/blue/5b.png"), "no photo").unwrap();
    for file in ["f.parquet", "f.npy"] {
        place.icecap(&["extract", "photos", "--size", "32", "-o", file]).succeeds();
    }
    let run = Command::new(python).args(["-c", SCRIPT]).current_dir(place.path("")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let done: Value = serde_json::from_slice(&run.stdout).unwrap();
    for name in ["pyarrow", "pandas", "polars", "duckdb"].into_iter().filter(|name| done[name].is_null()) {
        skipped(&format!("{name} is not there: it does not read our tables"));
    }
    if done["pyarrow"].is_null() {
        return;
    }
    let rows = |name: &str| {
        let file = FeatureFile::open(&place.path(name)).unwrap();
        let mut rows = vec![Vec::new(); file.heads().len()];
        file.each(&mut |row, features| {
            rows[row] = features.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
            Ok(())
        })
        .unwrap();
        (file.heads().to_vec(), rows, file.metadata()["params_sha256"].clone())
    };
    let own = rows("f.parquet");
    for name in ["snappy.parquet", "lists.parquet"] {
        assert!(rows(name) == own, "{name}");
        let train = ["train", "--features", name, "--size", "32", "--epochs", "1", "--out", "run", "--force"];
        place.icecap(&train).succeeds();
    }
    for (name, said) in [
        ("brotli.parquet", "is compressed by brotli, which is not read; write it with zstd or snappy"),
        ("doubles.parquet", "holds no lists of 32-bit floating point"),
        ("nameless.parquet", "has no params_sha256 in its metadata"),
        ("pathless.parquet", "has no column 'path'"),
        ("unexplained.parquet", "has neither features nor an error"),
    ] {
        let run = place.icecap(&["train", "--features", name, "--size", "32", "--out", "no"]);
        let line = run.fails(3);
        assert!(line.contains(said) && line.contains(name), "{line}");
    }
}
