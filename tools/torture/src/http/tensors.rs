//! Tensors of the Open Inference Protocol that are not what they say: each is refused as the client's mistake.

use std::time::Duration;

use super::exchange::{Connection, refused};
use super::large::MAX_BODY;
use super::requests::{post, tensors};
use super::target::Target;

const PATIENCE: Duration = Duration::from_secs(20);

/// A tensor of one photo as it should be, a little of it wrong.
pub(super) fn attack(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let photo = &target.photos[0].bytes;
    let (kind, request) = match random.u8(..5) {
        0 => wrong_input(photo, random),
        1 => wrong_length(photo, random),
        2 => wrong_values(photo, random),
        3 => large_json(random),
        _ => wrong_json(random),
    };
    let mut connection = Connection::to(target.address)?;
    connection.send(&request);
    refused(connection.answer(PATIENCE), &[400, 404, 413, 415, 422])
        .map(|outcome| format!("tensors: {outcome}"))
        .map_err(|broken| format!("tensors, {kind}: {broken}"))
}

fn input(name: &str, shape: &str, datatype: &str, size: &str) -> String {
    format!(
        r#"{{"name":"{name}","shape":{shape},"datatype":"{datatype}","parameters":{{"binary_data_size":{size}}}}}"#
    )
}

fn infer(inputs: &str, values: &[u8]) -> Vec<u8> {
    let json = format!(r#"{{"inputs":[{inputs}]}}"#);
    tensors(json.as_bytes(), values, &json.len().to_string())
}

fn with_length(photo: &[u8]) -> Vec<u8> {
    [&(photo.len() as u32).to_le_bytes(), photo].concat()
}

/// Names, shapes and types that the model does not have.
fn wrong_input(photo: &[u8], random: &mut fastrand::Rng) -> (String, Vec<u8>) {
    let values = with_length(photo);
    let size = values.len().to_string();
    let cases = [
        ("image", "[1]", "BYTES"),
        ("photos", "[2]", "BYTES"),
        ("photos", "[0]", "BYTES"),
        ("photos", "[-1]", "BYTES"),
        ("photos", "[]", "BYTES"),
        ("photos", "[1,1,1,1]", "BYTES"),
        ("photos", "[18446744073709551615]", "BYTES"),
        ("photos", "[1e300]", "BYTES"),
        ("photos", "\"1\"", "BYTES"),
        ("photos", "[1]", "FP32"),
        ("photos", "[1]", "WORDS"),
        ("pixels", "[1,40,40,3]", "FP32"),
        ("pixels", "[1,40,40,4]", "UINT8"),
        ("pixels", "[4294967296,4294967296,4294967296,3]", "UINT8"),
        ("pixels", "[1,0,0,3]", "UINT8"),
        ("pixels", "[1,40,40,3]", "UINT8"),
        ("pixels", "[40,40,3]", "UINT8"),
    ];
    let (name, shape, datatype) = cases[random.usize(..cases.len())];
    let one = input(name, shape, datatype, &size);
    (format!("{name} {shape} {datatype}"), infer(&one, &values))
}

/// Sizes that do not fit what is there.
fn wrong_length(photo: &[u8], random: &mut fastrand::Rng) -> (String, Vec<u8>) {
    let values = with_length(photo);
    let sizes =
        ["0", "3", "5", "-1", "18446744073709551615", "1.5", "null", "\"9\"", "4294967300", "[]", "1e40"];
    let size = sizes[random.usize(..sizes.len())];
    let right = input("photos", "[1]", "BYTES", &values.len().to_string());
    let json = format!(r#"{{"inputs":[{right}]}}"#);
    match random.u8(..4) {
        0 => (format!("a size of {size}"), infer(&input("photos", "[1]", "BYTES", size), &values)),
        1 => ("more behind the values".to_owned(), infer(&right, &[&values[..], &[0; 100]].concat())),
        2 => ("fewer values".to_owned(), infer(&right, &values[..random.usize(..values.len())])),
        _ => {
            let stated = ["-1", "0", "18446744073709551615", "1e9", "", "7", "99999999"][random.usize(..7)];
            (format!("a header of {stated:?} bytes"), tensors(json.as_bytes(), &values, stated))
        }
    }
}

/// Values that are no photos: lengths that lead out, photos that are none.
fn wrong_values(photo: &[u8], random: &mut fastrand::Rng) -> (String, Vec<u8>) {
    let (kind, values): (&str, Vec<u8>) = match random.u8(..5) {
        0 => ("a length that leads out", [&u32::MAX.to_le_bytes()[..], photo].concat()),
        1 => ("a length that is short", [&8_u32.to_le_bytes()[..], photo].concat()),
        2 => ("no photo", with_length(b"no photo")),
        3 => ("an empty photo", with_length(b"")),
        _ => ("half a length", vec![1, 0]),
    };
    let size = values.len().to_string();
    (kind.to_owned(), infer(&input("photos", "[1]", "BYTES", &size), &values))
}

/// JSON of as many entries as a body holds, each of which takes more memory, or more of an answer, than its letters.
fn large_json(random: &mut fastrand::Rng) -> (String, Vec<u8>) {
    let bytes = random.usize(1000..MAX_BODY - 1000);
    let many = |entry: &str| vec![entry; bytes / (entry.len() + 1)].join(",");
    let photo = r#"{"name":"photos","shape":[1],"datatype":"BYTES","data":["YQ=="]}"#;
    let (kind, text) = match random.u8(..5) {
        0 => ("outputs", format!(r#"{{"inputs":[{photo}],"outputs":[{}]}}"#, many(r#"{"name":"features"}"#))),
        1 => (
            "numbers in a parameter",
            format!(r#"{{"parameters":{{"a":[{}]}},"inputs":[{photo}]}}"#, many("0")),
        ),
        2 => (
            "texts",
            format!(
                r#"{{"inputs":[{{"name":"photos","shape":[1],"datatype":"BYTES","data":[{}]}}]}}"#,
                many("\"a\"")
            ),
        ),
        3 => (
            "axes",
            format!(
                r#"{{"inputs":[{{"name":"pixels","shape":[{}],"datatype":"UINT8","data":[1]}}]}}"#,
                many("1")
            ),
        ),
        _ => (
            "letters of a name",
            format!(
                r#"{{"inputs":[{{"name":"{}","shape":[1],"datatype":"BYTES","data":["YQ=="]}}]}}"#,
                "x".repeat(bytes)
            ),
        ),
    };
    (
        format!("many {kind}"),
        post("/v2/models/m/infer", "Content-Type: application/json\r\n", text.as_bytes()),
    )
}

/// Headers that are no JSON, or none of a request.
fn wrong_json(random: &mut fastrand::Rng) -> (String, Vec<u8>) {
    let deep = format!(r#"{{"inputs":{}}}"#, "[".repeat(100_000));
    let closed = format!(r#"{{"inputs":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    let many = format!(r#"{{"inputs":[{}]}}"#, vec![input("photos", "[1]", "BYTES", "0"); 5_000].join(","));
    let pixels = r#"{"name":"pixels","shape":[1,1,1,3],"datatype":"UINT8","data":"#;
    let data = [
        format!(r#"{{"inputs":[{pixels}[1,2]}}]}}"#),
        format!(r#"{{"inputs":[{pixels}[1,2,300]}}]}}"#),
        format!(r#"{{"inputs":[{pixels}[1,2,-3]}}]}}"#),
        format!(r#"{{"inputs":[{pixels}["a",2,3]}}]}}"#),
        format!(r#"{{"inputs":[{pixels}{}]}}]}}"#, "[".repeat(20_000)),
        format!(r#"{{"inputs":[{pixels}null}}]}}"#),
    ];
    let texts = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "{\"inputs\":[]}",
        "{\"inputs\":{}}",
        "{\"inputs\":[null]}",
        "\u{0}",
        "1e999",
        &deep,
        &closed,
        &many,
        &data[0],
        &data[1],
        &data[2],
        &data[3],
        &data[4],
        &data[5],
    ];
    let text = texts[random.usize(..texts.len())];
    let start: String = text.chars().take(100).collect();
    let request = match random.bool() {
        true => tensors(text.as_bytes(), b"", &text.len().to_string()),
        false => post("/v2/models/m/infer", "Content-Type: application/json\r\n", text.as_bytes()),
    };
    (start, request)
}
