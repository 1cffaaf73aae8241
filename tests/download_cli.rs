//! `icecap weights pull` against a server that does what servers and networks do.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod file_server;
mod place;

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use file_server::own_net::{
    self, cached, file, other_file, pinned, pull, pull_command, sha256, wait_for_part, wait_until,
};
use file_server::{Server, cut, head, hold, serve, status};
use place::{Place, Run};

const ONE: &str = "\"one\"";
/// Where connections are cut.
const CUT: usize = 700_000;

/// The file is there, whole, with its hash beside it and nothing else.
#[track_caller]
fn is_whole(place: &Place, expected: &[u8]) {
    let names = place.names("cache/weights/own");
    assert_eq!(names, [".lock", "own.safetensors", "own.safetensors.sha256"]);
    assert!(fs::read(cached(place, "own.safetensors")).unwrap() == expected);
    let note = fs::read_to_string(cached(place, "own.safetensors.sha256")).unwrap();
    assert_eq!(note, format!("{}  own.safetensors\n", sha256(expected)));
}

/// Nothing of a file is there.
#[track_caller]
fn is_empty(place: &Place) {
    assert_eq!(place.names("cache/weights/own"), [".lock"]);
}

#[track_caller]
fn fails(run: &Run, code: i32, texts: &[&str]) {
    let line = run.fails(code);
    for text in texts {
        assert!(line.contains(text), "'{text}' in: {line}");
    }
}

#[test]
fn a_whole_file_is_fetched_once() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    let first = pull(&place, &[]).succeeds();
    assert!(first.stdout.starts_with("own: fetched, 1.7 MB, checked: sha256, "), "{first:?}");
    is_whole(&place, &file());
    let again = pull(&place, &["--json"]).succeeds();
    let report: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    let row = &report["weights"][0];
    assert_eq!((&row["received"], &row["sha256"]), (&0.into(), &sha256(&file()).into()));
    assert_eq!(server.asked().len(), 1);
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str(), asked.from()), ("GET", "/own.safetensors", None));
    assert_eq!(asked.headers["accept-encoding"], "identity");
    pull(&place, &["--force"]).succeeds();
    assert_eq!(server.asked().len(), 2);
    is_whole(&place, &file());
}

#[test]
fn a_cut_connection_is_resumed_in_the_same_run() {
    let server = Server::new(|number, request, stream| match number {
        0 => cut(stream, &file(), CUT, ONE),
        _ => serve(request, stream, &file(), ONE),
    });
    for lines in [pinned(), String::new()] {
        let asked = server.asked().len();
        let place = own_net::place(&server.url("own.safetensors"), &lines);
        let run = pull(&place, &["--json"]).succeeds();
        is_whole(&place, &file());
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["weights"][0]["received"], file().len());
        if asked == 0 {
            let asked = server.asked();
            assert_eq!((asked.len(), asked[1].from()), (2, Some(CUT)));
            assert_eq!(asked[1].headers["if-range"], ONE);
            assert!(run.stderr.contains("again in 0.5 s"), "{run:?}");
        }
    }
}

#[test]
fn a_killed_run_is_resumed_by_the_next() {
    let server = Server::new(|number, request, stream| match number {
        0 => {
            cut(stream, &file(), CUT, ONE);
            hold();
        }
        _ => serve(request, stream, &file(), ONE),
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    let mut killed = own_net::start(&place);
    wait_for_part(&place, CUT);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!cached(&place, "own.safetensors").exists());
    let run = pull(&place, &["--json"]).succeeds();
    is_whole(&place, &file());
    assert_eq!(server.asked()[1].from(), Some(CUT));
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["weights"][0]["received"], file().len() - CUT);
    assert!(run.stderr.contains("fetching the rest of own from http://127.0.0.1"), "{run:?}");
}

#[test]
fn a_part_that_was_whole_already_is_only_checked() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    fs::create_dir_all(cached(&place, "")).unwrap();
    fs::write(cached(&place, "own.safetensors.part"), file()).unwrap();
    pull(&place, &[]).succeeds();
    is_whole(&place, &file());
    // One that is longer than the file is none.
    fs::remove_file(cached(&place, "own.safetensors")).unwrap();
    fs::write(cached(&place, "own.safetensors.part"), [file(), vec![0; 9]].concat()).unwrap();
    pull(&place, &[]).succeeds();
    is_whole(&place, &file());
    assert_eq!(
        server.asked().iter().map(|asked| asked.from().is_some()).collect::<Vec<_>>(),
        [true, true, false]
    );
}

