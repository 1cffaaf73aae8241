//! A server's life: models that are replaced, clients that leave, queues that fill, the end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::place::Place;
use crate::served::Served;

/// A PNG of one color that takes a moment to decode.
fn large_photo() -> Vec<u8> {
    let image = image::RgbImage::from_pixel(6000, 4000, image::Rgb([200, 30, 30]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[cfg(unix)]
#[test]
fn a_model_that_is_replaced_is_taken_up_and_a_bad_one_is_not() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--no-report"]).succeeds();
    place.icecap(&["train", "photos", "--out", "other", "--no-report", "--seed", "7"]).succeeds();
    let served = Served::at(place, &["run/model.safetensors", "b=other/model.safetensors"]);
    let photo = served.photo("red/1.jpg");
    let (first, second) =
        (served.post("/predict", &photo).json(), served.post("/predict?model=b", &photo).json());
    assert_ne!(first, second);
    let put = |bytes: &[u8]| {
        std::fs::write(served.place.path("run/new"), bytes).unwrap();
        std::fs::rename(served.place.path("run/new"), served.place.path("run/model.safetensors")).unwrap();
        served.signal("-HUP");
    };
    let old = std::fs::read(served.place.path("run/model.safetensors")).unwrap();
    put(&old[..old.len() / 2]);
    served.logs("the model before goes on");
    assert_eq!(served.post("/predict", &photo).json(), first);
    put(&std::fs::read(served.place.path("other/model.safetensors")).unwrap());
    served.logs("its new file serves");
    assert_eq!(served.post("/predict", &photo).json(), second);
    assert_eq!(served.post("/predict?model=b", &photo).json(), second);
    let metrics = served.get("/metrics");
    assert!(
        metrics.text().contains("icecap_reloads_total{model=\"run\",outcome=\"replaced\"} 1"),
        "{}",
        metrics.text()
    );
}

/// Models on one backbone take little more memory than one of them.
#[cfg(target_os = "linux")]
#[test]
fn models_of_one_backbone_share_it() {
    let place = Place::two_classes();
    for run in ["a", "b", "c", "d", "e", "f"] {
        place
            .icecap(&["train", "photos", "--out", run, "--no-report", "--seed", &run.len().to_string()])
            .succeeds();
    }
    let file = |run: &str| format!("{run}/model.safetensors");
    let threads = |models: &[String]| {
        let models: Vec<&str> = models.iter().map(String::as_str).collect();
        let served = Served::at(Place::two_classes(), &[&models[..], &["--threads", "3"]].concat());
        served.get("/metrics");
        served.threads()
    };
    let whole = |run: &str| place.path(file(run)).display().to_string();
    // Threads tell it: each backbone has its own.
    assert_eq!(threads(&[whole("a")]), threads(&["a", "b", "c", "d", "e", "f"].map(whole)));
}

/// Whoever comes above the queue is told to come again; whoever leaves frees its place.
#[test]
fn a_full_queue_says_so_and_clients_that_leave_free_it() {
    let served = Served::new(&["--threads", "1", "--max-queue", "1"]);
    let large = request(&large_photo());
    let busy = || {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.write_all(&large).unwrap();
        stream
    };
    let mut waiting: Vec<TcpStream> = Vec::new();
    let photo = served.photo("red/1.jpg");
    let mut full = 0;
    for _ in 0..50 {
        // One that is worked on, one that waits, and one in case the first is done already.
        waiting.extend((0..3).map(|_| busy()));
        let answer = served.post("/predict", &photo);
        if answer.status == 503 {
            answer.refuses(503, "wait already");
            full += 1;
            break;
        }
    }
    assert!(full > 0);
    for stream in waiting.drain(..) {
        stream.shutdown(Shutdown::Both).unwrap();
    }
    // Only what is begun is still to be done.
    let mut answered = false;
    for _ in 0..100 {
        answered = served.post("/predict", &photo).status == 200;
        if answered {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(answered);
    served.logs("the client left");
}

#[cfg(unix)]
#[test]
fn at_its_end_what_was_asked_is_answered() {
    for signal in ["-TERM", "-INT"] {
        let mut served = Served::new(&["--threads", "1"]);
        let large = request(&large_photo());
        let mut streams: Vec<TcpStream> = (0..3)
            .map(|_| {
                let mut stream = TcpStream::connect(served.address).unwrap();
                stream.write_all(&large).unwrap();
                stream
            })
            .collect();
        // All of them are in.
        while !served.get("/metrics").text().contains("icecap_phase_seconds_count{phase=\"body\"} 3") {
            std::thread::sleep(Duration::from_millis(5));
        }
        served.signal(signal);
        for stream in &mut streams {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        }
        assert!(served.ended().success());
        assert!(TcpStream::connect(served.address).is_err());
    }
}

/// Photos of one request do not keep those of another waiting, and many clients at once have the bits of one alone.
#[test]
fn many_clients_at_once_have_the_answers_of_one_alone() {
    let served = Served::new(&["--threads", "2", "--log", "none"]);
    let names: Vec<String> =
        [1, 3, 5, 7, 9].into_iter().flat_map(|n| [format!("red/{n}.jpg"), format!("blue/{n}.jpg")]).collect();
    let alone: Vec<(Vec<u8>, serde_json::Value)> = names
        .iter()
        .map(|name| {
            let photo = served.photo(name);
            let row = served.post("/predict?all=1", &photo).json();
            (photo, row)
        })
        .collect();
    let (wrong, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (served, alone, wrong, stop) = (&served, &alone, &wrong, &stop);
            scope.spawn(move || {
                for round in 0..30 {
                    let (photo, row) = &alone[(client + round) % alone.len()];
                    let answer = served.post("/predict?all=1", photo);
                    if answer.status != 200 || answer.json() != *row {
                        wrong.fetch_add(1, Ordering::Relaxed);
                    }
                }
                stop.store(true, Ordering::Relaxed);
            });
        }
        let files: Vec<(&str, Vec<u8>)> =
            alone.iter().cycle().take(40).map(|(photo, _)| ("f", photo.clone())).collect();
        while !stop.load(Ordering::Relaxed) {
            let rows = served.post_form("/predict?all=1", "*/*", &files).json();
            for (row, (_, expected)) in rows.as_array().unwrap().iter().zip(alone.iter().cycle()) {
                wrong.fetch_add(
                    usize::from(row["probabilities"] != expected[0]["probabilities"]),
                    Ordering::Relaxed,
                );
            }
        }
    });
    assert_eq!(wrong.into_inner(), 0);
}

/// What has come before the end is answered, whether it was read by then or not.
#[cfg(unix)]
#[test]
fn requests_that_lie_in_a_socket_at_the_end_are_answered() {
    let mut served = Served::new(&[]);
    let open: Vec<TcpStream> = (0..10).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    served.get("/v2/health/live");
    served.signal("-STOP");
    let late = (0..20).map(|_| TcpStream::connect(served.address).unwrap());
    let mut streams: Vec<TcpStream> = open.into_iter().chain(late).collect();
    let photo = request(&served.photo("red/1.jpg"));
    for stream in &mut streams {
        stream.write_all(&photo).unwrap();
    }
    served.signal("-TERM");
    served.signal("-CONT");
    for (client, stream) in streams.iter_mut().enumerate() {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "client {client}: {answer}");
    }
    assert!(served.ended().success());
}

/// A reader of the log that reads no further keeps neither requests nor the end.
#[cfg(unix)]
#[test]
fn a_log_that_nobody_reads_keeps_nobody() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--no-report"]).succeeds();
    let mut command = place.command(&["serve", "run/model.safetensors", "--listen", "127.0.0.1:0"]);
    let mut server = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = std::io::BufReader::new(server.stderr.take().unwrap());
    let mut first = String::new();
    std::io::BufRead::read_line(&mut log, &mut first).unwrap();
    let address = first.trim().split_once("http://").unwrap().1.to_owned();
    let asked = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200));
    let mut stream = TcpStream::connect(address).unwrap();
    // Far more lines than a pipe holds.
    for _ in 0..3000 {
        stream.write_all(asked.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        assert!(stream.read(&mut answer).unwrap() > 0);
    }
    drop(stream);
    let begun = std::time::Instant::now();
    assert!(std::process::Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    while server.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(12) {
            server.kill().unwrap();
            panic!("it runs on");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.wait().unwrap().success());
}
