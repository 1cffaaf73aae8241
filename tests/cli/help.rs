//! What the binary says of itself: help texts, completions, man pages, its version, and what was meant.

use std::fs;
use std::process::{Command, Stdio};

use crate::place::{self, Place};

/// Every command, as it is typed.
const COMMANDS: [&str; 30] = [
    "",
    "demo",
    "train",
    "evaluate",
    "predict",
    "classify",
    "extract",
    "export",
    "check",
    "report",
    "serve",
    "compare",
    "similar",
    "bundle",
    "summary",
    "completions",
    "man",
    "weights",
    "weights list",
    "weights pull",
    "weights import",
    "weights inspect",
    "weights prepack",
    "weights verify",
    "bench",
    "bench model",
    "bench roofline",
    "bench kernels",
    "bench layers",
    "bench tune",
];

#[test]
fn the_long_help_teaches_and_the_short_one_is_short() {
    let place = Place::new();
    for command in COMMANDS {
        let help = |flag: &str| {
            let words: Vec<&str> = command.split_whitespace().chain([flag]).collect();
            place.icecap(&words).succeeds().stdout
        };
        let (long, short) = (help("--help"), help("-h"));
        assert!(long.contains("Examples:\n  icecap "), "{command}: {long}");
        assert!(!short.contains("Examples:") && short.len() < long.len(), "{command}: {short}");
    }
    let train = place.icecap(&["train", "--help"]).succeeds().stdout;
    let places: Vec<_> =
        ["Training:", "Weights and input:", "Output:"].iter().map(|heading| train.find(heading)).collect();
    assert!(places.iter().all(Option::is_some), "{train}");
}

#[test]
fn what_was_mistyped_is_told_with_what_was_meant() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    place.draw("parts/train/red", "red", 2);
    place.draw("parts/train/blue", "blue", 2);
    place.draw("parts/val/rde", "red", 2);
    // Of clap's making: a usage follows.
    for (words, meant) in [
        (&["trian", "photos"][..], "'train'"),
        (&["train", "photos", "--epoch", "3"], "'--epochs'"),
        (&["train", "photos", "--optimizer", "adm"], "'adam'"),
        (&["weights", "lst"], "'list'"),
        (&["predict", "run/model.safetensors", "photos", "--format", "jsnl"], "'jsonl'"),
    ] {
        let run = place.icecap(words);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(meant), "{words:?}: {}", run.stderr);
    }
    place.each_fails(&[
        (&["train", "phtoos"], 5, "did you mean photos?"),
        (&["train", "parts"], 3, "did you mean 'red'?"),
        (&["predict", "run/model.safetensor", "photos"], 5, "did you mean run/model.safetensors?"),
        (&["predict", "run/model.safetensors", "photo/rde/0.png"], 5, "did you mean photos/red/0.png?"),
        (&["train", "photos", "--weights", "stater"], 5, "did you mean starter?"),
        (
            &["train", "photos", "--weights", "rum/model.safetensors"],
            5,
            "did you mean run/model.safetensors?",
        ),
        (&["train", "photos", "--since", "runn"], 5, "did you mean run?"),
        (&["compare", "run", "runn"], 5, "did you mean run?"),
        (&["predict", "run", "photos"], 5, "did you mean run/model.safetensors?"),
        (&["report", "run/model.safetensors"], 5, "not a folder; name the folder of a run"),
    ]);
    let far = place.icecap(&["train", "nothing-like-it"]);
    assert!(!far.fails(5).contains("did you mean"), "{far:?}");
}

