//! A system that gives out: no more memory, no more files. That ends with a code and a sentence, and is never taken for damage of
//! the photos.

use std::process::{Command, Stdio};

use crate::place::{Place, Run};

/// Runs the binary with a limit of the shell's, such as `-v 20000`.
fn limited(place: &Place, limit: &str, arguments: &[&str]) -> Run {
    let plain = place.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]).arg(plain.get_program());
    shell.args(arguments).current_dir(place.path("")).env("ICECAP_CACHE", place.path("cache"));
    shell.env_remove("ICECAP_WEIGHTS").env_remove("RUST_BACKTRACE");
    Run::of(shell.stdin(Stdio::null()).output().unwrap())
}

/// Every way in which photos are read, with two threads and nothing from a cache.
const COMMANDS: [&[&str]; 5] = [
    &["train", "photos", "--out", "other", "--no-cache", "--epochs", "2", "--threads", "2"],
    &["predict", "run/model.safetensors", "photos", "--threads", "2"],
    &["extract", "photos", "-o", "features.safetensors", "--no-cache", "--force", "--threads", "2"],
    &["check", "photos", "--no-cache", "--threads", "2"],
    &["evaluate", "run/model.safetensors", "photos", "--no-cache", "--threads", "2"],
];

fn trained() -> Place {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    place
}

#[cfg(target_os = "linux")]
#[test]
fn short_memory_ends_with_a_code_and_a_sentence_at_any_size() {
    let place = trained();
    // From where the binary can just be loaded to where it has all that it asks for: 40 sizes, denser where it is tight.
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_icecap")).unwrap().len() as usize / 1024;
    let sizes: Vec<usize> = (1..=40).map(|step| binary + 700 + step * step * 220).collect();
    let (mut ended, mut well) = (0, 0);
    for command in COMMANDS {
        for size in &sizes {
            let _ = std::fs::remove_dir_all(place.path("other"));
            let run = limited(&place, &format!("-v {size}"), command);
            // The system's loader found no room for the binary: nothing of ours has run.
            if run.code == Some(127) || run.stderr.contains("shared libraries") {
                continue;
            }
            // The C library itself ends a process that has no memory for a thread's first use of it.
            if run.stderr.contains("Fatal glibc error") {
                continue;
            }
            let code = run.code.unwrap_or(-1);
            assert!([0, 2, 3, 4, 5].contains(&code), "{command:?} in {size} KiB: {run:?}");
            match code {
                0 => well += 1,
                _ => {
                    assert!(run.stderr.lines().any(|line| line.starts_with("icecap: ")), "{run:?}");
                    ended += 1;
                }
            }
        }
    }
    assert!(ended > COMMANDS.len() && well > COMMANDS.len() * 10, "{ended} ended, {well} went well");
}

#[cfg(unix)]
#[test]
fn too_many_open_files_are_no_damage_of_photos() {
    let place = trained();
    let shown = |run: &Run| {
        let words = run.stdout.split_whitespace();
        // Times and speeds differ.
        words.filter(|word| word.parse::<f64>().is_err()).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut refused = 0;
    for command in COMMANDS {
        let whole = place.icecap(command).succeeds();
        assert!(!whole.stderr.contains("skipped "), "{whole:?}");
        for files in 3..14 {
            let run = limited(&place, &format!("-n {files}"), command);
            // Without a file for the system's own libraries nothing of ours runs.
            if run.code == Some(127) || run.stderr.contains("shared libraries") {
                continue;
            }
            assert!(!run.stderr.contains("skipped "), "{command:?} with {files} files: {run:?}");
            if run.code == Some(0) {
                assert_eq!(shown(&run), shown(&whole), "{command:?} with {files} files");
                continue;
            }
            assert_eq!(run.code, Some(5), "{command:?} with {files} files: {run:?}");
            refused += usize::from(run.stderr.contains("ulimit -n"));
        }
    }
    assert!(refused > 0, "no command was short of files");
}
