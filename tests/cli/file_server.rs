//! A file server that does what a test tells it: answers from a script, remembers what it was asked, acts as a proxy.

pub(crate) mod own_net;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was asked for: method, path, headers with names in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    /// Where the range begins that is asked for.
    pub(crate) fn from(&self) -> Option<usize> {
        let range = self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?;
        Some(range.parse().unwrap())
    }
}

/// Listens on a port of its own until the test's process ends.
pub(crate) struct Server {
    port: u16,
    log: Arc<Mutex<Vec<Request>>>,
}

/// Answers the request with this number, counted from 0, on its connection, which is closed after it.
pub(crate) trait Script: Fn(usize, &Request, &mut TcpStream) + Send + Sync + 'static {}
impl<F: Fn(usize, &Request, &mut TcpStream) + Send + Sync + 'static> Script for F {}

impl Server {
    pub(crate) fn new(script: impl Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (script, seen) = (Arc::new(script), log.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, seen) = (script.clone(), seen.clone());
                std::thread::spawn(move || talk(stream, &*script, &seen));
            }
        });
        Self { port, log }
    }

    /// Serves `file` as an ordinary server does.
    pub(crate) fn of(file: &[u8]) -> Self {
        let file = file.to_vec();
        Self::new(move |_, request, stream| serve(request, stream, &file, "\"one\""))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}

fn talk(mut stream: TcpStream, script: &dyn Script, seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.iter().filter(|request| request.method != "CONNECT").count().saturating_sub(1)
        };
        if request.method != "CONNECT" {
            script(number, &request, &mut stream);
            return;
        }
        // As a proxy does; what comes next is for the host that it names, and is answered here all the same.
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Some(Request { method, path, headers })
}

/// Sends a head: a status line and lines of headers.
pub(crate) fn head(stream: &mut TcpStream, status: &str, headers: &[&str]) {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    // Whoever was to read it may be gone; that is what some tests are about.
    let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
}

/// Sends a status without a body.
pub(crate) fn status(stream: &mut TcpStream, status: &str) {
    head(stream, status, &["Content-Length: 0"]);
}

/// Sends the file, or the range that is asked for where `If-Range` allows that.
pub(crate) fn serve(request: &Request, stream: &mut TcpStream, file: &[u8], etag: &str) {
    let etag_line = format!("ETag: {etag}");
    let same = request.headers.get("if-range").is_none_or(|validator| validator == etag);
    match request.from().filter(|_| same) {
        Some(from) if from >= file.len() => {
            let range = format!("Content-Range: bytes */{}", file.len());
            head(stream, "416 Range Not Satisfiable", &[&range, "Content-Length: 0"]);
        }
        Some(from) => {
            let range = format!("Content-Range: bytes {from}-{}/{}", file.len() - 1, file.len());
            let length = format!("Content-Length: {}", file.len() - from);
            head(stream, "206 Partial Content", &[&range, &length, &etag_line]);
            let _ = stream.write_all(&file[from..]);
        }
        None => {
            head(stream, "200 OK", &[&format!("Content-Length: {}", file.len()), &etag_line]);
            let _ = stream.write_all(file);
        }
    }
}

/// Promises the whole file and sends only its beginning.
pub(crate) fn cut(stream: &mut TcpStream, file: &[u8], at: usize, etag: &str) {
    let length = format!("Content-Length: {}", file.len());
    head(stream, "200 OK", &[&length, &format!("ETag: {etag}")]);
    let _ = stream.write_all(&file[..at]);
    let _ = stream.flush();
}

/// Keeps the connection, and says nothing.
pub(crate) fn hold() {
    std::thread::sleep(Duration::from_secs(60));
}
