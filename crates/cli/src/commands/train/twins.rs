//! Photos that are there more than once, told in a line for each kind: what is learned by heart must not be measured on.

use icecap::learn::Twin;

use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain_path};

/// Tells of photos whose file is there more than once, on standard error.
pub(super) fn tell(twins: &[Twin]) {
    let classes: Vec<&Twin> = twins.iter().filter(|twin| twin.other_class).collect();
    let parts: Vec<&Twin> = twins.iter().filter(|twin| !twin.other_class && twin.other_part).collect();
    let others: Vec<&Twin> = twins.iter().filter(|twin| !twin.other_class && !twin.other_part).collect();
    line("warning: the same file in two classes, so a label is wrong", &classes);
    line(
        "warning: the same file among the photos to learn from and among those to judge by, so the accuracy looks better \
         than it is",
        &parts,
    );
    line("note: the same file more than once in a class", &others);
}

fn line(what: &str, twins: &[&Twin]) {
    if let Some(first) = twins.first() {
        note(&format!(
            "{what}: {}, as {} and {}; `icecap check` tells all of them",
            counted(twins.len(), "photo"),
            plain_path(&first.first),
            plain_path(&first.path)
        ));
    }
}
