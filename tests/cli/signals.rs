//! Ctrl-C and SIGTERM, wherever a command may be: it ends with 130 within two seconds, its files are whole, and no temporary
//! one is left.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use icecap::advanced::kernels::rng::{Purpose, Stream};

use crate::place::{Place, Run};

/// Time in which a command ends that was asked to.
const SOON: Duration = Duration::from_secs(2);
/// More of it where other work keeps the processors busy, as the other tests do.
const BUSY: Duration = Duration::from_secs(3);

const SIGNALS: [&str; 2] = ["INT", "TERM"];

/// Sends a signal; nothing to a process that has ended.
fn send(signal: &str, child: &Child) {
    let mut kill = Command::new("kill");
    kill.args([&format!("-{signal}"), &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
}

/// Whether a process catches SIGINT; `true` where the system does not tell.
fn listens(child: &Child) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{}/status", child.id())) else { return true };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 2 != 0
}

/// Waits until the process listens; whether it is still there.
fn waits_for_signals(child: &mut Child) -> bool {
    while !listens(child) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.try_wait().unwrap().is_none()
}

/// How a process ends, and after how long; one that does not is killed.
fn ends(mut child: Child) -> (Option<i32>, Duration) {
    let asked = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if asked.elapsed() > SOON + BUSY => {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    (status.code(), asked.elapsed())
}

/// The temporary files in and below `folder`.
fn parts(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(parts(&entry.path())),
            false => found.push(entry.path().to_string_lossy().into_owned()),
        }
    }
    found.retain(|path| path.ends_with(".part"));
    found
}

fn piped(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn fifo(place: &Place, name: &str) {
    assert!(Command::new("mkfifo").arg(place.path(name)).status().unwrap().success());
}

#[test]
fn a_command_that_waits_for_somebody_is_ended() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    for name in ["list", "list.csv", "names.txt", "fifo.safetensors"] {
        fifo(&place, name);
    }
    let model = "run/model.safetensors";
    // Those at the beginning wait for as long as it takes; the others may as well refuse what is no file.
    let waiting = 3;
    let cases: [&[&str]; 12] = [
        &["predict", model, "-"],
        &["predict", model, "--files-from", "-"],
        &["predict", model, "--files-from", "list"],
        &["train", "list.csv", "--out", "other"],
        &["check", "list.csv"],
        &["evaluate", model, "list.csv"],
        &["extract", "photos", "-o", "f.safetensors", "--exclude", "list"],
        &["train", "photos", "--out", "other", "--class-order", "@names.txt"],
        &["weights", "import", model, "--classes", "@names.txt", "-o", "imported"],
        &["weights", "inspect", "fifo.safetensors"],
        &["predict", "fifo.safetensors", "photos"],
        &["similar", "fifo.safetensors", "--in", "photos"],
    ];
    for (number, words) in cases.iter().enumerate() {
        for signal in SIGNALS {
            let mut child = piped(&place, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut there = waits_for_signals(&mut child);
            std::thread::sleep(Duration::from_millis(150));
            there &= child.try_wait().unwrap().is_none();
            assert!(there || number >= waiting, "{words:?} does not wait");
            if there {
                send(signal, &child);
            }
            // What it waits on stays open.
            let input = child.stdin.take();
            let (code, took) = ends(child);
            drop(input);
            // One that does not wait may have been about to refuse.
            let refuses = number >= waiting && matches!(code, Some(2..=5));
            let expected = if there { code == Some(130) || refuses } else { refuses };
            assert!(expected && took < BUSY, "{words:?}, {signal}: {code:?} after {took:?}");
        }
    }
}

#[test]
fn a_command_whose_output_nobody_reads_is_ended() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    // A row and a warning each.
    let list: String = (0..20_000).map(|number| format!("{number}.jpg\n")).collect();
    fs::write(place.path("list"), list).unwrap();
    for signal in SIGNALS {
        let words = ["predict", "run/model.safetensors", "--files-from", "list"];
        let mut child = piped(&place, &words).spawn().unwrap();
        assert!(waits_for_signals(&mut child));
        // By then the pipes are full.
        std::thread::sleep(Duration::from_millis(500));
        assert!(child.try_wait().unwrap().is_none());
        send(signal, &child);
        let pipes = (child.stdout.take(), child.stderr.take());
        let (code, took) = ends(child);
        drop(pipes);
        assert!(code == Some(130) && took < BUSY, "{signal}: {code:?} after {took:?}");
    }
}

