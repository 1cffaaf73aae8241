//! The table of classes: how many photos of each are in each part.

use icecap::Dataset;
use icecap::advanced::data::Part;
use icecap::learn::ClassWeight;

use super::verdict;
use crate::terminal::table::table;
use crate::terminal::wording::plain;

/// Returns the table of the classes of `dataset`: index, name, photos in each part.
pub(super) fn text(dataset: &Dataset) -> String {
    let mut parts = vec![Part::Train, Part::Val];
    if !dataset.test.is_empty() {
        parts.push(Part::Test);
    }
    let counts: Vec<Vec<usize>> = parts.iter().map(|part| dataset.counts(*part)).collect();
    let row = |index: String, name: String, count: &dyn Fn(&Vec<usize>) -> usize| {
        let mut row = vec![index, name];
        row.extend(counts.iter().map(|counts| count(counts).to_string()));
        row
    };
    let classes = dataset.classes.iter().enumerate();
    let mut rows: Vec<_> = classes
        .map(|(index, name)| row(format!("   {index}"), plain(name).into_owned(), &|counts| counts[index]))
        .collect();
    rows.push(row(String::new(), "all".to_owned(), &|counts| counts.iter().sum()));
    let header: Vec<&str> = ["", "class"].into_iter().chain(parts.iter().map(|part| part.name())).collect();
    let right: Vec<usize> = std::iter::once(0).chain(2..header.len()).collect();
    table(&header, &right, rows)
}

/// Returns what is odd about the numbers of photos, for a training that weighs classes so.
pub(super) fn warnings(dataset: &Dataset, weight: ClassWeight) -> Vec<String> {
    let counts = [Part::Train, Part::Val].map(|part| dataset.counts(part));
    let uneven = verdict::uneven(&dataset.classes, &counts[0]).filter(|_| weight == ClassWeight::None);
    // Of a folder's own part that is told already.
    let unwatched =
        verdict::unwatched(&dataset.classes, &counts[0], &counts[1]).filter(|_| dataset.is_drawn());
    uneven.into_iter().chain(unwatched).collect()
}
