//! The library installed as its docs say, and programs compiled against it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Which of the two libraries a program is linked to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linked {
    Shared,
    Static,
}

/// A program that was compiled.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) linked: Linked,
}

/// The library below a prefix of its own.
pub(crate) struct Installed {
    prefix: TempDir,
}

/// Whether a program is there; says which test is skipped if not.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped in part: no {program} here");
    }
    found
}

/// Returns what a command gave, which has to have ended well.
pub(crate) fn ended_well(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output
}

/// The folder of this test's own program, in which cargo puts the libraries of the package as well.
fn libraries() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    assert!(folder.join("libicecap_c.a").is_file(), "cargo builds the library before its tests: {folder:?}");
    folder
}

impl Installed {
    /// Installs the library; `None` if there is no compiler here, or no pkg-config.
    pub(crate) fn new() -> Option<Self> {
        Self::below(TempDir::new().unwrap())
    }

    /// Installs the library below `prefix`.
    pub(crate) fn below(prefix: TempDir) -> Option<Self> {
        if !cfg!(target_os = "linux") || !["gcc", "g++", "pkg-config"].into_iter().all(has) {
            return None;
        }
        let script = crate::root().join("crates/capi/install.sh");
        ended_well(Command::new(script).arg(prefix.path()).arg(libraries()));
        Some(Self { prefix })
    }

    /// The folder that it is installed below.
    pub(crate) fn prefix(&self) -> &Path {
        self.prefix.path()
    }

    /// A shell that runs `line` in `folder` and finds the library as a user's would.
    pub(crate) fn shell(&self, folder: &Path, line: &str) -> Command {
        let lib = self.prefix.path().join("lib");
        let mut command = Command::new("sh");
        command.args(["-ec", line]).current_dir(folder);
        command.env("PKG_CONFIG_PATH", lib.join("pkgconfig")).env("LD_LIBRARY_PATH", lib);
        command
    }

    /// Compiles a program, with every warning an error.
    pub(crate) fn compile(&self, source: &Path, linked: Linked) -> Program {
        let (compiler, standard) = match source.extension().and_then(|ending| ending.to_str()) {
            Some("cpp") => ("g++", "c++17"),
            _ => ("gcc", "c11"),
        };
        let libraries = match linked {
            Linked::Shared => "$(pkg-config --cflags --libs icecap)",
            Linked::Static => {
                "$(pkg-config --cflags --static --libs icecap | sed s/-licecap_c/-l:libicecap_c.a/)"
            }
        };
        let path = self.prefix.path().join(format!("{compiler}-{linked:?}"));
        let (from, to) = (source.display(), path.display());
        let strict = "-Wall -Wextra -Werror -pedantic";
        let line =
            format!("{compiler} -std={standard} -g -O1 {strict} '{from}' {libraries} -pthread -o '{to}'");
        ended_well(&mut self.shell(self.prefix.path(), &line));
        Program { path, linked }
    }

    /// A program that is to be run.
    pub(crate) fn run(&self, program: &Program) -> Command {
        let mut command = self.shell(self.prefix.path(), "exec \"$0\" \"$@\"");
        command.arg(&program.path);
        command
    }

    /// A program that is to be run under valgrind, where that is there: it then ends with 9 if it misuses or loses memory.
    pub(crate) fn run_watched(&self, program: &Program) -> Command {
        if !has("valgrind") {
            return self.run(program);
        }
        // The shared library has no names by which one could tell what is known: what only may be lost is looked at in the other.
        // A debug build of it keeps freed handles on purpose.
        let kinds = match program.linked {
            _ if cfg!(debug_assertions) => "none",
            Linked::Shared => "definite",
            Linked::Static => "definite,possible",
        };
        let known = crate::root().join("tests/c/valgrind.supp");
        let mut command = self.shell(self.prefix.path(), "exec valgrind \"$0\" \"$@\"");
        command.args(["-q", "--leak-check=full", "--error-exitcode=9"]);
        command.arg(format!("--errors-for-leak-kinds={kinds}"));
        command.arg(format!("--suppressions={}", known.display())).arg(&program.path);
        command
    }
}
