//! `icecap weights pull`: which bytes come, are kept, resumed, taken or refused.

use std::fs;
use std::io::Write;

use crate::file_server::own_net::{
    self, cached, fails, file, is_empty, is_whole, other_file, pinned, pull, sha256, wait_for_part,
};
use crate::file_server::{self, Server, cut, head, hold, serve};
use crate::place::Run;

const ONE: &str = "\"one\"";
/// Where connections are cut.
const CUT: usize = 700_000;

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
fn a_new_hash_is_the_servers_and_never_in_place_of_a_published_one() {
    // Whose hash is published is not asked for again.
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    pull(&place, &[]).succeeds();
    let run = pull(&place, &["--accept-new-hash"]).succeeds();
    assert!(run.stdout.contains("in the cache already"), "{run:?}");
    assert_eq!(server.asked().len(), 1);
    // And one that was damaged is fetched, not believed.
    fs::write(cached(&place, "own.safetensors"), other_file()).unwrap();
    pull(&place, &["--accept-new-hash"]).succeeds();
    is_whole(&place, &file());

    // Where none is published, a file that changed in the cache is not the new one that is meant.
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), "");
    pull(&place, &[]).succeeds();
    fs::write(cached(&place, "own.safetensors"), other_file()).unwrap();
    let run = pull(&place, &["--accept-new-hash"]).succeeds();
    assert!(run.stderr.contains("own: fetched anew: "), "{run:?}");
    is_whole(&place, &file());
    // A sound one is fetched anew too: the server's may be another by now.
    pull(&place, &["--accept-new-hash"]).succeeds();
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_part_of_another_size_than_the_manifest_s_is_never_whole() {
    // As long as the server says that the file is, and that is not what is stated.
    for lines in [format!("bytes = {}", file().len()), format!("bytes = {}\n{}", file().len(), pinned())] {
        let server = Server::of(&[file(), vec![0; 9]].concat());
        let place = own_net::place(&server.url("own.safetensors"), &lines);
        fs::create_dir_all(cached(&place, "")).unwrap();
        fs::write(cached(&place, "own.safetensors.part"), [file(), vec![0; 9]].concat()).unwrap();
        fs::write(cached(&place, "own.safetensors.from"), r#"{"validator":"\"one\"","total":null}"#).unwrap();
        fails(&pull(&place, &[]), 3, &["has 1665305 bytes, and the manifest says 1665296"]);
        is_empty(&place);
        assert_eq!(server.asked().len(), 1, "it is not asked for again");
    }
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
    for damaged in [other_file(), file()[..CUT].to_vec()] {
        fs::write(cached(&place, "own.safetensors"), damaged).unwrap();
        for arguments in [["summary", "--weights", "own"], ["weights", "verify", "own"]] {
            let run = Run::of(own_net::command(&place, &arguments).output().unwrap());
            fails(&run, 3, &["own.safetensors: its sha256 is", "the manifest says"]);
        }
    }
    let run = pull(&place, &[]).succeeds();
    assert!(run.stderr.contains("own: fetched anew: "), "{run:?}");
    is_whole(&place, &file());
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
