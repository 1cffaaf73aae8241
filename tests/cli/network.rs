//! `icecap weights pull` on the ways there: redirects, refusals, stalls, proxies, mirrors, other processes.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::file_server::own_net::{
    self, cached, fails, file, is_empty, is_whole, other_file, pinned, pull, pull_command, wait_for_part,
    wait_until,
};
use crate::file_server::{Server, cut, head, hold, serve, status};
use crate::place::{Place, Run};

const ONE: &str = "\"one\"";
/// Where connections are cut.
const CUT: usize = 700_000;
/// Time in which a fetch gives up, also beside other work; a silent server keeps its connections for longer.
const SOON: Duration = Duration::from_secs(20);

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
            if let Some(at) = silent_at.filter(|_| request.from().is_none()) {
                cut(stream, &file(), at, ONE);
            }
            hold();
        });
        let place = own_net::place(&server.url("own.safetensors"), &pinned());
        let start = Instant::now();
        fails(&pull(&place, &[]), 5, &["nothing came for 0.6 s", "own.safetensors"]);
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        assert_eq!(server.asked().len(), 2);
        // What has come is kept for another day.
        let part = fs::metadata(cached(&place, "own.safetensors.part"));
        assert_eq!(part.ok().map(|part| part.len() as usize), silent_at);
    }
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
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        fails(&run, 130, &["interrupted"]);
        let part = fs::metadata(cached(&place, "own.safetensors.part"));
        assert_eq!(part.ok().map(|part| part.len() as usize), sends);
    }
}

/// A variable of the environment and its value.
type Variable<'a> = (&'a str, &'a str);

#[test]
fn proxies_are_taken_from_the_environment_or_the_command_line() {
    let proxy = Server::of(&file());
    let address = proxy.url("");
    let pull_with = |place: &Place, variables: &[Variable<'_>], more: &[&str]| {
        Run::of(pull_command(place, more).envs(variables.iter().copied()).output().unwrap())
    };
    let far = "http://weights.example/nets/own.safetensors";
    let elsewhere = ("HTTPS_PROXY", "http://127.0.0.1:1");
    let cases: [(&[Variable<'_>], &[&str]); 4] = [
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
    is_whole(&place, &file());
    offline(&["summary", "--weights", "own"]).succeeds();
    // A new one put there by hand is taken where that is meant.
    fs::write(&target, other_file()).unwrap();
    fails(
        &offline(&["summary", "--weights", "own"]),
        3,
        &["the hash seen first says", "icecap weights pull own"],
    );
    fails(&offline(&["weights", "pull", "own"]), 5, &["ICECAP_OFFLINE"]);
    offline(&["weights", "pull", "own", "--accept-new-hash"]).succeeds();
    is_whole(&place, &other_file());
    offline(&["summary", "--weights", "own"]).succeeds();
    // A file of another size is another file.
    let place = own_net::place("https://weights.example/own.safetensors", "bytes = 1665297");
    fs::create_dir_all(cached(&place, "")).unwrap();
    fs::write(cached(&place, "own.safetensors"), file()).unwrap();
    let run = Run::of(own_net::command(&place, &["summary", "--weights", "own"]).output().unwrap());
    fails(&run, 3, &["has 1665296 bytes, and the manifest says 1665297"]);
    // Nobody answers: the same advice.
    let place = own_net::place("http://127.0.0.1:1/own.safetensors", "");
    let target = cached(&place, "own.safetensors");
    fails(&pull(&place, &[]), 5, &["http://127.0.0.1:1/own.safetensors", target.to_str().unwrap()]);
    is_empty(&place);
}
