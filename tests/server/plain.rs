//! Plain posts: what the server answers is what the command prints, field for field.

use serde_json::{Value, json};

use crate::served::{Served, TOKEN};

/// What `predict` prints of a photo, as JSON.
fn printed(served: &Served, photo: &str, options: &[&str]) -> Value {
    let photo = format!("photos/{photo}");
    let arguments = ["predict", "run/model.safetensors", &photo, "--json"];
    let run = served.place.icecap(&[&arguments, options].concat()).succeeds();
    serde_json::from_str(&run.stdout).unwrap()
}

/// The row of a photo that was sent has the name that it was sent by.
fn renamed(mut rows: Value, name: &str) -> Value {
    rows[0]["path"] = name.into();
    rows[0]["true_label"] = Value::Null;
    rows
}

#[test]
fn rows_are_those_of_the_command() {
    let served = Served::new(&[]);
    let cases: [(&str, &[&str]); 4] = [
        ("", &[]),
        ("?all=true&top=2", &["--all", "--top", "2"]),
        ("?reject_below=1", &["--reject-below", "1"]),
        ("?model=run&top=9", &["--top", "9"]),
    ];
    for photo in ["red/1.jpg", "blue/3.jpg"] {
        for (query, options) in cases {
            let answer = served.post(&format!("/predict{query}"), &served.photo(photo));
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
            assert_eq!(answer.json(), renamed(printed(&served, photo, options), "photo"), "{photo} {query}");
        }
    }
}

#[test]
fn several_photos_come_as_a_form_and_go_as_csv_or_lines() {
    let served = Served::new(&[]);
    let files = [
        ("a.jpg", served.photo("red/1.jpg")),
        ("b, c.jpg", served.photo("broken.jpg")),
        ("d.jpg", served.photo("blue/1.jpg")),
    ];
    let rows = served.post_form("/predict", "*/*", &files).json();
    assert_eq!(rows[0], renamed(printed(&served, "red/1.jpg", &[]), "a.jpg")[0]);
    assert_eq!(rows[2], renamed(printed(&served, "blue/1.jpg", &[]), "d.jpg")[0]);
    assert!(rows[1]["label"].is_null() && rows[1]["error"].as_str().unwrap().len() > 10, "{rows}");
    let lines = served.post_form("/predict", "application/jsonl", &files);
    let each: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((Value::from(each), lines.header("content-type")), (rows, Some("application/jsonl")));
    let csv = served.post_form("/predict?top=2", "text/csv", &files);
    let lines: Vec<&str> = csv.text().lines().collect();
    let printed =
        served.place.icecap(&["predict", "run/model.safetensors", "photos/red/1.jpg", "--csv", "--top", "2"]);
    assert_eq!(lines[0], printed.stdout.lines().next().unwrap());
    assert!(lines[1].starts_with("a.jpg,red,") && lines[2].starts_with("\"b, c.jpg\",,"), "{lines:?}");
    // Nobody's photo can be read: that is no success.
    let none = served.post_form("/predict", "*/*", &files[1..2]);
    assert_eq!((none.status, &none.json()[0]["path"]), (422, &"b, c.jpg".into()));
    served.post_form("/predict", "image/png", &files).refuses(406, "text/csv");
}

