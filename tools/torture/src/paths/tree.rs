//! A folder of photos as it should not be, and what of it a command has to find.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;

use crate::photos;

/// Names of classes and photos that a terminal, a table or a shell would obey, or that are as long as they may be.
const NAMES: [&str; 12] = [
    "plain",
    "with space",
    "=1+1|cmd'!A0",
    "-rf",
    "a\nb",
    "tab\tstop",
    "red\u{1b}[2J\u{1b}]0;title\u{7}",
    "c1\u{9b}31m",
    "turned\u{202e}gpj",
    "quote\",comma;",
    "%s%n..",
    "Ångström ☃",
];
/// The longest name of a file, in bytes.
const LONGEST: usize = 255;

/// What is put into a class beside its ordinary photos.
#[derive(Clone, Copy, Debug)]
pub(super) enum Oddity {
    NoPhoto,
    Empty,
    Text,
    Hidden,
    LongName,
    NotText,
    LinkToPhoto,
    LinkToNothing,
    LinkToItself,
    LinksInACircle,
    LinkUp,
    LinkOutside,
    Pipe,
    Socket,
    Deep,
    Abyss,
    Forbidden,
    EmptyFolder,
    Device,
}

pub(super) const ODDITIES: [Oddity; 19] = [
    Oddity::NoPhoto,
    Oddity::Empty,
    Oddity::Text,
    Oddity::Hidden,
    Oddity::LongName,
    Oddity::NotText,
    Oddity::LinkToPhoto,
    Oddity::LinkToNothing,
    Oddity::LinkToItself,
    Oddity::LinksInACircle,
    Oddity::LinkUp,
    Oddity::LinkOutside,
    Oddity::Pipe,
    Oddity::Socket,
    Oddity::Deep,
    Oddity::Abyss,
    Oddity::Forbidden,
    Oddity::EmptyFolder,
    Oddity::Device,
];

/// A folder, and which rows a prediction of it has.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) root: PathBuf,
    /// What was put into it.
    pub(super) odd: Vec<Oddity>,
    /// Photos.
    pub(super) photos: BTreeSet<PathBuf>,
    /// Files that are told as no photos.
    pub(super) broken: BTreeSet<PathBuf>,
    /// What links in circles may lead to once more.
    pub(super) perhaps: Vec<PathBuf>,
}

impl Tree {
    /// Draws a tree in the empty folder `root`, with links to `outside`, where a photo of that name lies.
    pub(super) fn draw(root: &Path, outside: &Path, random: &mut Rng) -> Result<Self, String> {
        let mut tree = Self { root: root.to_owned(), ..Self::default() };
        let first = random.usize(..NAMES.len());
        for class in 0..random.usize(1..4) {
            // Names differ, and none is "." or empty.
            let folder = root.join(NAMES[(first + class * 5) % NAMES.len()]);
            tree.class(&folder, class, outside, random).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        Ok(tree)
    }

    fn class(
        &mut self,
        folder: &Path,
        class: usize,
        outside: &Path,
        random: &mut Rng,
    ) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        for number in 0..random.usize(0..5) {
            let name = format!("{}{number}.bmp", NAMES[random.usize(..NAMES.len())]);
            self.photo(&folder.join(name), class, random)?;
        }
        for number in 0..random.usize(0..6) {
            let oddity = ODDITIES[random.usize(..ODDITIES.len())];
            self.odd.push(oddity);
            self.put(oddity, &folder.join(format!("odd{number}.jpg")), outside, random)?;
        }
        Ok(())
    }

    fn photo(&mut self, path: &Path, class: usize, random: &mut Rng) -> std::io::Result<()> {
        fs::write(path, photos::bitmap(random, class, 24))?;
        self.photos.insert(path.to_owned());
        Ok(())
    }

    fn put(&mut self, oddity: Oddity, at: &Path, outside: &Path, random: &mut Rng) -> std::io::Result<()> {
        let folder = at.parent().unwrap_or(at);
        match oddity {
            Oddity::NoPhoto => {
                fs::write(at, "<html>not found</html>")?;
                self.broken.insert(at.to_owned());
            }
            Oddity::Empty => {
                fs::write(at, "")?;
                self.broken.insert(at.to_owned());
            }
            Oddity::Text => fs::write(at.with_extension("txt"), "no photo\u{1b}[2J")?,
            Oddity::Hidden => fs::write(folder.join(".hidden.bmp"), photos::bitmap(random, 0, 24))?,
            Oddity::LongName => self.photo(&folder.join("n".repeat(LONGEST - 4) + ".bmp"), 0, random)?,
            Oddity::NotText => {
                let name = OsString::from_vec(b"caf\xE9\xFF.bmp".to_vec());
                // Not every file system has such names.
                drop(fs::write(folder.join(name), photos::bitmap(random, 0, 24)));
            }
            Oddity::Pipe => {
                Command::new("mkfifo").arg(at).status()?;
            }
            Oddity::Socket => {
                // Its path is short or there is none.
                drop(UnixListener::bind(at));
            }
            Oddity::Deep | Oddity::Abyss => {
                let depth = if matches!(oddity, Oddity::Deep) { 40 } else { 90 };
                let deep = (0..depth).fold(at.to_owned(), |path, _| path.join("d"));
                fs::create_dir_all(&deep)?;
                let photo = deep.join("1.bmp");
                fs::write(&photo, photos::bitmap(random, 0, 24))?;
                match oddity {
                    Oddity::Deep => drop(self.photos.insert(photo)),
                    _ => self.perhaps.push(at.to_owned()),
                }
            }
            Oddity::Forbidden => {
                self.photo(at, 0, random)?;
                fs::set_permissions(at, fs::Permissions::from_mode(0o000))?;
                // Who may do everything reads it.
                if fs::File::open(at).is_err() {
                    self.photos.remove(at);
                    self.broken.insert(at.to_owned());
                }
            }
            Oddity::EmptyFolder => fs::create_dir(at)?,
            link => self.link(link, at, outside, random)?,
        }
        Ok(())
    }

    fn link(&mut self, oddity: Oddity, at: &Path, outside: &Path, random: &mut Rng) -> std::io::Result<()> {
        match oddity {
            Oddity::LinkToPhoto => {
                if let Some(photo) = self.photos.first().cloned() {
                    symlink(photo, at)?;
                    self.photos.insert(at.to_owned());
                }
            }
            Oddity::LinkToNothing => symlink("nowhere.jpg", at)?,
            Oddity::LinkToItself => symlink(at, at)?,
            Oddity::LinksInACircle => {
                symlink(at.with_extension("b.jpg"), at)?;
                symlink(at, at.with_extension("b.jpg"))?;
            }
            Oddity::LinkUp => {
                symlink(if random.bool() { ".." } else { "." }, at)?;
                self.perhaps.push(at.to_owned());
            }
            Oddity::LinkOutside => {
                symlink(outside, at)?;
                // Of two ways to one folder one is gone.
                self.perhaps.push(at.to_owned());
            }
            Oddity::Device => symlink(if random.bool() { "/dev/zero" } else { "/dev/tty" }, at)?,
            other => unreachable!("{other:?} is no link"),
        }
        Ok(())
    }
}

/// What stands below a folder: every path with its kind, size and time of change, links as links.
pub(super) fn inventory(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        let (kind, changed) = (about.file_type(), about.modified().ok());
        found
            .insert(format!("{path:?} {kind:?} {} {changed:?}", if kind.is_dir() { 0 } else { about.len() }));
        if kind.is_dir() {
            found.extend(inventory(&path));
        }
    }
    found
}
