//! Nothing that is there is replaced by a command unless somebody says so.

use std::fs;

use crate::place::Place;

#[test]
fn a_run_is_overwritten_only_where_that_was_asked_for() {
    let place = Place::two_classes();
    let train = |options: &[&str]| place.icecap(&[&["train", "photos", "--epochs", "1"], options].concat());
    fs::write(place.path("photos/red/broken.jpg"), "no photo").unwrap();
    train(&[]).succeeds();
    fs::create_dir(place.path("icecap-run-2")).unwrap();
    // Another run is at work there.
    fs::create_dir(place.path("icecap-run-3")).unwrap();
    fs::write(place.path("icecap-run-3/.icecap-run.lock"), "").unwrap();
    train(&[]).succeeds();
    train(&[]).succeeds();
    assert_eq!(place.names("icecap-run-3"), [".icecap-run.lock"]);
    for run in ["icecap-run", "icecap-run-2", "icecap-run-4"] {
        assert!(place.path(run).join("model.safetensors").exists(), "{run}");
    }
    assert!(place.path("icecap-run/skipped.csv").exists());
    fs::remove_file(place.path("photos/red/broken.jpg")).unwrap();
    let refused = train(&["--out", "icecap-run", "--seed", "9"]);
    let line = refused.fails(5);
    assert!(line.contains("icecap-run: a run is there already") && line.ends_with("with --force"), "{line}");
    assert!(place.path("icecap-run/skipped.csv").exists());
    let again = train(&["--out", "icecap-run", "--seed", "9", "--force"]).succeeds();
    assert!(again.stderr.contains("note: replacing the run in icecap-run"), "{}", again.stderr);
    assert!(place.text("icecap-run/args.toml").contains("seed = 9"));
    // What the earlier run skipped is no matter of this one.
    assert!(!place.path("icecap-run/skipped.csv").exists());
}

#[test]
fn a_folder_that_another_run_is_filling_is_left_to_it() {
    let place = Place::two_classes();
    fs::create_dir(place.path("run")).unwrap();
    let mark = place.path("run/.icecap-run.lock");
    let train = |options: &[&str]| {
        place.icecap(&[&["train", "photos", "--epochs", "1", "--out", "run"], options].concat())
    };
    fs::write(&mark, "4242").unwrap();
    let held = fs::File::open(&mark).unwrap();
    held.lock().unwrap();
    for options in [&[][..], &["--force"]] {
        let refused = train(options);
        let line = refused.fails(5);
        assert!(line.contains("another run (process 4242) is filling this folder"), "{line}");
    }
    assert_eq!(
        (place.names("run"), place.text("run/.icecap-run.lock")),
        (vec![".icecap-run.lock".into()], "4242".into())
    );
    // Its process is gone, and the lock with it.
    drop(held);
    train(&[]).succeeds();
    assert!(!mark.exists());
    // Several at once: each is right, or says why not; none is a mixture.
    let runs: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..4)
            .map(|seed| {
                let train = &train;
                scope.spawn(move || (seed, train(&["--force", "--seed", &seed.to_string()]).code))
            })
            .collect();
        started.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(runs.iter().all(|(_, code)| [Some(0), Some(5)].contains(code)), "{runs:?}");
    assert!(runs.iter().any(|(_, code)| *code == Some(0)), "{runs:?}");
    #[cfg(unix)]
    {
        fs::write(place.path("thesis"), "years").unwrap();
        std::os::unix::fs::symlink(place.path("thesis"), &mark).unwrap();
        let refused = train(&["--force"]);
        let line = refused.fails(5);
        assert!(line.contains(".icecap-run.lock") && line.contains("remove it"), "{line}");
        assert_eq!(place.text("thesis"), "years");
    }
}

/// Every command that writes, with what it writes to behind `-o` or an option of its own.
const WRITERS: [(&[&str], &str); 18] = [
    (&["export", MODEL, "--onnx"], "mine.onnx"),
    (&["export", MODEL, "--onnx-u8"], "mine.onnx"),
    (&["export", MODEL, "--tflite"], "mine.tflite"),
    (&["export", MODEL, "--tflite", "x.tflite", "--labels"], "mine.txt"),
    (&["export", MODEL, "--backbone"], "mine.safetensors"),
    (&["export", MODEL, "--safetensors-keras"], "mine.safetensors"),
    (&["export", MODEL, "--safetensors-torchvision"], "mine.safetensors"),
    (&["bundle", MODEL, "-o"], "mine"),
    (&["extract", "photos", "-o"], "mine.safetensors"),
    (&["predict", MODEL, "photos", "-o"], "mine.csv"),
    (&["report", "run", "-o"], "mine.html"),
    (&["weights", "import", "starter", "-o"], "mine.safetensors"),
    (&["bench", "layers", "--size", "32", "--seconds", "0.001", "--csv"], "mine.csv"),
    (&["bench", "roofline", "--csv"], "mine.csv"),
    (&["train", "photos", "--epochs", "1", "--out"], "run/model.safetensors"),
    (&["train", "photos", "--epochs", "1", "--out"], "halfway/unfinished.toml"),
    (&["man", "-o"], "pages/icecap.1"),
    (&["predict", MODEL, "photos", "--heatmap"], "heat/mine.png"),
];

const MODEL: &str = "model.safetensors";

#[test]
fn every_command_leaves_what_is_there_unless_it_is_forced() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    fs::copy(place.path("run/model.safetensors"), place.path(MODEL)).unwrap();
    for (words, file) in WRITERS {
        let mine = place.path(file);
        fs::create_dir_all(mine.parent().unwrap()).unwrap();
        let kept = if file.starts_with("run/") { fs::read(&mine).unwrap() } else { b"mine".to_vec() };
        fs::write(&mine, &kept).unwrap();
        // Those that fill a folder are given the folder.
        let target = file.split_once('/').map_or(file, |(folder, _)| folder);
        let words = [words, &[target][..]].concat();
        let refused = place.icecap(&words);
        let line = refused.fails(5);
        assert!(line.contains(target) && line.ends_with("with --force"), "{words:?}: {line}");
        assert_eq!(fs::read(&mine).unwrap(), kept, "{words:?}");
        let before = place.names(".");
        place.icecap(&[&words[..], &["--force"]].concat()).succeeds();
        if !file.starts_with("heat/") && !file.starts_with("halfway/") && !file.starts_with("run/") {
            assert_ne!(fs::read(&mine).unwrap(), kept, "{words:?}");
            fs::remove_file(&mine).unwrap();
        }
        // No temporary file is left beside it.
        assert!(
            place.names(".").iter().all(|name| before.contains(name) || !name.starts_with('.')),
            "{words:?}"
        );
    }
    // An interrupted run is told as what it is.
    fs::create_dir(place.path("stopped")).unwrap();
    fs::write(place.path("stopped/unfinished.toml"), "").unwrap();
    let refused = place.icecap(&["train", "photos", "--out", "stopped"]);
    assert!(refused.fails(5).contains("a run was interrupted there (unfinished.toml)"), "{}", refused.stderr);
    assert!(refused.stderr.contains("go on with that one with --resume"), "{}", refused.stderr);
    // The page of a run is the run's own, and made again without a word.
    place.icecap(&["report", "run"]).succeeds();
    place.icecap(&["report", "run"]).succeeds();
}
