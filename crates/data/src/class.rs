//! The class of a photo, told by the folders that it lies in.

use std::path::{Component, Path};

/// Returns the index of the class after which a folder of `photo` is named, however deep the photo lies in it: the
/// nearest such folder if classes lie within each other, and `None` if no folder is named after a class.
///
/// This is for a path of which it is not known where the folders of classes begin; [`scan`](crate::scan) and
/// [`scan_labeled`](crate::scan_labeled) know, and take the folder right below.
#[must_use]
pub fn class_of(photo: &Path, classes: &[String]) -> Option<usize> {
    let mut folders = photo.ancestors().skip(1).filter_map(Path::file_name);
    folders.find_map(|folder| classes.iter().position(|class| folder == class.as_str()))
}

/// The name of the folder right below `root` in which `photo` lies.
pub(crate) fn class_below<'a>(root: &Path, photo: &'a Path) -> Option<&'a str> {
    let mut below = photo.strip_prefix(root).ok()?.components();
    match (below.next(), below.next()) {
        (Some(Component::Normal(class)), Some(_)) => class.to_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_of_a_class_is_the_class() {
        let classes = ["ants".to_owned(), "bees".to_owned()];
        let cases = [
            ("photos/val/bees/1.jpg", Some(1)),
            ("ants/deep/er/1.jpg", Some(0)),
            ("/bees/photos/ants/1.jpg", Some(0)),
            ("1.jpg", None),
            ("others/1.jpg", None),
            ("bees", None),
            ("", None),
        ];
        for (photo, class) in cases {
            assert_eq!(class_of(Path::new(photo), &classes), class, "{photo}");
        }
    }

    /// Where the root is known and no class lies in another, both answers are the same.
    #[test]
    fn with_and_without_the_root_the_class_is_the_same() {
        let classes = ["ants".to_owned(), "bees".to_owned()];
        for photo in ["root/ants/1.jpg", "root/bees/deep/1.jpg", "root/1.jpg"].map(Path::new) {
            let named = class_of(photo, &classes).map(|class| classes[class].as_str());
            assert_eq!(class_below(Path::new("root"), photo), named, "{}", photo.display());
        }
    }
}
