//! The order of classes beside that of other programs, which list folders by themselves.

use crate::terminal::stderr::note;
use crate::terminal::wording::plain;

/// Tells where Keras' `image_dataset_from_directory` and torchvision's `ImageFolder` would number the classes otherwise.
pub(super) fn tell(classes: &[String]) {
    if let Some(line) = line(classes) {
        note(&line);
    }
}

/// Both sort names by their characters, as Python's `sorted` does.
fn line(classes: &[String]) -> Option<String> {
    let mut sorted: Vec<&String> = classes.iter().collect();
    sorted.sort_by(|a, b| a.chars().cmp(b.chars()));
    let first = sorted.iter().zip(classes).position(|(theirs, own)| *theirs != own)?;
    Some(format!(
        "note: the classes are not in the order in which Keras (image_dataset_from_directory) and torchvision (ImageFolder) \
         number the folders of the photos: output {first} is '{}', which would be '{}' there; take the names from the \
         labels that are exported",
        plain(&classes[first]),
        plain(sorted[first])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order_is_told_where_it_is_not_that_of_characters() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(line(&names(&["Zebra", "ant", "bee"])), None);
        let told = line(&names(&["ant", "img2", "img10"])).unwrap_or_default();
        assert!(told.contains("output 1 is 'img2', which would be 'img10' there"), "{told}");
    }
}