#[test]
fn features_are_those_of_the_command() {
    let served = Served::new(&[]);
    let answer = served.post("/embed", &served.photo("red/1.jpg"));
    let extract = ["extract", "photos/red/1.jpg", "-o", "f.safetensors"];
    served.place.icecap(&extract).succeeds();
    let file = std::fs::read(served.place.path("f.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&file).unwrap();
    let (width, features) =
        (answer.json()[0]["features"].as_array().unwrap().len(), file.tensor("features").unwrap());
    assert_eq!(features.shape()[1], width);
    let first =
        features.data().chunks_exact(4).take(width).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    let own: Vec<f32> = serde_json::from_value(answer.json()[0]["features"].clone()).unwrap();
    assert_eq!(own, first.collect::<Vec<f32>>());
    let csv = served.post_form(
        "/embed",
        "text/csv",
        &[("x", served.photo("red/1.jpg")), ("y", b"no photo".to_vec())],
    );
    let lines: Vec<Vec<&str>> = csv.text().lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>()[..2], [width + 2; 2]);
    assert_eq!(lines[1][1].parse::<f32>().unwrap(), own[0]);
    assert!(lines[2][1].is_empty());
}

#[test]
fn a_heatmap_is_the_file_that_the_command_draws() {
    let served = Served::new(&[]);
    for (query, options) in [("", &[] as &[&str]), ("&class=blue", &["--heatmap-class", "blue"])] {
        let drawn = served.post(&format!("/predict?heatmap=1{query}"), &served.photo("red/1.jpg"));
        assert_eq!((drawn.status, drawn.header("content-type")), (200, Some("image/png")));
        let folder = format!("maps{}", options.len());
        let arguments = ["predict", "run/model.safetensors", "photos/red/1.jpg", "--heatmap", &folder];
        served.place.icecap(&[&arguments, options].concat()).succeeds();
        assert!(std::fs::read(served.place.path(&folder).join("1.png")).unwrap() == drawn.body, "{query}");
    }
    served.post("/predict?heatmap=1", &served.photo("broken.jpg")).refuses(422, "");
    let two = [("a", served.photo("red/1.jpg")), ("b", served.photo("red/3.jpg"))];
    served.post_form("/predict?heatmap=1", "*/*", &two).refuses(400, "one at a time");
}

#[test]
fn what_cannot_be_followed_is_refused_and_said() {
    let served = Served::new(&["--max-body", "100K"]);
    let photo = served.photo("red/1.jpg");
    for (path, status, with) in [
        ("/predict?top=0", 400, "from 1 on"),
        ("/predict?top=x", 400, "top"),
        ("/predict?tops=1", 400, "tops"),
        ("/predict?all=yes", 400, "true or false"),
        ("/predict?reject_below=2", 400, "from 0 to 1"),
        ("/predict?reject_below=NaN", 400, "from 0 to 1"),
        ("/predict?reject_novel=0", 400, "above 0"),
        ("/predict?class=red", 409, "heatmap"),
        ("/predict?heatmap=1&class=green", 404, "no such class"),
        ("/predict?model=other", 404, "there is run"),
        ("/embed?top=1", 400, "top"),
        ("/nowhere", 404, "openapi"),
        ("/models", 405, "Allow"),
        ("/v2/models/run/versions/2/infer", 404, "version"),
        ("/v2/models/%FF/infer", 400, "UTF-8"),
    ] {
        served.post(path, &photo).refuses(status, with);
    }
    served.post("/predict", b"").refuses(400, "no photo");
    served.post("/predict", &[0; 200_000]).refuses(413, "--max-body");
    served.post_with("/predict", &photo, ("content-encoding", "gzip")).refuses(415, "Content-Encoding");
    served.get("/predict").refuses(405, "Allow");
    // It answers on.
    assert_eq!(served.post("/predict", &photo).status, 200);
}

#[test]
fn requests_have_names_lines_and_counts() {
    let served = Served::new(&["--log", "json"]);
    let photo = served.photo("red/1.jpg");
    let named = served.post_with("/predict?model=run", &photo, ("x-request-id", "mine-7"));
    assert_eq!(named.header("x-request-id"), Some("mine-7"));
    served.logs("\"id\":\"mine-7\"");
    served.logs("\"path\":\"/predict\"");
    let own = served.post("/predict", &served.photo("broken.jpg"));
    assert_eq!(own.status, 422);
    served.logs(&format!("\"id\":\"{}\"", own.header("x-request-id").unwrap()));
    let metrics = served.get("/metrics");
    for line in [
        "icecap_requests_total{route=\"/predict\",status=\"200\"} 1",
        "icecap_requests_total{route=\"/predict\",status=\"422\"} 1",
        "icecap_photos_total{model=\"run\",outcome=\"unreadable\"} 1",
        "icecap_phase_seconds_count{phase=\"queue\"} 2",
        "# EOF",
    ] {
        assert!(metrics.text().lines().any(|told| told == line), "{line} in\n{}", metrics.text());
    }
}

#[test]
fn a_token_is_asked_for_wherever_photos_or_models_are() {
    let served = Served::new(&["--token-file", "token"]);
    let photo = served.photo("red/1.jpg");
    let without = served.post("/predict", &photo);
    without.refuses(401, "Bearer");
    assert_eq!(without.header("www-authenticate"), Some("Bearer"));
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(served.post_with("/predict", &photo, ("authorization", &bearer)).status, 200);
    served
        .post_with("/predict", &photo, ("authorization", "Bearer open-sesame-012345678"))
        .refuses(401, "Bearer");
    for path in ["/models", "/metrics", "/v2/models/run", "/v2/models/run/ready"] {
        served.get(path).refuses(401, "Bearer");
        assert_eq!(served.get_with(path, ("authorization", &bearer)).status, 200, "{path}");
    }
    for path in ["/", "/page.css", "/page.js", "/openapi.json", "/v2", "/v2/health/live"] {
        assert_eq!(served.get(path).status, 200, "{path}");
    }
    let models = served.get_with("/models", ("authorization", &bearer)).json();
    assert_eq!((&models[0]["name"], &models[0]["classes"]), (&json!("run"), &json!(["blue", "red"])));
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let place = crate::place::Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--no-report"]).succeeds();
    std::fs::write(place.path("short"), "abc").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    place.each_fails(&[
        (&["serve", "run/model.safetensors", "--listen", "nowhere"], 2, "127.0.0.1:8080"),
        (&["serve", "run/model.safetensors", "run/model.safetensors"], 2, "other="),
        (&["serve", "a b=run/model.safetensors"], 2, "as in bees="),
        (&["serve", "none.safetensors"], 5, "none.safetensors"),
        (&["serve", "photos/red/1.jpg"], 3, "1.jpg"),
        (&["serve", "run/model.safetensors", "--token-file", "short"], 3, "16"),
        (&["serve", "run/model.safetensors", "--token-file", "none"], 5, "none"),
        (&["serve", "run/model.safetensors", "--listen", &taken], 5, "--listen"),
    ]);
}
