//! A server that runs for a test, and what a client asks it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use crate::place::Place;

/// The token of servers that are started with `--token-file token`.
pub(crate) const TOKEN: &str = "open-sesame-0123456789";

/// A server of a model that tells red from blue, with a port of its own. Ends when it is dropped.
pub(crate) struct Served {
    server: Child,
    pub(crate) address: SocketAddr,
    pub(crate) place: Place,
    log: Arc<Mutex<Vec<String>>>,
    agent: Agent,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The answer has this status, and says why in a sentence.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, with: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let why = self.json()["error"].as_str().unwrap().to_owned();
        assert!(why.contains(with), "'{with}' in '{why}'");
        assert_eq!(self.header("retry-after").is_some(), status == 503);
    }
}

impl Served {
    pub(crate) fn new(options: &[&str]) -> Self {
        let place = Place::two_classes();
        place.icecap(&["train", "photos", "--out", "run", "--no-report"]).succeeds();
        Self::at(place, &[&["run/model.safetensors"], options].concat())
    }

    /// Serves the models of a place.
    pub(crate) fn at(place: Place, models_and_options: &[&str]) -> Self {
        let whole = fs::read(place.path("photos/red/1.jpg")).unwrap();
        fs::write(place.path("photos/broken.jpg"), &whole[..100]).unwrap();
        fs::write(place.path("token"), format!("{TOKEN}\n")).unwrap();
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = place.command(&[&serve, models_and_options].concat());
        let mut server = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.find(|line| line.contains("http://")).unwrap();
        let address = first.split_once("http://").unwrap().1.parse().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        // Read on: a full pipe would keep lines back.
        std::thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push(line)));
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60)));
        Self { server, address, place, log, agent: config.build().new_agent() }
    }

    pub(crate) fn photo(&self, name: &str) -> Vec<u8> {
        fs::read(self.place.path("photos").join(name)).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(self.url(path)).call().unwrap())
    }

    pub(crate) fn get_with(&self, path: &str, header: (&str, &str)) -> Answer {
        answer(self.agent.get(self.url(path)).header(header.0, header.1).call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.post_with(path, body, ("content-type", "image/jpeg"))
    }

    pub(crate) fn post_with(&self, path: &str, body: &[u8], header: (&str, &str)) -> Answer {
        answer(self.agent.post(self.url(path)).header(header.0, header.1).send(body).unwrap())
    }

    /// Posts files as a browser's form does.
    pub(crate) fn post_form(&self, path: &str, accept: &str, files: &[(&str, Vec<u8>)]) -> Answer {
        let mut body = Vec::new();
        for (name, bytes) in files {
            body.extend(
                format!("--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n")
                    .bytes(),
            );
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--xyz--\r\n");
        let request = self.agent.post(self.url(path)).header("accept", accept);
        answer(request.header("content-type", "multipart/form-data; boundary=xyz").send(&body).unwrap())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until a line of the log has this in it.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str) {
        let begun = Instant::now();
        while !self.log.lock().unwrap().iter().any(|line| line.contains(text)) {
            let log = || self.log.lock().unwrap().join("\n");
            assert!(begun.elapsed() < Duration::from_secs(20), "'{text}' in\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many threads it has.
    #[cfg(target_os = "linux")]
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.server.id())).unwrap().count()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let done = std::process::Command::new("kill").args([name, &self.server.id().to_string()]).status();
        assert!(done.unwrap().success());
    }

    /// How it ended, within the time that it has.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.server.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(12), "it runs on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let (parts, mut body) = response.into_parts();
    let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
    };
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(header).collect(),
        body: body.with_config().limit(64 << 20).read_to_vec().unwrap(),
    }
}
