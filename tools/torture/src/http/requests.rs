//! Requests as a program with manners would send them; the hostile ones are made of these.

/// A request with a body, whose length it tells.
pub(super) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A request without a body.
pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// One photo, as it is.
pub(super) fn photo(bytes: &[u8]) -> Vec<u8> {
    post("/predict", "Content-Type: application/octet-stream\r\n", bytes)
}

/// Several photos, as a browser sends a form.
pub(super) fn form(photos: &[(&str, &[u8])]) -> Vec<u8> {
    const BOUNDARY: &str = "----IcecapFormBoundary7MA4YWxkTrZu0gW";
    let mut body = Vec::new();
    for (name, bytes) in photos {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"{name}\"\r\n\
             Content-Type: image/bmp\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    post("/predict", &format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"), &body)
}

/// Tensors: a header in JSON, the values behind it, and what is said of the header's length.
pub(super) fn tensors(json: &[u8], values: &[u8], stated: &str) -> Vec<u8> {
    let headers =
        format!("Content-Type: application/octet-stream\r\nInference-Header-Content-Length: {stated}\r\n");
    post("/v2/models/m/infer", &headers, &[json, values].concat())
}

/// One photo as a tensor of the protocol.
pub(super) fn photo_tensor(photo: &[u8]) -> Vec<u8> {
    let size = photo.len() + 4;
    let json = format!(
        r#"{{"inputs":[{{"name":"photos","shape":[1],"datatype":"BYTES","parameters":{{"binary_data_size":{size}}}}}]}}"#
    );
    let values = [&(photo.len() as u32).to_le_bytes(), photo].concat();
    tensors(json.as_bytes(), &values, &json.len().to_string())
}
