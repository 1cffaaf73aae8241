//! Class folders as they show in the path of a photo.

use std::path::Path;

/// Returns the folder that holds the folder of class `class` in which `photo` lies, however deep; `None` if no folder in
/// its path has that name.
pub(crate) fn parent_of_class<'a>(photo: &'a Path, class: &str) -> Option<&'a Path> {
    let folder =
        photo.ancestors().skip(1).find(|folder| folder.file_name().is_some_and(|name| name == class));
    folder.and_then(Path::parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_holds_the_classes() {
        let photo = Path::new("photos/val/bees/1.jpg");
        assert_eq!(parent_of_class(photo, "bees"), Some(Path::new("photos/val")));
        assert_eq!(parent_of_class(Path::new("p/bees/deep/1.jpg"), "bees"), Some(Path::new("p")));
        assert_eq!(parent_of_class(Path::new("ants"), "ants"), None);
    }
}
