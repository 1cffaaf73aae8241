//! A request for inference: JSON, and the bytes of tensors behind it.
//!
//! ```text
//! {"id": "7", "parameters": {"binary_data_output": true},
//!  "inputs":  [{"name": "photos", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 91834}}],
//!  "outputs": [{"name": "probabilities", "parameters": {"binary_data": true, "classification": 3}}]}
//! ```
//! followed by the bytes of each input that states a `binary_data_size`, in their order. The header
//! `Inference-Header-Content-Length` has the length of the JSON. BYTES are, for each element, its length as a 32-bit number, the
//! lowest byte first, and its bytes; in JSON, which has no bytes, they are base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use icecap::advanced::foundation::shown::shown;
use serde::Deserialize;

use crate::infer::data::Data;
use crate::infer::few::{Few, Named};
use crate::infer::names;
use crate::infer::output::Wanted;
use crate::infer::parameters::Parameters;
use crate::limits::PHOTOS;
use crate::order::{Content, Photo};
use crate::refusal::Refusal;

/// A request that was understood.
#[derive(Debug)]
pub(crate) struct InferRequest {
    pub(crate) id: Option<String>,
    pub(crate) photos: Vec<Photo>,
    pub(crate) wanted: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Head {
    id: Option<String>,
    #[serde(default)]
    parameters: Named,
    inputs: Few<Input>,
    #[serde(default)]
    outputs: Few<Output>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Few<u64>,
    datatype: String,
    #[serde(default)]
    parameters: Named,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Named,
}

/// Reads a request. `head` is the length of its JSON where bytes follow, `classes` how many classes the model has.
///
/// # Errors
/// 400 with what is wrong with it.
pub(crate) fn read(body: &Bytes, head: Option<usize>, classes: usize) -> Result<InferRequest, Refusal> {
    let len = head.unwrap_or(body.len());
    if len > body.len() {
        let message =
            format!("Inference-Header-Content-Length is {len}, and the body has {} bytes", body.len());
        return Err(Refusal::bad(message));
    }
    let (head, mut binary) = (body.slice(..len), body.slice(len..));
    let head: Head = serde_json::from_slice(&head)
        .map_err(|error| Refusal::bad(format!("the request is no inference request in JSON: {error}")))?;
    let mut parameters = Parameters::new(head.parameters, "the request");
    let is_binary = parameters.flag("binary_data_output")?.unwrap_or(false);
    parameters.end()?;
    let [input] = <[Input; 1]>::try_from(head.inputs.0).map_err(|inputs| {
        let names = format!("'{}' with encoded photos or '{}' with pixels", names::PHOTOS, names::PIXELS);
        Refusal::bad(format!("{} inputs; give one, {names}", inputs.len()))
    })?;
    let photos = input.photos(&mut binary)?;
    if !binary.is_empty() {
        let message = format!("{} bytes are left over behind the inputs", binary.len());
        return Err(Refusal::bad(message));
    }
    let mut wanted: Vec<Wanted> = Vec::with_capacity(head.outputs.0.len());
    for output in head.outputs.0 {
        let mut parameters =
            Parameters::new(output.parameters, format!("the output '{}'", shown(&output.name)));
        let is_binary = parameters.flag("binary_data")?.unwrap_or(is_binary);
        let most = parameters.count("classification")?.filter(|most| *most > 0);
        parameters.end()?;
        let one = Wanted::new(&output.name, is_binary, most.map(|most| most.min(classes)))?;
        if wanted.iter().any(|other| other.name() == one.name()) {
            return Err(Refusal::bad(format!(
                "the output '{}' is asked for twice; once is enough",
                one.name()
            )));
        }
        wanted.push(one);
    }
    if wanted.is_empty() {
        wanted = Wanted::usual(is_binary);
    }
    Ok(InferRequest { id: head.id, photos, wanted })
}

impl Input {
    fn photos(self, binary: &mut Bytes) -> Result<Vec<Photo>, Refusal> {
        let Self { name, shape: Few(shape), datatype, parameters, data } = self;
        let (name, datatype) = (shown(&name), shown(&datatype));
        let refuse = |reason: String| Refusal::bad(format!("the input '{name}': {reason}"));
        let mut parameters = Parameters::new(parameters, format!("the input '{name}'"));
        let bytes = match parameters.count("binary_data_size")? {
            Some(size) if size > binary.len() => {
                let left = binary.len();
                return Err(refuse(format!("binary_data_size is {size}, and {left} bytes are there")));
            }
            Some(_) if data.is_some() => return Err(refuse("both data and binary_data_size".to_owned())),
            Some(size) => Some(binary.split_to(size)),
            None => None,
        };
        parameters.end()?;
        match (name.as_str(), datatype.as_str()) {
            (names::PHOTOS, "BYTES") => {
                let &[count] = &shape[..] else {
                    return Err(refuse(format!("the shape is {shape:?}; use [N]")));
                };
                let count = counted(count).map_err(&refuse)?;
                let files = match bytes {
                    Some(bytes) => elements(bytes, count),
                    None => decoded(data.unwrap_or_default(), count),
                };
                Ok(files.map_err(refuse)?.into_iter().map(|file| photo(Content::File(file))).collect())
            }
            (names::PIXELS, "UINT8") => {
                let &[count, height, width, 3] = &shape[..] else {
                    return Err(refuse(format!("the shape is {shape:?}; use [N, height, width, 3]")));
                };
                let count = counted(count).map_err(&refuse)?;
                let bytes = match (bytes, data.unwrap_or_default()) {
                    (Some(bytes), _) => bytes,
                    (None, Data::Numbers(numbers)) => numbers.into(),
                    (None, Data::Empty) => Bytes::new(),
                    (None, Data::Texts(_)) => {
                        return Err(refuse("texts where numbers are asked for".to_owned()));
                    }
                };
                pixels(&bytes, count, [height, width]).map_err(refuse)
            }
            (names::PHOTOS, other) => Err(refuse(format!("the datatype is {other}; use BYTES"))),
            (names::PIXELS, other) => Err(refuse(format!("the datatype is {other}; use UINT8"))),
            _ => Err(refuse(format!(
                "there is none of this name; use '{}' or '{}'",
                names::PHOTOS,
                names::PIXELS
            ))),
        }
    }
}

fn photo(content: Content) -> Photo {
    Photo { name: String::new(), content }
}

/// The number of photos, which has to be one that a request may have.
fn counted(count: u64) -> Result<usize, String> {
    match usize::try_from(count) {
        Ok(count @ 1..=PHOTOS) => Ok(count),
        _ => Err(format!("{count} photos; send 1 to {PHOTOS} in a request")),
    }
}

/// The elements of BYTES, each behind its length.
fn elements(mut bytes: Bytes, count: usize) -> Result<Vec<Bytes>, String> {
    let mut elements = Vec::with_capacity(count);
    for element in 0..count {
        let len = bytes.split_first_chunk::<4>().map(|(len, _)| u32::from_le_bytes(*len) as usize);
        let whole = len.filter(|len| *len <= bytes.len() - 4);
        let len = whole.ok_or_else(|| format!("the bytes end within element {element} of {count}"))?;
        let mut one = bytes.split_to(4 + len);
        elements.push(one.split_off(4));
    }
    match bytes.len() {
        0 => Ok(elements),
        left => Err(format!("{left} bytes are left over behind element {} of {count}", count - 1)),
    }
}

/// The elements of BYTES in JSON.
fn decoded(data: Data, count: usize) -> Result<Vec<Bytes>, String> {
    let texts = match data {
        Data::Texts(texts) => texts,
        Data::Empty => Vec::new(),
        Data::Numbers(_) => return Err("numbers where texts in base64 are asked for".to_owned()),
    };
    if texts.len() != count {
        return Err(format!("the shape is [{count}], and there are {} values", texts.len()));
    }
    let decode = |(element, text): (usize, String)| {
        let decoded = STANDARD.decode(text).map(Bytes::from);
        decoded.map_err(|_| format!("element {element} is no base64, as a photo is in JSON"))
    };
    texts.into_iter().enumerate().map(decode).collect()
}

/// Photos of pixels, one behind the other.
fn pixels(bytes: &Bytes, count: usize, size: [u64; 2]) -> Result<Vec<Photo>, String> {
    let [height, width] = size.map(|side| usize::try_from(side).unwrap_or(usize::MAX));
    let of_one = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
    let expected = of_one.and_then(|of_one| of_one.checked_mul(count));
    let (Some(of_one @ 1..), Some(expected)) = (of_one, expected) else {
        return Err(format!(
            "photos of {} by {} pixels; the shape is [N, height, width, 3]",
            size[0], size[1]
        ));
    };
    if bytes.len() != expected {
        let shape = format!("[{count}, {height}, {width}, 3]");
        return Err(format!("the shape {shape} has {expected} values, and there are {}", bytes.len()));
    }
    let one = |place: usize| {
        let pixels = bytes.slice(place * of_one..(place + 1) * of_one);
        photo(Content::Rgb { pixels, width, height })
    };
    Ok((0..count).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(json: &str, binary: &[u8]) -> Result<InferRequest, Refusal> {
        let body = Bytes::from([json.as_bytes(), binary].concat());
        read(&body, Some(json.len()), 3)
    }

    fn contents(request: &InferRequest) -> Vec<Vec<u8>> {
        let bytes = |photo: &Photo| match &photo.content {
            Content::File(bytes) | Content::Rgb { pixels: bytes, .. } => bytes.to_vec(),
        };
        request.photos.iter().map(bytes).collect()
    }

    #[test]
    fn photos_come_as_bytes_and_as_base64() {
        let binary = [&[3, 0, 0, 0], &b"abc"[..], &[0, 0, 0, 0], &[1, 0, 0, 0], b"d"].concat();
        let json = r#"{"inputs":[{"name":"photos","datatype":"BYTES","shape":[3],"parameters":{"binary_data_size":SIZE}}]}"#;
        let request = read_all(&json.replace("SIZE", &binary.len().to_string()), &binary).unwrap();
        assert_eq!(contents(&request), [b"abc".to_vec(), Vec::new(), b"d".to_vec()]);
        assert_eq!(request.wanted.len(), 3);
        // Every other length is refused, as is every piece of the bytes.
        for len in 0..binary.len() {
            assert!(read_all(&json.replace("SIZE", &len.to_string()), &binary).is_err(), "{len}");
            assert!(read_all(&json.replace("SIZE", &len.to_string()), &binary[..len]).is_err(), "{len}");
        }
        let json = r#"{"inputs":[{"name":"photos","datatype":"BYTES","shape":[2],"data":["YWJj","ZA=="]}],"id":"7"}"#;
        let request = read_all(json, b"").unwrap();
        assert_eq!(
            (contents(&request), request.id.as_deref()),
            (vec![b"abc".to_vec(), b"d".to_vec()], Some("7"))
        );
    }

    #[test]
    fn pixels_come_as_bytes_and_as_numbers() {
        let json = r#"{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[2,1,1,3],"data":[[[[1,2,3]]],[[[4,5,6]]]]}]}"#;
        assert_eq!(contents(&read_all(json, b"").unwrap()), [[1, 2, 3], [4, 5, 6]]);
        let json = r#"{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,1,2,3],"parameters":{"binary_data_size":6}}]}"#;
        assert_eq!(contents(&read_all(json, &[6, 5, 4, 3, 2, 1]).unwrap()), [[6, 5, 4, 3, 2, 1]]);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let input = |inside: &str| format!(r#"{{"inputs":[{{{inside}}}]}}"#);
        let photo = r#""name":"photos","datatype":"BYTES","shape":[1],"data":["YWJj"]"#;
        assert!(read_all(&input(photo), b"").is_ok());
        for (from, to) in [
            ("photos", "image"),
            ("BYTES", "UINT8"),
            ("[1]", "[2]"),
            ("[1]", "[0]"),
            ("[1]", "[1,1]"),
            ("[1]", "[-1]"),
            ("[1]", "[18446744073709551615]"),
            ("YWJj", "YWJ"),
            ("[\"YWJj\"]", "[1]"),
            ("[\"YWJj\"]", "[]"),
            ("\"data\"", "\"parameters\":{\"shared_memory_region\":\"x\"},\"data\""),
            ("\"data\"", "\"parameters\":{\"binary_data_size\":0},\"data\""),
        ] {
            let changed = photo.replace(from, to);
            assert_ne!(changed, photo);
            assert!(read_all(&input(&changed), b"").is_err(), "{changed}");
        }
        let json = input(photo);
        assert!(read_all(&json, b"x").is_err());
        for more in [
            r#","parameters":{"timeout":1}"#,
            r#","parameters":{"binary_data_output":1}"#,
            r#","outputs":[{"name":"scores"}]"#,
            r#","outputs":[{"name":"labels"},{"name":"labels"}]"#,
            r#","outputs":[{"name":"labels","parameters":{"classification":1}}]"#,
            r#","outputs":[{"name":"probabilities","parameters":{"classification":-1}}]"#,
            r#","outputs":[{"name":"probabilities","parameters":{"shared_memory_region":"x"}}]"#,
        ] {
            assert!(read_all(&(json[..json.len() - 1].to_owned() + more + "}"), b"").is_err(), "{more}");
        }
        for shape in ["[1,0,9,3]", "[1,2,2,3]", "[1,4294967296,4294967296,3]", "[1,2,3]", "[1,1,1,4]"] {
            let json =
                input(&format!(r#""name":"pixels","datatype":"UINT8","shape":{shape},"data":[1,2,3]"#));
            assert!(read_all(&json, b"").is_err(), "{shape}");
        }
        for json in ["", "{}", "[]", "{\"inputs\":[]}", "nonsense", "{\"inputs\":{}}"] {
            assert!(read_all(json, b"").is_err(), "{json}");
        }
        assert!(read(&Bytes::from_static(b"{}"), Some(3), 3).is_err());
    }
}