#[test]
fn the_version_tells_what_a_report_of_a_bug_needs() {
    let place = Place::new();
    let short = place.icecap(&["-V"]).succeeds().stdout;
    let long = place.icecap(&["--version"]).succeeds().stdout;
    assert!(long.starts_with(&short) && short.starts_with("icecap "), "{short}{long}");
    let line = |name: &str| long.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("instructions").contains("portable"));
    assert!(line("threads").split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >= 1);
    assert!(line("weights").split_whitespace().last().unwrap().len() == 64);
    assert!(line("cache").ends_with("cache"));
    let mut capped = place.command(&["--version"]);
    let capped = place::Run::of(capped.env("ICECAP_ISA", "portable").output().unwrap()).succeeds().stdout;
    assert!(capped.contains("portable, by ICECAP_ISA"), "{capped}");
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_told() {
    let place = Place::new();
    for words in [&["--help"][..], &["train", "-h"], &["--version"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = place::Run::of(place.command(words).stdout(full).output().unwrap());
        assert!(run.fails(5).contains("standard output"), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn quiet_says_nothing_but_the_result_and_why_it_failed() {
    let place = Place::two_classes();
    fs::write(place.path("photos/red/broken.jpg"), "no photo").unwrap();
    let loud = place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    assert!(loud.stderr.contains("note: ") && loud.stderr.contains("skipped "), "{}", loud.stderr);
    let model = "run/model.safetensors";
    // What ends in files says nothing.
    for words in [
        &["train", "photos", "--out", "run", "--force", "--quiet"][..],
        &["-q", "train", "photos", "--out", "run", "--force"],
        &["-q", "demo", "--out", "demo"],
        &["-q", "report", "run"],
        &["-q", "export", model, "--onnx", "x.onnx"],
        &["-q", "bundle", model, "-o", "program"],
        &["-q", "extract", "photos", "-o", "features.safetensors"],
        &["-q", "weights", "import", "starter", "-o", "weights"],
        &["-q", "weights", "prepack", "starter"],
        &["-q", "weights", "pull", "starter"],
        &["-q", "man", "-o", "pages"],
        &["-q", "predict", model, "photos", "-o", "rows.csv"],
    ] {
        let quiet = place.icecap(words).succeeds();
        assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""), "{words:?}");
    }
    // What was asked for is told, and nothing beside it.
    for words in [
        &["train", "photos", "--out", "run", "--force", "--json"][..],
        &["evaluate", model, "photos"],
        &["predict", model, "photos"],
        &["check", "photos"],
        &["compare", "run", "run"],
        &["similar", "photos/red/0.png", "--in", "photos"],
        &["summary"],
        &["weights", "inspect", model],
        &["weights", "list"],
        &["completions", "bash"],
    ] {
        let quiet = place.icecap(&[&["-q"], words].concat()).succeeds();
        assert!(!quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{words:?}: {}", quiet.stderr);
    }
    let failed = place.icecap(&["-q", "train", "photos", "--strict"]);
    failed.fails(3);
    assert_eq!(failed.stderr.lines().count(), 1);
}

#[test]
fn colors_come_where_they_are_asked_for_and_nowhere_else() {
    let place = Place::new();
    let said = |variables: &[(&str, &str)]| {
        let mut command = place.command(&["train", "none"]);
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.iter().copied());
        place::Run::of(command.stdin(Stdio::null()).output().unwrap()).stderr
    };
    assert!(said(&[]).starts_with("icecap: none"));
    assert!(said(&[("CLICOLOR_FORCE", "1")]).starts_with("\x1b[1;31micecap:\x1b[0m none"));
    assert!(said(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).starts_with("icecap: none"));
    assert!(said(&[("CLICOLOR_FORCE", "0")]).starts_with("icecap: none"));
}

/// Whether a tool is on this machine; says in a line where it is not.
fn has(tool: &str) -> bool {
    let found =
        Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: there is no {tool}");
    }
    found
}

#[test]
fn completions_know_commands_and_options_and_a_shell_takes_them() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.icecap(&["completions", shell]).succeeds().stdout;
        for word in ["train", "weights", "optimizer", "prepack"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        fs::write(place.path(shell), script).unwrap();
    }
    assert_eq!(place.icecap(&["completions", "csh"]).code, Some(2));
    if has("bash") {
        // Asked as bash asks: for what starts with `--opt` behind `icecap train`.
        let asked = "source ./bash; COMP_WORDS=(icecap train --opt); COMP_CWORD=2; _icecap icecap --opt train; \
                     echo \"${COMPREPLY[*]}\"";
        let bash = Command::new("bash").args(["-uc", asked]).current_dir(place.path("")).output().unwrap();
        assert_eq!(String::from_utf8(bash.stderr).unwrap(), "");
        assert_eq!(String::from_utf8(bash.stdout).unwrap().trim(), "--optimizer");
    }
}

#[test]
fn every_command_has_a_page_that_a_formatter_has_nothing_against() {
    let place = Place::new();
    let told = place.icecap(&["man", "-o", "share/man1"]).succeeds().stdout;
    let names = place.names("share/man1");
    assert!(told.starts_with(&format!("{} pages in share/man1", names.len())), "{told}");
    assert_eq!(names.len(), COMMANDS.len());
    for name in &names {
        let page = place.text(&format!("share/man1/{name}"));
        assert!(page.contains(".TH") && page.contains(".SH EXAMPLES"), "{name}");
        assert!(page.is_ascii(), "{name}");
    }
    if has("groff") {
        for name in &names {
            let page = place.path("share/man1").join(name);
            let groff =
                Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(page).output().unwrap();
            assert_eq!(String::from_utf8(groff.stderr).unwrap(), "", "{name}");
        }
    }
}