#[test]
fn a_server_without_ranges_sends_it_from_the_start() {
    let server = Server::new(|number, _, stream| match number {
        0 => cut(stream, &file(), CUT, ONE),
        _ => {
            head(stream, "200 OK", &[&format!("Content-Length: {}", file().len())]);
            let _ = stream.write_all(&file());
        }
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    pull(&place, &[]).succeeds();
    is_whole(&place, &file());
    assert_eq!(server.asked()[1].from(), Some(CUT));
}

#[test]
fn a_file_that_changed_meanwhile_comes_from_the_start() {
    // With a validator the server tells; its old bytes are not kept.
    let server = Server::new(|number, request, stream| match number {
        0 => cut(stream, &file(), CUT, ONE),
        _ => serve(request, stream, &other_file(), "\"two\""),
    });
    let place = own_net::place(&server.url("own.safetensors"), "");
    pull(&place, &[]).succeeds();
    is_whole(&place, &other_file());
    // A server that gives none, or lies: the hash tells, and the file is fetched whole.
    let server = Server::new(|number, request, stream| match number {
        0 => cut(stream, &[vec![1; CUT], file()].concat()[..file().len()], CUT, "W/\"weak\""),
        _ => serve(request, stream, &file(), "W/\"weak\""),
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    let run = pull(&place, &[]).succeeds();
    is_whole(&place, &file());
    let from: Vec<_> = server.asked().iter().map(file_server::Request::from).collect();
    assert_eq!(from, [None, Some(CUT), None], "{run:?}");
    assert!(!server.asked()[1].headers.contains_key("if-range"));
}

#[test]
fn a_wrong_hash_leaves_nothing() {
    let wrong = sha256(&other_file());
    for (lines, expected) in [
        (format!("sha256 = \"{wrong}\""), wrong.clone()),
        (format!("sha256_prefix = \"{}\"", &wrong[..8]), format!("{}…", &wrong[..8])),
    ] {
        let server = Server::of(&file());
        let place = own_net::place(&server.url("own.safetensors"), &lines);
        let run = pull(&place, &["--accept-new-hash"]);
        fails(&run, 3, &[&server.url("own.safetensors"), &sha256(&file()), "the manifest says", &expected]);
        is_empty(&place);
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn the_start_of_a_hash_is_enough_and_the_rest_is_kept() {
    let prefix = format!("sha256_prefix = \"{}\"", &sha256(&file())[..8]);
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &prefix);
    let run = pull(&place, &[]).succeeds();
    assert!(run.stdout.contains("checked: start of sha256"), "{run:?}");
    is_whole(&place, &file());
}

#[test]
fn a_hash_seen_first_is_told_kept_and_expected() {
    let server = Server::new(|number, request, stream| match number {
        0 => serve(request, stream, &file(), ONE),
        _ => serve(request, stream, &other_file(), "\"two\""),
    });
    let place = own_net::place(&server.url("own.safetensors"), "");
    let first = pull(&place, &[]).succeeds();
    assert!(first.stderr.contains(&format!("the one seen first, sha256 {}", sha256(&file()))), "{first:?}");
    is_whole(&place, &file());
    assert!(pull(&place, &[]).succeeds().stdout.contains("checked: sha256 seen first"));
    // Whether asked anew, or because the file was deleted: another one is refused, and the first stays.
    fails(&pull(&place, &["--force"]), 3, &[&sha256(&other_file()), "seen first", "--accept-new-hash"]);
    is_whole(&place, &file());
    fs::remove_file(cached(&place, "own.safetensors")).unwrap();
    fails(&pull(&place, &[]), 3, &["--accept-new-hash"]);
    assert_eq!(place.names("cache/weights/own"), [".lock", "own.safetensors.sha256"]);
    pull(&place, &["--accept-new-hash"]).succeeds();
    is_whole(&place, &other_file());
}

#[test]
fn a_login_page_is_no_file_of_weights() {
    let server = Server::of(b"<html>Welcome to our network</html>");
    let place = own_net::place(&server.url("own.safetensors"), "");
    fails(&pull(&place, &[]), 3, &["no file of weights that opens here"]);
    is_empty(&place);
}

#[test]
fn a_damaged_file_in_the_cache_is_fetched_anew() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    pull(&place, &[]).succeeds();
    fs::write(cached(&place, "own.safetensors"), other_file()).unwrap();
    let run = Run::of(own_net::command(&place, &["summary", "--weights", "own"]).output().unwrap());
    fails(&run, 3, &["own.safetensors: its sha256 is", "the manifest says"]);
    let run = pull(&place, &[]).succeeds();
    assert!(run.stderr.contains("own: fetched anew: "), "{run:?}");
    is_whole(&place, &file());
}

#[test]
fn redirects_are_followed_with_their_range_and_not_for_ever() {
    let server = Server::new(|_, request, stream| match request.path.as_str() {
        "/own.safetensors" => head(stream, "302 Found", &["Location: /moved", "Content-Length: 0"]),
        "/moved" => head(stream, "307 Temporary Redirect", &["Location: real", "Content-Length: 0"]),
        "/real" if request.from().is_none() => cut(stream, &file(), CUT, ONE),
        "/real" => serve(request, stream, &file(), ONE),
        _ => head(stream, "302 Found", &[&format!("Location: {}x", request.path), "Content-Length: 0"]),
    });
    let place = own_net::place(&server.url("own.safetensors"), "");
    pull(&place, &[]).succeeds();
    is_whole(&place, &file());
    let asked: Vec<_> = server.asked().iter().map(|asked| (asked.path.clone(), asked.from())).collect();
    let paths = ["/own.safetensors", "/moved", "/real"].map(str::to_owned);
    assert_eq!(asked, [paths.clone().map(|path| (path, None)), paths.map(|path| (path, Some(CUT)))].concat());

    let place = own_net::place(&server.url("loop/own.safetensors"), "");
    fails(&pull(&place, &[]), 5, &["redirects that do not end", "loop/own.safetensors"]);
    is_empty(&place);
}

#[test]
fn refusals_say_what_and_where_to_put_the_file() {
    for (line, named) in [
        ("404 Not Found", "the file is not there (status 404)"),
        ("403 Forbidden", "the server refuses it (status 403)"),
        ("204 No Content", "the server gives no file (status 204)"),
    ] {
        let server = Server::new(move |_, _, stream| status(stream, line));
        let place = own_net::place(&server.url("own.safetensors"), &pinned());
        let target = cached(&place, "own.safetensors");
        fails(&pull(&place, &[]), 5, &[&server.url("own.safetensors"), named, target.to_str().unwrap()]);
        assert_eq!(server.asked().len(), 1, "{line}");
        is_empty(&place);
    }
}

#[test]
fn a_server_with_a_trouble_is_asked_again_a_few_times() {
    let server = Server::new(|number, request, stream| match number {
        0 => status(stream, "500 Internal Server Error"),
        _ => serve(request, stream, &file(), ONE),
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    let run = pull(&place, &[]).succeeds();
    assert!(run.stderr.contains("(status 500); again in 0.5 s"), "{run:?}");
    is_whole(&place, &file());

    let server = Server::new(|_, _, stream| status(stream, "503 Service Unavailable"));
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    fails(&pull(&place, &[]), 5, &["status 503"]);
    assert_eq!(server.asked().len(), 2);
    is_empty(&place);
}

#[test]
fn a_slow_server_has_its_time_and_a_silent_one_has_not() {
    let server = Server::new(|_, _, stream| {
        head(stream, "200 OK", &[&format!("Content-Length: {}", file().len())]);
        for piece in file().chunks(file().len() / 6) {
            let _ = stream.write_all(piece).and_then(|()| stream.flush());
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    let start = Instant::now();
    pull(&place, &[]).succeeds();
    // Longer in all than a server may be silent.
    assert!(start.elapsed() > Duration::from_millis(1000));
    is_whole(&place, &file());

    for silent_at in [Some(CUT), None] {
        let server = Server::new(move |_, request, stream| {
            match silent_at.filter(|_| request.from().is_none()) {
                Some(at) => cut(stream, &file(), at, ONE),
                None => {}
            }
            hold();
        });
        let place = own_net::place(&server.url("own.safetensors"), &pinned());
        let start = Instant::now();
        fails(&pull(&place, &[]), 5, &["nothing came for 0.6 s", "own.safetensors"]);
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        assert_eq!(server.asked().len(), 2);
        // What has come is kept for another day.
        let part = fs::metadata(cached(&place, "own.safetensors.part"));
        assert_eq!(part.ok().map(|part| part.len() as usize), silent_at);
    }
}

#[test]
fn sizes_that_cannot_be_are_refused_before_and_while_they_come() {
    let place_of = |server: &Server, bytes: u64| {
        own_net::place(&server.url("own.safetensors"), &format!("bytes = {bytes}"))
    };
    // Another size than the manifest's, told by the head.
    let server = Server::of(&file());
    let place = place_of(&server, 1_665_297);
    fails(&pull(&place, &[]), 3, &["has 1665296 bytes, and the manifest says 1665297"]);
    is_empty(&place);
    // More than any file of weights has.
    let server = Server::new(|_, _, stream| head(stream, "200 OK", &["Content-Length: 1073741825"]));
    let place = own_net::place(&server.url("own.safetensors"), "");
    fails(&pull(&place, &[]), 4, &["1073741825 bytes, above the limit of 1073741824"]);
    is_empty(&place);
    // No size told, and more comes than the manifest says.
    let server = Server::new(|_, _, stream| {
        head(stream, "200 OK", &[]);
        let _ = stream.write_all(&[file(), file()].concat());
    });
    let place = place_of(&server, file().len() as u64);
    fails(&pull(&place, &[]), 4, &["above the limit of 1665296"]);
    is_empty(&place);
    // Fewer bytes than the head has promised, again and again.
    let server = Server::new(|_, _, stream| {
        head(stream, "200 OK", &[&format!("Content-Length: {}", file().len() + 5)]);
        let _ = stream.write_all(&file());
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    fails(&pull(&place, &[]), 5, &["after 1665296 bytes"]);
    // More than it has promised: the rest is not looked at.
    let server = Server::new(|_, _, stream| {
        head(stream, "200 OK", &[&format!("Content-Length: {}", file().len())]);
        let _ = stream.write_all(&[file(), vec![7; 1000]].concat());
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    pull(&place, &[]).succeeds();
    is_whole(&place, &file());
}

#[test]
fn an_answer_that_is_no_http_is_an_error() {
    let server = Server::new(|_, _, stream| {
        let _ = stream.write_all(b"220 smtp.example ESMTP\r\n");
    });
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    fails(&pull(&place, &[]), 5, &["own.safetensors"]);
    is_empty(&place);
}

#[test]
fn of_two_at_once_one_fetches_and_the_other_finds_it() {
    let server = Server::new(|_, request, stream| {
        std::thread::sleep(Duration::from_millis(600));
        serve(request, stream, &file(), ONE);
    });
    let place = own_net::place(&server.url("own.safetensors"), "");
    let two = [own_net::start(&place), own_net::start(&place)];
    let runs = two.map(|child| Run::of(child.wait_with_output().unwrap()).succeeds());
    assert_eq!(server.asked().len(), 1);
    assert_eq!(runs.iter().filter(|run| run.stderr.contains("waiting, another process")).count(), 1);
    assert_eq!(runs.iter().filter(|run| run.stdout.contains("in the cache already")).count(), 1);
    is_whole(&place, &file());
}

#[test]
fn who_waits_takes_over_from_one_that_dies() {
    let server = Server::new(|number, request, stream| match number {
        0 => {
            cut(stream, &file(), CUT, ONE);
            hold();
        }
        _ => serve(request, stream, &file(), ONE),
    });
    let place = own_net::place(&server.url("own.safetensors"), "");
    let mut first = own_net::start(&place);
    wait_for_part(&place, CUT);
    let second = own_net::start(&place);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.asked().len(), 1, "the second waits");
    first.kill().unwrap();
    first.wait().unwrap();
    let run = Run::of(second.wait_with_output().unwrap()).succeeds();
    assert!(run.stderr.contains("waiting, another process"), "{run:?}");
    assert_eq!(server.asked()[1].from(), Some(CUT));
    is_whole(&place, &file());
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_keeps_what_has_come() {
    for sends in [Some(CUT), None] {
        let server = Server::new(move |_, _, stream| {
            if let Some(sends) = sends {
                cut(stream, &file(), sends, ONE);
            }
            hold();
        });
        let place = own_net::place(&server.url("own.safetensors"), "");
        let child = own_net::start(&place);
        match sends {
            Some(bytes) => wait_for_part(&place, bytes),
            None => wait_until(|| !server.asked().is_empty()),
        }
        let start = Instant::now();
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let run = Run::of(child.wait_with_output().unwrap());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        fails(&run, 130, &["interrupted"]);
        let part = fs::metadata(cached(&place, "own.safetensors.part"));
        assert_eq!(part.ok().map(|part| part.len() as usize), sends);
    }
}

#[test]
fn proxies_are_taken_from_the_environment_or_the_command_line() {
    let proxy = Server::of(&file());
    let address = proxy.url("");
    let pull_with = |place: &Place, variables: &[(&str, &str)], more: &[&str]| {
        Run::of(pull_command(place, more).envs(variables.iter().copied()).output().unwrap())
    };
    let far = "http://weights.example/nets/own.safetensors";
    let elsewhere = ("HTTPS_PROXY", "http://127.0.0.1:1");
    let cases: [(&[(&str, &str)], &[&str]); 4] = [
        (&[("http_proxy", &address), ("ALL_PROXY", "http://127.0.0.1:1")], &[]),
        (&[("ALL_PROXY", &address), elsewhere], &[]),
        (&[("ALL_PROXY", "http://127.0.0.1:1")], &["--proxy", &address]),
        (&[("ALL_PROXY", &address), ("NO_PROXY", "other.example, ghts.example")], &[]),
    ];
    for (number, (variables, more)) in cases.into_iter().enumerate() {
        let place = own_net::place(far, &pinned());
        pull_with(&place, variables, more).succeeds();
        is_whole(&place, &file());
        let asked = proxy.asked();
        assert_eq!(asked.len(), 2 * (number + 1));
        let [connect, get] = &asked[2 * number..] else { unreachable!() };
        assert_eq!((connect.method.as_str(), connect.path.as_str()), ("CONNECT", "weights.example:80"));
        assert_eq!((get.method.as_str(), get.path.as_str()), ("GET", "/nets/own.safetensors"));
    }
    // Not for the hosts that NO_PROXY names.
    let near = Server::of(&file());
    let place = own_net::place(&near.url("own.safetensors"), &pinned());
    let variables = [("ALL_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", "example.org, 127.0.0.1")];
    pull_with(&place, &variables, &[]).succeeds();
    // And where the proxy is none, that is told.
    let place = own_net::place(&near.url("own.safetensors"), &pinned());
    fails(&pull_with(&place, &variables[..1], &[]), 5, &["no connection"]);
    let secret = [("ALL_PROXY", "socks5://me:secret@127.0.0.1:1")];
    let run = pull_with(&place, &secret, &[]);
    fails(&run, 2, &["only http proxies", "127.0.0.1:1"]);
    assert!(!run.stderr.contains("secret"), "{run:?}");
}

#[test]
fn a_mirror_stands_for_every_publisher() {
    let mirror = Server::of(&file());
    for (variable, more) in
        [(Some(mirror.url("nets/")), vec![]), (None, vec!["--mirror".to_owned(), mirror.url("nets")])]
    {
        let place = own_net::place("https://weights.example/a/b/own.safetensors?download=true", &pinned());
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let mut command = pull_command(&place, &more);
        Run::of(command.envs(variable.map(|value| ("ICECAP_MIRROR", value))).output().unwrap()).succeeds();
        is_whole(&place, &file());
        assert_eq!(mirror.asked().last().unwrap().path, "/nets/own.safetensors");
    }
    let place = own_net::place("https://weights.example/own.safetensors", &pinned());
    fails(
        &pull(&place, &["--mirror", "ftp://mirror.example"]),
        2,
        &["mirror 'ftp://mirror.example'", "https://"],
    );
}

#[test]
fn without_a_network_the_file_can_be_put_there_by_hand() {
    let place = own_net::place("https://weights.example/own.safetensors", "");
    let offline = |arguments: &[&str]| {
        Run::of(own_net::command(&place, arguments).env("ICECAP_OFFLINE", "1").output().unwrap())
    };
    let target = cached(&place, "own.safetensors");
    let told = ["https://weights.example/own.safetensors", "ICECAP_OFFLINE", target.to_str().unwrap()];
    fails(&offline(&["weights", "pull", "own"]), 5, &told);
    fails(&offline(&["summary", "--weights", "own"]), 5, &told);
    is_empty(&place);
    // The folder is there already.
    fs::write(&target, file()).unwrap();
    let run = offline(&["weights", "pull", "own"]).succeeds();
    assert!(run.stdout.contains("in the cache already"), "{run:?}");
    offline(&["summary", "--weights", "own"]).succeeds();
    // Nobody answers: the same advice.
    let place = own_net::place("http://127.0.0.1:1/own.safetensors", "");
    let target = cached(&place, "own.safetensors");
    fails(&pull(&place, &[]), 5, &["http://127.0.0.1:1/own.safetensors", target.to_str().unwrap()]);
    is_empty(&place);
}
