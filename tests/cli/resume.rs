//! Ctrl-C at any moment of `train`, and going on from there: the model of a run that was broken is that of one that was
//! not, to the byte.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use icecap::advanced::kernels::rng::{Purpose, Stream};

use crate::place::{self, Place, Run};

/// Options of the runs: enough epochs that a moment can fall between two of them.
const TRAIN: [&str; 8] = ["train", "photos", "--epochs", "400", "--seed", "3", "--no-report", "--out"];
/// Time in which an interrupted run ends; where the whole run takes longer, as beside other work, so may this.
const SOON: Duration = Duration::from_secs(2);

/// How often a run is interrupted: `ICECAP_TEST_INTERRUPTIONS`, else a few times.
fn interruptions() -> u32 {
    std::env::var("ICECAP_TEST_INTERRUPTIONS").map_or(6, |count| count.parse().unwrap())
}

/// Starts the training into `run` and interrupts it after `moment`; how it ended, and how long that took.
fn interrupted(place: &Place, run: &str, moment: Duration) -> (Run, Duration) {
    interrupted_with(place, &[&TRAIN[..], &[run]].concat(), run, moment)
}

/// The same with other words that train into `run`.
fn interrupted_with(place: &Place, words: &[&str], run: &str, moment: Duration) -> (Run, Duration) {
    let mut command = place.command(words);
    // A cache of its own: photos are read anew each time.
    command.env("ICECAP_CACHE", place.path(format!("cache-{run}")));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(moment);
    let asked = Instant::now();
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(killed.success() || output.status.success(), "{output:?}");
    (Run::of(output), asked.elapsed())
}

#[test]
fn a_run_that_is_interrupted_goes_on_to_the_same_model() {
    let place = Place::two_classes();
    // Of which the split must know each time.
    fs::write(place.path("photos/red/3b.png"), "no photo").unwrap();
    let started = Instant::now();
    let unbroken = place.icecap(&[&TRAIN[..], &["unbroken"]].concat()).succeeds();
    let whole = started.elapsed();
    let model = fs::read(place.path("unbroken/model.safetensors")).unwrap();
    let mut stream = Stream::new(u64::from(std::process::id()), Purpose::Test, 0, 0);
    let (mut broken, mut between_epochs) = (0, 0);
    for number in 0..interruptions() {
        let run = format!("run-{number}");
        // Not before the process watches for signals.
        let moment = whole.mul_f32(stream.range(0.02, 0.85)).max(Duration::from_millis(20));
        let (ended, took) = interrupted(&place, &run, moment);
        let _ = writeln!(std::io::stderr(), "{run}: after {moment:?}, code {:?} within {took:?}", ended.code);
        assert!(took < SOON.max(whole), "{took:?} of {whole:?}: {ended:?}");
        if ended.code == Some(0) {
            // It was through before.
            continue;
        }
        let line = ended.fails(130).to_owned();
        // Where it was not even begun there is no folder, and nothing to go on with.
        if !place.path(&run).exists() {
            assert!(!line.contains("--resume"), "{line}");
            continue;
        }
        broken += 1;
        assert!(line.contains(&format!("train --resume {run}")), "{line}");
        let so_far = format!("{run}/model-unfinished.safetensors");
        if place.path(&so_far).exists() {
            between_epochs += 1;
            place.icecap(&["predict", &so_far, "photos/red/0.png"]).succeeds();
        }
        let resumed = place.icecap(&["train", "--resume", &run]).succeeds();
        assert!(resumed.stdout.contains("model.safetensors"), "{resumed:?}");
        let same = fs::read(place.path(format!("{run}/model.safetensors"))).unwrap() == model;
        assert!(same, "{run}, interrupted after {moment:?}, ends with another model");
        assert_eq!(place.names(&run), place.names("unbroken"), "{run}");
    }
    let _ = writeln!(std::io::stderr(), "{broken} broken, {between_epochs} of them between epochs");
    assert!(unbroken.stdout.contains("unbroken/model.safetensors"));
}

