//! `bundle` as a person uses it: what it writes is taken away, alone, and answers as `predict` does.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::place::{Place, Run};

/// A bundle alone in a folder, and no cache, no home, no variable that could help it.
struct Alone {
    folder: TempDir,
    program: PathBuf,
}

impl Alone {
    fn copy(place: &Place, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(name);
        fs::copy(place.path(name), &program).unwrap();
        Self { folder, program }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("HOME", "/nowhere").env("ICECAP_CACHE", "/nowhere/cache");
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A program that was just written cannot be started while another test's child, between its fork and its exec,
        // still holds the file open.
        let mut child = loop {
            match command.spawn() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                child => break child.unwrap(),
            }
        };
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }
}

fn trained(options: &[&str]) -> Place {
    let place = Place::two_classes();
    let arguments = [&["train", "photos", "--out", "run", "--epochs", "2"], options].concat();
    place.icecap(&arguments).succeeds();
    place
}

const MODEL: &str = "run/model.safetensors";

#[test]
fn a_bundle_alone_in_a_folder_answers_as_predict_does() {
    let place = trained(&[]);
    let made = place.icecap(&["bundle", MODEL, "-o", "colors"]).succeeds();
    assert!(made.stdout.contains("./colors PHOTO"), "{}", made.stdout);
    fs::write(place.path("photos/broken.jpg"), "no photo").unwrap();
    let photos = place.path("photos").to_str().unwrap().to_owned();
    let alone = Alone::copy(&place, "colors");
    for (own, predicts) in [
        (&[][..], &[][..]),
        (&["--csv"], &["--format", "csv"]),
        (&["--json"], &["--json"]),
        (&["--jsonl", "--top", "2"], &["--format", "jsonl", "--top", "2"]),
        (&["--format", "csv", "--threads", "1"], &["--format", "csv", "--threads", "2"]),
    ] {
        let said = alone.run(&[&[photos.as_str()], own].concat()).succeeds().stdout;
        let expected = place.icecap(&[&["predict", MODEL, &photos], predicts].concat()).succeeds().stdout;
        assert_eq!(said, expected, "{own:?}");
        // A header perhaps, twenty photos and the broken one.
        assert!(said.lines().count() >= 21, "{said}");
    }
    let list = format!("{photos}/red/0.png\nmissing.jpg\n{photos}/blue\n");
    let said = alone.run_with(&["--files-from", "-", "--csv"], list.as_bytes()).succeeds().stdout;
    let expected = place
        .icecap_with(&["predict", MODEL, "--files-from", "-", "--format", "csv"], list.as_bytes())
        .succeeds();
    assert_eq!(said, expected.stdout);
    // Nothing was left behind.
    assert_eq!(fs::read_dir(alone.folder.path()).unwrap().count(), 1);
    // icecap takes it for a model.
    let said = place.icecap(&["predict", "colors", &photos]).succeeds().stdout;
    assert_eq!(said, place.icecap(&["predict", MODEL, &photos]).succeeds().stdout);
}

#[test]
fn a_bundle_says_what_it_is_and_two_of_one_model_are_the_same_bytes() {
    let place = trained(&[]);
    place.icecap(&["bundle", MODEL, "-o", "colors"]).succeeds();
    let report = place.icecap(&["bundle", MODEL, "-o", "again", "--json"]).succeeds();
    let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    let bytes = fs::read(place.path("again")).unwrap();
    assert_eq!(report["bytes"], bytes.len());
    assert_eq!(report["classes"], serde_json::json!(["blue", "red"]));
    assert!(bytes == fs::read(place.path("colors")).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.path("again")).unwrap().permissions().mode();
        assert_eq!(mode & 0o500, 0o500);
    }
    let alone = Alone::copy(&place, "colors");
    let help = alone.run(&["--help"]).succeeds().stdout;
    for told in ["Usage: colors", "blue, red", "96x96", "epochs 2", "--csv", "colors photo.jpg"] {
        assert!(help.contains(told), "{told}: {help}");
    }
    assert!(!help.contains("MODEL") && !help.contains("--weights"), "{help}");
    assert!(alone.run(&["--version"]).succeeds().stdout.starts_with("colors (icecap "));
    assert_eq!(alone.run(&[]).code, Some(2));
    assert_eq!(alone.run(&["--json", "--csv", "x"]).code, Some(2));
    assert!(alone.run(&["missing.jpg"]).fails(5).contains("missing.jpg"));
    let photo = place.path("photos/red/0.png");
    assert!(alone.run(&[photo.to_str().unwrap(), "--weights", "starter"]).fails(2).contains("--weights"));
    assert_eq!(alone.run(&["--quiet", "missing.jpg"]).stderr.lines().count(), 1);
}

