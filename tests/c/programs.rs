//! The examples, compiled as strictly as can be, linked to both libraries, watched by valgrind, and of one mind with the facade.

use std::path::Path;
use std::process::{Command, Output};

use crate::toolchain::{Installed, Linked, Program, ended_well};
use crate::trained::Trained;

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_examples_say_what_the_facade_says_and_lose_no_memory() {
    let Some(installed) = Installed::new() else { return };
    let trained = Trained::new();
    let expected = trained.lines();
    assert!(
        expected.iter().any(|line| line.contains("square"))
            && expected.iter().any(|line| line.contains("noise"))
    );
    for name in ["predict.c", "predict.cpp"] {
        let source = crate::root().join("crates/capi/examples").join(name);
        for linked in [Linked::Shared, Linked::Static] {
            let program = installed.compile(&source, linked);
            let mut run = installed.run(&program);
            let said = lines(&ended_well(run.arg(trained.model()).args(trained.photos())));
            assert_eq!(said[..expected.len()], expected, "{name}, {linked:?}");
            let others = if name.ends_with("cpp") { expected.len() - 1 } else { 0 };
            assert_eq!(said.len(), expected.len() + others, "{said:?}");
            let mut watched = installed.run_watched(&program);
            ended_well(watched.arg(trained.model()).arg(&trained.photos()[0]));
        }
    }
}

/// A photo that is none, among others and alone; a model that is none. Looked after by valgrind where it has most to free.
#[test]
fn the_examples_tell_what_cannot_be_read_and_lose_no_memory() {
    let Some(installed) = Installed::new() else { return };
    let trained = Trained::new();
    let broken = trained.path().join("broken.jpg");
    std::fs::write(&broken, b"\xff\xd8\xff\xe0 no photo").unwrap();
    let source = |name| crate::root().join("crates/capi/examples").join(name);
    let c = installed.compile(&source("predict.c"), Linked::Shared);
    let cpp = installed.compile(&source("predict.cpp"), Linked::Shared);
    let ended = |mut run: Command, model: &Path, photos: &[&Path]| {
        let output = run.arg(model).args(photos).output().unwrap();
        (output.status.code(), lines(&output), String::from_utf8(output.stderr).unwrap())
    };
    let [model, photos] = [vec![trained.model()], trained.photos()];
    let (model, missing) = (&model[0], trained.path().join("missing"));
    let (code, said, progress) =
        ended(installed.run_watched(&c), model, &[&photos[0], &broken, &missing, &photos[1]]);
    let expected = trained.lines();
    assert_eq!((code, &said[0], &said[3]), (Some(0), &expected[0], &expected[1]));
    assert!(said[1].contains("broken.jpg: ") && said[2].contains("missing: "), "{said:?}");
    assert!(progress.ends_with("4 of 4\n"), "{progress}");
    assert_eq!(ended(installed.run_watched(&cpp), model, &[&photos[0], &broken]).0, Some(3));
    for program in [&c, &cpp] {
        assert_eq!(ended(installed.run(program), model, &[&broken]).0, Some(3));
        assert_eq!(ended(installed.run(program), &broken, &[&photos[0]]).0, Some(3));
        assert_eq!(ended(installed.run(program), &missing, &[&photos[0]]).0, Some(5));
    }
}

/// The blocks of `docs/c.md` in one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_first_example_of_the_docs_is_built_by_the_lines_of_the_docs_and_says_what_the_facade_says() {
    let page = std::fs::read_to_string(crate::root().join("docs/c.md")).unwrap();
    let [program] = &blocks(&page, "c")[..] else { panic!("one program in the page") };
    let lines_of_shell = blocks(&page, "sh");
    let [install, shared, linked] = &lines_of_shell[..] else { panic!("three blocks: {lines_of_shell:?}") };
    assert!(install.starts_with("cargo build --release -p icecap-capi\n"), "{install}");
    assert!(install.contains("\ncrates/capi/install.sh"), "{install}");
    let Some(installed) = Installed::new() else { return };
    let trained = Trained::new();
    std::fs::write(trained.path().join("first.c"), program).unwrap();
    let first = |linked| Program { path: trained.path().join("first"), linked };
    for (line, linked) in [(shared, Linked::Shared), (linked, Linked::Static)] {
        assert!(line.starts_with("cc first.c "), "{line}");
        let strict = line.replace("cc ", "cc -std=c11 -Wall -Wextra -Werror ");
        ended_well(&mut installed.shell(trained.path(), &strict));
        for (photo, expected) in trained.photos().iter().zip(trained.lines()) {
            let said = ended_well(installed.run(&first(linked)).arg(trained.model()).arg(photo)).stdout;
            let said = String::from_utf8(said).unwrap();
            assert_eq!(format!("{}: {}", photo.display(), said.trim_end()), expected);
        }
    }
    let first = first(Linked::Static);
    ended_well(installed.run_watched(&first).arg(trained.model()).arg(&trained.photos()[0]));
    let missing = installed.run(&first).arg(trained.model()).arg("missing").output().unwrap();
    let said = String::from_utf8(missing.stderr).unwrap();
    assert_eq!((missing.status.code(), said.starts_with("missing: ")), (Some(5), true), "{said}");
}