#[test]
fn a_run_that_was_killed_goes_on_with_the_photos_and_options_that_it_began_with() {
    let place = Place::two_classes();
    fs::write(place.path("photos/blue/3b.png"), "no photo").unwrap();
    place.icecap(&["train", "photos", "--out", "unbroken", "--epochs", "7", "--lr", "0.01"]).succeeds();
    // As a run leaves its folder that is killed at its first photo.
    let mut command = place.command(&["train", "photos", "--out", "killed", "--epochs", "7", "--lr", "0.01"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = place.path("killed/unfinished.toml");
    while !begun.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().unwrap();
    if !begun.exists() {
        // It was quicker than the signal: then it is complete.
        let run = place.icecap(&["train", "--resume", "killed"]);
        assert!(run.fails(5).contains("the run is complete"));
        return;
    }
    // Photos that came since belong to another run.
    place.draw("photos/red", "red", place::EACH + 3);
    place.icecap(&["train", "--resume", "killed"]).succeeds();
    assert_eq!(place.text("killed/split.csv"), place.text("unbroken/split.csv"));
    let model = |run: &str| fs::read(place.path(format!("{run}/model.safetensors"))).unwrap();
    assert!(model("killed") == model("unbroken"));
}

/// What changes nothing of the model may stand beside `--resume`, one and all together.
#[test]
fn options_that_change_no_result_are_taken_beside_resume() {
    let place = Place::two_classes();
    let train = ["train", "photos", "--epochs", "5", "--seed", "3", "--out"];
    place.icecap(&[&train[..], &["unbroken"]].concat()).succeeds();
    let model = |run: &str| fs::read(place.path(format!("{run}/model.safetensors"))).unwrap();
    let beside: [&[&str]; 7] = [
        &["-q"],
        &["--progress-json"],
        &["--json"],
        &["--threads", "1"],
        &["--no-cache"],
        &["--no-report"],
        &["-q", "--json", "--threads", "2", "--no-cache", "--no-report"],
    ];
    let mut resumed = 0;
    for (number, more) in beside.iter().enumerate() {
        let run = format!("run-{number}");
        let mut child = place.command(&[&train[..], &[&run]].concat());
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !place.path(&run).join("unfinished.toml").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().unwrap();
        if !place.path(&run).join("unfinished.toml").exists() {
            continue;
        }
        resumed += 1;
        let ended = place.icecap(&[&["train", "--resume", &run], *more].concat()).succeeds();
        assert!(model(&run) == model("unbroken"), "{more:?}");
        let has = |word: &str| more.contains(&word);
        if has("--json") {
            serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap();
        }
        assert_eq!(ended.stdout.is_empty(), has("-q") && !has("--json"), "{more:?}: {ended:?}");
        assert_eq!(place.path(&run).join("report.html").exists(), !has("--no-report"), "{more:?}");
        if has("--progress-json") {
            for line in ended.stderr.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
    }
    assert!(resumed > 0, "every run was through before it was killed");
}

#[test]
fn what_cannot_be_gone_on_with_is_told() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    fs::create_dir_all(place.path("garbage")).unwrap();
    fs::write(place.path("garbage/unfinished.toml"), "words = 3").unwrap();
    fs::create_dir_all(place.path("other")).unwrap();
    let begun = |words: &str| {
        format!(
            "version = \"0\"\nwords = {words}\ndirectory = {:?}\nclasses = [\"blue\", \"green\"]\n\
             params_sha256 = \"0\"\nisa = \"avx2\"\n",
            place.path("")
        )
    };
    fs::write(place.path("other/unfinished.toml"), begun("[\"train\", \"photos\"]")).unwrap();
    fs::create_dir_all(place.path("words")).unwrap();
    fs::write(place.path("words/unfinished.toml"), begun("[\"demo\"]")).unwrap();
    place.each_fails(&[
        (&["train", "--resume", "run"], 5, "the run is complete"),
        (&["train", "--resume", "photos"], 5, "no run was begun here"),
        (&["train", "--resume", "garbage"], 3, "begin anew"),
        (&["train", "--resume", "other"], 3, "the classes were blue, green when the run began"),
        (&["train", "--resume", "words"], 3, "no words of a training"),
    ]);
    for (more, named) in [
        (&["--epochs", "3"][..], "--epochs"),
        (&["--precision", "int8"], "--precision"),
        (&["photos"], "[DIR|ARCHIVE|CSV]"),
        (&["--strict"], "--strict"),
    ] {
        let run = place.icecap(&[&["train", "--resume", "run"], more].concat());
        assert!(run.code == Some(2) && run.stderr.contains("'--resume <RUN>'"), "{run:?}");
        assert!(run.stderr.contains(named), "{named}: {run:?}");
    }
    assert_eq!(place.icecap(&["train"]).code, Some(2));
    // Nothing of a run under way is left in one that is complete.
    assert!(place.names("run").iter().all(|name| !name.contains("unfinished")), "{:?}", place.names("run"));
}

#[test]
fn a_run_that_is_interrupted_while_it_quantizes_goes_on_to_the_same_model() {
    let place = Place::new();
    place.draw("photos/red", "red", 40);
    place.draw("photos/blue", "blue", 40);
    // Large images on one thread, so that quantizing is nearly all that there is to do.
    let train = ["train", "photos", "--precision", "int8", "--size", "512", "--threads", "1"];
    let train = [&train[..], &["--epochs", "2", "--no-report", "--out"]].concat();
    place.icecap(&[&train[..], &["unbroken"]].concat()).succeeds();
    let model = fs::read(place.path("unbroken/model.safetensors")).unwrap();
    let seconds = place.json("unbroken/metrics.json")["seconds"].clone();
    let of = |phase: &str| Duration::from_secs_f64(seconds[phase].as_f64().unwrap());
    let (before, quantizing) = (of("scan") + of("weights"), of("quantize"));
    for (number, share) in [0.1, 0.3, 0.6].into_iter().enumerate() {
        let run = format!("run-{number}");
        let words = [&train[..], &[&run]].concat();
        let (ended, took) = interrupted_with(&place, &words, &run, before + quantizing.mul_f64(share));
        let _ =
            writeln!(std::io::stderr(), "{run}: {share} of {quantizing:?}, {:?} within {took:?}", ended.code);
        assert!(took < SOON.max(quantizing), "{took:?}: {ended:?}");
        let line = ended.fails(130).to_owned();
        assert!(line.contains("interrupted; go on with `") && line.contains("train --resume"), "{line}");
        // What began the run is there, and nothing of a model.
        let names = place.names(&run);
        assert!(names.iter().all(|name| name.starts_with("unfinished")) && names.len() == 2, "{names:?}");
        place.icecap(&["train", "--resume", &run]).succeeds();
        assert!(fs::read(place.path(&run).join("model.safetensors")).unwrap() == model, "{run}");
    }
}
