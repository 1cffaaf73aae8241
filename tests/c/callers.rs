//! Callers who err: `callers.c` does what a program in Rust could not even write. In between it prints what it is told of a
//! photo, which is what the facade says, to the last bit.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use icecap::advanced::graph::Tap;
use icecap::model::{Columns, Extractor, Preprocessing};
use icecap::{Backbone, Settings, Source};

use crate::toolchain::{Installed, Linked, ended_well};
use crate::trained::Trained;

/// The lines that `callers.c` prints of a photo.
fn expected(trained: &Trained, photo: &Path) -> String {
    let backbone = Backbone::starter(Settings::threads(1)).unwrap();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    let mut extractor = Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap();
    let mut row = vec![0.0; extractor.row_len()];
    extractor.extract(&[Source::Path(photo)], &mut row, &|_| std::ops::ControlFlow::Continue(())).unwrap()[0]
        .as_ref()
        .unwrap();
    let seen = trained.classifier.predict_file(photo).unwrap();
    let (class, label) = (seen.class, seen.label.clone());
    let numbers: Vec<f32> = seen.probabilities.iter().copied().chain(row).collect();
    let row = Columns::of(&trained.classifier).row(photo, trained.classifier.classes(), &Ok(seen));
    let json = serde_json::to_string(&row).unwrap();
    format!("{json}\n{class} {label}\n{numbers:?}")
}

/// What was printed, its numbers as Rust prints them: nine digits tell every f32 from the next.
fn printed(said: &[u8]) -> String {
    let said = String::from_utf8(said.to_vec()).unwrap();
    let (lines, numbers) = said.rsplit_once('\n').unwrap();
    let numbers: Vec<f32> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
    format!("{lines}\n{numbers:?}")
}

#[test]
fn callers_who_err_are_told_so_and_no_memory_is_touched_that_is_not_theirs() {
    let Some(installed) = Installed::new() else { return };
    let trained = Trained::new();
    let broken = trained.path().join("broken.jpg");
    std::fs::write(&broken, b"\xff\xd8\xff\xe0 no photo").unwrap();
    // On Unix a path is bytes, whatever they mean.
    let mut photo = PathBuf::from(trained.path());
    photo.push(std::ffi::OsStr::from_bytes(b"caf\xe9 \xff.png"));
    std::fs::copy(&trained.photos()[0], &photo).unwrap();
    let expected = expected(&trained, &photo);
    let program = installed.compile(&crate::root().join("tests/c/callers.c"), Linked::Static);
    // A debug build of the library tells the use of freed handles.
    let debug = cfg!(debug_assertions).then_some("debug");
    for watched in [false, true] {
        let mut run = if watched { installed.run_watched(&program) } else { installed.run(&program) };
        // More than a window of the library's, where it is fast.
        let photos = if watched { "8" } else { "300" };
        run.arg(trained.model()).arg(&photo).arg(&broken).arg(photos).args(debug);
        let ended = ended_well(&mut run);
        let (said, complained) = (ended.stdout, String::from_utf8_lossy(&ended.stderr).into_owned());
        assert!(watched || complained.is_empty(), "{complained}");
        // Under valgrind the processor has other instructions, and other last digits.
        if !watched {
            assert_eq!(printed(&said), expected);
        }
    }
}
