//! The server's page, as a person uses it in a browser: photos go in, labels and reasons come out.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::gate::Gate;
use crate::place::Place;
use crate::visitor::Visitor;

/// A browser that tells nothing within this time is taken for stuck; the probe itself waits for a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of a model that tells red from blue, with a port of its own.
struct Served {
    server: Child,
    address: SocketAddr,
    place: Place,
}

impl Served {
    fn new(options: &[&str]) -> Self {
        let place = Place::two_classes();
        place.icecap(&["train", "photos", "--out", "run", "--no-report"]).succeeds();
        let whole = fs::read(place.path("photos/red/1.jpg")).unwrap();
        fs::write(place.path("photos/broken.jpg"), &whole[..100]).unwrap();
        fs::write(place.path("token"), "open-sesame-0123456789\n").unwrap();
        let serve = ["serve", "run/model.safetensors", "--listen", "127.0.0.1:0"];
        let mut command = place.command(&[&serve, options].concat());
        let mut server = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.split_once("http://").expect(&first).1.trim_end_matches('/').parse().unwrap();
        // Read on: a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { server, address, place }
    }

    fn gate(&self, full: usize) -> Gate {
        Gate::new(self.address, self.place.path("photos"), full)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What a scenario of `probe.js` has found; `None` where there is no browser.
#[track_caller]
fn visit(gate: &Gate, address: &str) -> Option<Value> {
    let visitor = Visitor::of(address)?;
    let told = gate.told(PATIENCE);
    let told = told.unwrap_or_else(|| panic!("the probe told nothing: {}", visitor.said()));
    assert!(told.get("failed").is_none() && told["wrong"] == Value::Array(Vec::new()), "{told:#}");
    Some(told)
}

#[track_caller]
fn is_labeled(card: &Value, label: &str) {
    assert_eq!(card["verdict"], label, "{card:#}");
    let odds = card["odds"].as_array().unwrap();
    assert_eq!(odds.len(), 2, "{card:#}");
    assert_eq!(odds[0][0], label, "{card:#}");
    assert!(odds.iter().all(|odds| odds[1].as_str().unwrap().ends_with("\u{a0}%")), "{card:#}");
    assert!(card["reason"].is_null() && card["isShown"] == true, "{card:#}");
}

#[test]
fn a_dropped_photo_gets_its_label_and_a_broken_one_its_reason() {
    let served = Served::new(&[]);
    let gate = served.gate(0);
    let Some(told) = visit(&gate, &gate.page("drop")) else { return };
    let [red, blue, broken] = [0, 1, 2].map(|index| &told["cards"][index]);
    is_labeled(red, "red");
    is_labeled(blue, "blue");
    // A name is no markup.
    assert_eq!(red["name"], "<b>red</b>.png");
    assert_eq!((&broken["verdict"], &broken["isTriedAgain"]), (&"Cannot be used".into(), &false.into()));
    let reason = broken["reason"].as_str().unwrap();
    assert!(reason.len() > 12 && !reason.contains("status"), "{reason}");
    assert_eq!(told["status"], "3 photos, 1 without an answer");
    let of = |class| format!("<b>red</b>.png: what speaks for {class} in orange, against it in blue");
    assert_eq!((&told["looked"]["of"], &told["turned"]), (&of("red").into(), &of("blue").into()));
    assert_eq!(told["looked"]["legend"], "againstfor");
    assert_eq!((&told["count"], &told["focus"]), (&"2 photos".into(), &"remove".into()));
}

#[test]
fn photos_are_pasted_and_chosen_too() {
    let served = Served::new(&[]);
    let gate = served.gate(0);
    let Some(told) = visit(&gate, &gate.page("ways")) else { return };
    // The latest stands first.
    is_labeled(&told["cards"][0], "blue");
    is_labeled(&told["cards"][1], "red");
}

#[test]
fn a_full_server_is_asked_again() {
    let served = Served::new(&[]);
    let gate = served.gate(2);
    let Some(told) = visit(&gate, &gate.page("full")) else { return };
    is_labeled(&told["cards"][0], "red");
    let said = told["said"].as_array().unwrap();
    assert!(said.contains(&"the server is full; asked again in 1\u{a0}s".into()), "{said:?}");
}

#[test]
fn of_many_photos_four_are_asked_about_at_a_time() {
    let served = Served::new(&[]);
    let gate = served.gate(0);
    let Some(told) = visit(&gate, &gate.page("many")) else { return };
    for card in told["cards"].as_array().unwrap() {
        is_labeled(card, "red");
    }
    assert!((1..=4).contains(&gate.most_asked()), "{}", gate.most_asked());
}

#[test]
fn the_page_asks_for_the_token() {
    let served = Served::new(&["--token-file", "token"]);
    let gate = served.gate(0);
    let Some(told) = visit(&gate, &gate.page("token")) else { return };
    is_labeled(&told["cards"][0], "red");
    assert_eq!(told["isAsked"], false);
    assert_eq!(told["refusal"], "The server did not take that token.");
}

#[test]
fn nothing_sticks_out_on_a_phone_or_a_desk() {
    let served = Served::new(&[]);
    let gate = served.gate(0);
    for width in [320, 390, 1280] {
        let Some(told) = visit(&gate, &gate.framed("wide", width)) else { return };
        for part in ["empty", "full"] {
            let part = &told[part];
            assert_eq!(part["width"], width, "{told:#}");
            assert_eq!(part["scroll"], part["width"], "{told:#}");
            assert_eq!(part["out"], Value::Array(Vec::new()), "{told:#}");
        }
    }
}