#[test]
fn the_second_signal_ends_at_once_and_one_that_nohup_holds_off_does_nothing() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let words = ["predict", "run/model.safetensors", "-"];
    let mut child = piped(&place, &words).spawn().unwrap();
    assert!(waits_for_signals(&mut child));
    send("INT", &child);
    std::thread::sleep(Duration::from_millis(100));
    send("TERM", &child);
    let input = child.stdin.take();
    let (code, took) = ends(child);
    drop(input);
    // Before the first signal would end it.
    assert!(code == Some(130) && took < Duration::from_millis(1200), "{code:?} after {took:?}");

    if cfg!(target_os = "linux") {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_icecap")]).args(words);
        shell.current_dir(place.path("")).env("ICECAP_CACHE", place.path("cache"));
        let mut child = shell.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        assert!(waits_for_signals(&mut child));
        send("HUP", &child);
        std::thread::sleep(Duration::from_millis(2500));
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        drop(child.stdin.take());
        // Nothing came.
        assert_eq!(ends(child).0, Some(3));
    }
}

/// What each command is called with.
const COMMANDS: [&[&str]; 17] = [
    &["demo", "--out", "demo"],
    &["check", "photos"],
    &["train", "photos", "--epochs", "60", "--out", "new"],
    &["train", "photos", "--optimizer", "lbfgs", "--out", "new"],
    &["train", "photos", "--folds", "5", "--epochs", "40", "--out", "new"],
    &["train", "photos", "--unfreeze", "block_16", "--epochs", "3", "--out", "new"],
    &["train", "photos", "--try", "lr=0.1,0.01,0.001", "--epochs", "20", "--out", "new"],
    &["train", "photos", "--precision", "int8", "--out", "new"],
    &["evaluate", "run/model.safetensors", "photos"],
    &["report", "run"],
    &["compare", "run", "run2"],
    &["predict", "run/model.safetensors", "photos", "--format", "csv", "-o", "rows.csv"],
    &["predict", "run/model.safetensors", "photos", "--heatmap", "maps"],
    &["similar", "photos/red/0.png", "--in", "photos"],
    &["extract", "photos", "-o", "features.safetensors"],
    &["export", "run/model.safetensors", "--onnx", "net.onnx"],
    &["bundle", "run/model.safetensors", "-o", "program"],
];

/// Each command at a random moment, each signal: `ICECAP_TEST_INTERRUPTIONS` times, else once.
/// While several threads make files, the process ends by its second signal: nobody makes one that stays.
#[test]
fn no_file_is_made_after_the_others_were_given_up() {
    let place = Place::two_classes();
    for (number, pause) in [0, 5, 10, 20, 30, 40, 60, 80].into_iter().enumerate() {
        let mut command =
            place.command(&["extract", "photos", "-o", "f.safetensors", "--force", "--threads", "4"]);
        command.env("ICECAP_CACHE", place.path(format!("cold-{number}")));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        waits_for_signals(&mut child);
        std::thread::sleep(Duration::from_millis(pause));
        SIGNALS.iter().for_each(|signal| send(signal, &child));
        let (code, _) = ends(child);
        assert!(matches!(code, Some(0 | 130)), "{code:?}");
        assert_eq!(parts(&place.path("")), [""; 0], "{pause} ms");
    }
}

#[test]
fn every_command_hears_a_signal_at_any_moment() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    place.icecap(&["train", "photos", "--out", "run2", "--epochs", "2"]).succeeds();
    let times = std::env::var("ICECAP_TEST_INTERRUPTIONS").map_or(1, |count| count.parse().unwrap());
    let seed = u64::from(std::process::id());
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    let mut heard = 0;
    for words in COMMANDS {
        let clear = || {
            // Without the cache photos have to be read.
            for folder in ["new", "demo", "maps", "cache"] {
                let _ = fs::remove_dir_all(place.path(folder));
            }
        };
        clear();
        let started = Instant::now();
        place.icecap(words).succeeds();
        let whole = started.elapsed();
        for signal in SIGNALS.iter().cycle().take(2 * times) {
            clear();
            for output in ["rows.csv", "features.safetensors", "net.onnx", "program"] {
                let _ = fs::remove_file(place.path(output));
            }
            let mut child = piped(&place, words).spawn().unwrap();
            waits_for_signals(&mut child);
            let moment = whole.mul_f32(stream.range(0.0, 0.9));
            std::thread::sleep(moment);
            send(signal, &child);
            let asked = Instant::now();
            let output = Run::of(child.wait_with_output().unwrap());
            let took = asked.elapsed();
            let at = format!("seed {seed}: {words:?}, {signal} after {moment:?} of {whole:?}, {took:?}");
            assert!(took < SOON.max(BUSY), "{at}: {output:?}");
            assert_eq!(parts(&place.path("")), [""; 0], "{at}");
            if output.code == Some(0) {
                continue;
            }
            heard += 1;
            let line = output.fails(130);
            if words[0] == "train" && place.path("new").exists() {
                assert!(line.contains("train --resume new"), "{at}: {line}");
                place.icecap(&["train", "--resume", "new"]).succeeds();
                assert!(place.names("new").iter().all(|name| !name.contains("unfinished")), "{at}");
            }
        }
    }
    let _ = writeln!(std::io::stderr(), "seed {seed}: {heard} of {} heard", COMMANDS.len() * 2 * times);
    assert!(heard > 0, "nothing was interrupted");
}