#[test]
fn a_head_alone_takes_its_backbone_along() {
    let place = trained(&["--head-only"]);
    place.icecap(&["weights", "import", "starter", "-o", "starter.safetensors"]).succeeds();
    place.icecap(&["bundle", MODEL, "-o", "colors", "--weights", "starter.safetensors"]).succeeds();
    let photos = place.path("photos").to_str().unwrap().to_owned();
    let said = Alone::copy(&place, "colors").run(&[&photos]).succeeds().stdout;
    assert_eq!(said, place.icecap(&["predict", MODEL, &photos]).succeeds().stdout);
}

#[test]
fn a_damaged_bundle_is_told_from_icecap_and_from_a_whole_one() {
    let place = trained(&[]);
    place.icecap(&["bundle", MODEL, "-o", "colors"]).succeeds();
    let whole = fs::read(place.path("colors")).unwrap();
    let model = fs::read(place.path(MODEL)).unwrap();
    let start = whole.windows(64).position(|bytes| *bytes == model[..64]).unwrap();
    let net = start + model.len().next_multiple_of(64);
    let photo = place.path("photos/red/0.png").to_str().unwrap().to_owned();
    let cut = |bytes: usize| whole[..whole.len() - bytes].to_vec();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    let tail = whole.len() - 128;
    // Its end, half of it all, a byte of the model's header, of the model's weights, of the net's header and values, of the
    // hash, of the version, of a length, of the mark.
    for bytes in [
        cut(1),
        cut(128),
        cut((whole.len() - start) / 2),
        changed(start + 20),
        changed(start + model.len() / 2),
        changed(net + 20),
        changed(net + (tail - net) / 2),
        changed(tail + 20),
        changed(tail + 112),
        changed(tail + 9),
        changed(tail + 120),
    ] {
        fs::write(place.path("colors"), &bytes).unwrap();
        let alone = Alone::copy(&place, "colors");
        let run = alone.run(&[&photo]);
        assert!(run.fails(3).contains("damaged"), "{run:?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn what_cannot_be_bundled_is_refused() {
    let place = trained(&[]);
    place.icecap(&["bundle", MODEL, "-o", "colors"]).succeeds();
    place.icecap(&["weights", "import", "starter", "-o", "weights.safetensors"]).succeeds();
    let model = fs::read(place.path(MODEL)).unwrap();
    let at = model.windows(12).position(|bytes| bytes == b"\"format\":\"1\"").unwrap();
    let mut newer = model.clone();
    newer[at + 10] = b'7';
    fs::write(place.path("newer.safetensors"), newer).unwrap();
    fs::write(place.path("cut.safetensors"), &model[..model.len() - 5]).unwrap();
    place.each_fails(&[
        (&["bundle", "colors", "-o", "x"], 2, "bundle already"),
        (&["bundle", MODEL, "-o", MODEL], 2, "name another file"),
        (&["bundle", MODEL, "-o", "photos"], 5, "folder"),
        (&["bundle", MODEL, "-o", "none/x"], 5, "none/x"),
        (&["bundle", "none", "-o", "x"], 5, "none"),
        (&["bundle", "weights.safetensors", "-o", "x"], 3, "weights.safetensors"),
        (&["bundle", "newer.safetensors", "-o", "x"], 3, "7"),
        (&["bundle", "cut.safetensors", "-o", "x"], 3, "cut.safetensors"),
    ]);
    assert!(!place.path("x").exists());
    assert!(fs::read(place.path(MODEL)).unwrap() == model);
}
