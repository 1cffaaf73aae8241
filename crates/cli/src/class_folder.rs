//! Class folders as they show in the path of a photo.

use std::path::Path;

/// The folder that holds the folder of class `class`, in which `photo` lies, however deep.
pub(crate) fn parent_of_class<'a>(photo: &'a Path, class: &str) -> Option<&'a Path> {
    let folder =
        photo.ancestors().skip(1).find(|folder| folder.file_name().is_some_and(|name| name == class));
    folder.and_then(Path::parent)
}

/// The class that the folder of `photo` is named after.
pub(crate) fn class_of(photo: &Path, classes: &[String]) -> Option<usize> {
    let folder = photo.parent()?.file_name()?;
    classes.iter().position(|class| folder == class.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_class_and_what_holds_the_classes() {
        let classes = ["ants".to_owned(), "bees".to_owned()];
        let photo = Path::new("photos/val/bees/1.jpg");
        assert_eq!(class_of(photo, &classes), Some(1));
        assert_eq!(parent_of_class(photo, "bees"), Some(Path::new("photos/val")));
        assert_eq!(parent_of_class(Path::new("p/bees/deep/1.jpg"), "bees"), Some(Path::new("p")));
        assert_eq!(class_of(Path::new("bees/deep/1.jpg"), &classes), None);
        assert_eq!(class_of(Path::new("1.jpg"), &classes), None);
        assert_eq!(parent_of_class(Path::new("ants"), "ants"), None);
    }
}
