//! What stands between the browser and the server: it passes requests on, and puts a probe into the page.
//!
//! The page's policy lets in no script but those of its own address, and nobody may frame it. So the probe is a file beside the
//! page, which the gate serves, and of the policy only the word on frames is changed: what the page does is done under the
//! policy that people's browsers see. What the probe finds it sends to `/told`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

const PROBE: &str = include_str!("probe.js");
/// Behind this, the probe: before everything of the page that can go wrong.
const HEAD: &str = "<meta charset=\"utf-8\">";

/// A gate before a server, open until the test's process ends.
pub(crate) struct Gate {
    address: SocketAddr,
    told: Receiver<Value>,
    ways: Arc<Ways>,
}

/// What the gate's connections share.
struct Ways {
    server: SocketAddr,
    /// The folder of the files that the probe makes photos of.
    photos: PathBuf,
    /// Predictions that are still refused, as by a full server.
    full: AtomicUsize,
    /// Predictions on their way, and the most that were so at once.
    asked: AtomicUsize,
    most_asked: AtomicUsize,
    told: Mutex<Sender<Value>>,
}

/// A request: its first line, headers as they came, body.
struct Request {
    method: String,
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Gate {
    /// A gate before `server` that refuses the first `full` predictions; the probe drops files of `photos`.
    pub(crate) fn new(server: SocketAddr, photos: PathBuf, full: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, told) = channel();
        let ways = Arc::new(Ways {
            server,
            photos,
            full: AtomicUsize::new(full),
            asked: AtomicUsize::new(0),
            most_asked: AtomicUsize::new(0),
            told: Mutex::new(sender),
        });
        let shared = ways.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let ways = shared.clone();
                // A browser that goes away in the middle is no failure of the page.
                std::thread::spawn(move || ways.talk(stream));
            }
        });
        Self { address, told, ways }
    }

    /// The page, where the probe does what `scenario` says.
    pub(crate) fn page(&self, scenario: &str) -> String {
        format!("http://{}/#{scenario}", self.address)
    }

    /// The page in a frame of `width` pixels: a window cannot be as narrow as a phone.
    pub(crate) fn framed(&self, scenario: &str, width: u32) -> String {
        format!("http://{}/frame/{width}#{scenario}", self.address)
    }

    /// What the probe has told; `None` if it does not within `patience`.
    pub(crate) fn told(&self, patience: Duration) -> Option<Value> {
        self.told.recv_timeout(patience).ok()
    }

    /// The most predictions that the page asked for at once.
    pub(crate) fn most_asked(&self) -> usize {
        self.ways.most_asked.load(Ordering::SeqCst)
    }
}

impl Ways {
    fn talk(&self, mut stream: TcpStream) {
        let Some(request) = Request::read(&stream) else { return };
        let path = request.path.split('?').next().unwrap();
        let answer = match (request.method.as_str(), path) {
            ("GET", "/") => with_probe(&self.pass(&request)),
            ("GET", "/probe.js") => ok("text/javascript", PROBE.as_bytes()),
            ("GET", path) if path.starts_with("/frame/") => ok("text/html", frame(&path[7..]).as_bytes()),
            ("GET", path) if path.starts_with("/photos/") => {
                ok("application/octet-stream", &fs::read(self.photos.join(&path[8..])).unwrap())
            }
            ("POST", "/told") => {
                self.told.lock().unwrap().send(serde_json::from_slice(&request.body).unwrap()).unwrap();
                ok("text/plain", b"")
            }
            ("POST", "/predict") => self.predict(&request),
            _ => self.pass(&request),
        };
        let _ = stream.write_all(&answer);
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn predict(&self, request: &Request) -> Vec<u8> {
        let less = |left: usize| left.checked_sub(1);
        if self.full.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            let body = "{\"error\": \"the queue is full\"}";
            return answer("503 Service Unavailable", "application/json\r\nretry-after: 1", body.as_bytes());
        }
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_asked.fetch_max(asked, Ordering::SeqCst);
        let answer = self.pass(request);
        self.asked.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    /// What the server answers, to its last byte.
    fn pass(&self, request: &Request) -> Vec<u8> {
        let mut server = TcpStream::connect(self.server).unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        for header in &request.headers {
            let name = header.split(':').next().unwrap().to_ascii_lowercase();
            // The connection is another one; and a compressed page could not be written into.
            if !["host", "connection", "accept-encoding", "origin", "referer"].contains(&name.as_str()) {
                head += &format!("{header}\r\n");
            }
        }
        head += &format!("host: {}\r\nconnection: close\r\n\r\n", self.server);
        server.write_all(&[head.as_bytes(), &request.body].concat()).unwrap();
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).unwrap();
        answer
    }
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        // A browser opens connections that it may need, and closes them unused.
        let mut words = lines.first()?.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let headers = lines.split_off(1);
        let length = value(&headers, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self { method, path, headers, body })
    }
}

fn value<'a>(headers: &'a [String], name: &str) -> Option<&'a str> {
    let mut pairs = headers.iter().filter_map(|header| header.split_once(':'));
    pairs.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn ok(kind: &str, body: &[u8]) -> Vec<u8> {
    answer("200 OK", kind, body)
}

fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The page with the probe in it, under the server's own policy but for frames.
fn with_probe(page: &[u8]) -> Vec<u8> {
    let page = std::str::from_utf8(page).unwrap();
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut lines = head.split("\r\n").map(str::to_owned);
    let status = lines.next().unwrap();
    let headers: Vec<String> = lines.collect();
    let policy = value(&headers, "content-security-policy").expect("a policy of the page");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let policy = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    assert_eq!(body.matches(HEAD).count(), 1, "{body}");
    let body = body.replace(HEAD, &format!("{HEAD}<script src=\"probe.js\"></script>"));
    let kind = format!("text/html; charset=utf-8\r\ncontent-security-policy: {policy}");
    answer(&status["HTTP/1.1 ".len()..], &kind, body.as_bytes())
}

/// A page around the page; it hands the scenario on.
fn frame(width: &str) -> String {
    let width: u32 = width.parse().unwrap();
    format!(
        "<!doctype html><body style=\"margin:0\"><iframe style=\"border:0;width:{width}px;height:1600px\"></iframe>\
         <script>document.querySelector('iframe').src = '/' + location.hash;</script></body>"
    )
}
