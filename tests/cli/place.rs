//! A folder of its own in which the binary runs, with photos drawn by code.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

/// The folder of large assets. Without it, says in one line that the test is skipped.
pub(crate) fn assets() -> Option<PathBuf> {
    let folder = std::env::var_os("ICECAP_TEST_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        // Past the capture of the test harness: a test that did nothing must not look like one that passed.
        let _ = writeln!(std::io::stderr(), "skipped: ICECAP_TEST_ASSETS is not set");
    }
    folder
}

/// Photos of each class in [`Place::two_classes`].
pub(crate) const EACH: u32 = 10;

/// A temporary folder; the binary runs in it, with its cache in it and the starter as its backbone.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with `photos/red` and `photos/blue`.
    pub(crate) fn two_classes() -> Self {
        let place = Self::new();
        place.draw("photos/red", "red", EACH);
        place.draw("photos/blue", "blue", EACH);
        place
    }

    /// Two classes, a model of them in `run`, and beside them what no command can use.
    pub(crate) fn with_bad_input() -> Self {
        let place = Self::two_classes();
        place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
        place.draw("one/red", "red", 2);
        place.draw("empty/red", "red", 2);
        fs::create_dir_all(place.path("empty/blue")).unwrap();
        place.draw("broken/red", "red", 2);
        fs::create_dir_all(place.path("broken/blue")).unwrap();
        fs::write(place.path("broken/blue/x.jpg"), "no photo").unwrap();
        place.draw("other/green", "red", 2);
        for photo in ["unreadable/red/x.jpg", "unreadable/blue/y.jpg"] {
            fs::create_dir_all(place.path(photo).parent().unwrap()).unwrap();
            fs::write(place.path(photo), "no photo").unwrap();
        }
        fs::create_dir_all(place.path("nothing")).unwrap();
        fs::write(place.path("garbage"), [7; 64]).unwrap();
        // A header that promises more pixels than are read: 60000 to a side.
        let mut png = fs::read(place.path("photos/red/0.png")).unwrap();
        png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        // The checksum of that header.
        png[29..33].copy_from_slice(&0x0fb0e215_u32.to_be_bytes());
        fs::write(place.path("wide.png"), png).unwrap();
        // Above the limit of a weight file, and no byte of it on disk.
        fs::File::create(place.path("huge")).unwrap().set_len((1 << 30) + 1).unwrap();
        place
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// What is in `folder`, by name.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icecap"));
        command.args(arguments).current_dir(self.0.path()).env("ICECAP_CACHE", self.path("cache"));
        command.env_remove("ICECAP_WEIGHTS").env_remove("RUST_BACKTRACE");
        command
    }

    pub(crate) fn icecap(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Each ends with the code beside it and a line that holds what is named there.
    #[track_caller]
    pub(crate) fn each_fails(&self, cases: &[(&[&str], i32, &str)]) {
        for (arguments, code, named) in cases {
            let run = self.icecap(arguments);
            let line = run.fails(*code);
            assert!(line.contains(named), "{arguments:?}: {line}");
        }
    }

    /// Runs the binary with `input` on its standard input.
    pub(crate) fn icecap_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }

    /// Draws photos `0.png`, `1.jpg`, `2.png`, … into `folder`: `color` (red or blue) in all shades, with stripes of
    /// another place and width on each.
    pub(crate) fn draw(&self, folder: &str, color: &str, photos: u32) {
        fs::create_dir_all(self.path(folder)).unwrap();
        for number in 0..photos {
            let shade = 90 + (number * 53 % 160) as u8;
            let stripe = 3 + number % 5;
            let photo = RgbImage::from_fn(40 + number, 30 + number * 2, |x, y| {
                let light = if (x + number * y) / stripe % 2 == 0 { shade } else { shade / 2 };
                let (strong, weak) = (light, light / 5);
                Rgb(if color == "red" { [strong, weak, weak] } else { [weak, weak, strong] })
            });
            let extension = if number % 2 == 0 { "png" } else { "jpg" };
            photo.save(self.path(folder).join(format!("{number}.{extension}"))).unwrap();
        }
    }
}

/// How the binary ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Ended with `code` and one line that says why, the last on standard error; returns it.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        let said: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("icecap: ")).collect();
        assert_eq!(said.len(), 1, "{self:?}");
        assert_eq!(self.stderr.lines().last(), Some(said[0]), "{self:?}");
        said[0]
    }
}
