//! The order of classes, fixed by a file: one name a line. It decides which class has which number in a model.

use std::path::Path;

use crate::inventory::{Inventory, Sample};
use crate::text_file::{read_text, wrong};
use crate::{Error, Result, Survey};
use icecap_foundation::did_you_mean::nearest;
use icecap_foundation::shown::shown;

/// Reads the names of classes, one a line; empty lines are passed over.
///
/// # Errors
/// [`Error::Io`], [`Error::Limit`], [`Error::Listing`] for a name that stands there twice and for fewer than two.
pub fn read_classes(file: &Path) -> Result<Vec<String>> {
    let text = read_text(file)?;
    let mut classes: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if !known.insert(line) {
            return Err(wrong(file, index + 1, format!("'{}' stands there twice; keep one", shown(line))));
        }
        classes.push(line.to_owned());
    }
    if classes.len() < 2 {
        return Err(wrong(file, 1, "fewer than two classes; give one name a line"));
    }
    Ok(classes)
}

/// Where each class of `found` stands in `wanted`, which have to be the same names.
fn places(file: &Path, found: &[String], wanted: &[String]) -> Result<Vec<usize>> {
    let place = |class: &String| {
        wanted.iter().position(|wanted| wanted == class).ok_or_else(|| {
            let free = wanted.iter().filter(|wanted| !found.contains(wanted)).map(String::as_str);
            Error::ClassNotListed {
                path: file.to_owned(),
                class: class.clone(),
                meant: nearest(class, free).map(str::to_owned),
            }
        })
    };
    let places: Vec<usize> = found.iter().map(place).collect::<Result<_>>()?;
    match wanted.iter().find(|wanted| !found.contains(wanted)) {
        Some(class) => Err(Error::ClassWithoutPhotos { path: file.to_owned(), class: class.clone() }),
        None => Ok(places),
    }
}

impl Inventory {
    /// Numbers the classes in the order of `wanted`, which was read from `file`.
    ///
    /// # Errors
    /// [`Error::ClassNotListed`] and [`Error::ClassWithoutPhotos`] if the names are not the same.
    pub fn order_classes(&mut self, file: &Path, wanted: &[String]) -> Result<()> {
        let places = places(file, &self.classes, wanted)?;
        // Samples stay in the order in which they were found. Which of a class are held back is drawn by its number, though,
        // and changes with that.
        let number = |samples: &mut Vec<Sample>| {
            samples.iter_mut().for_each(|sample| sample.class = places[sample.class]);
        };
        number(&mut self.train);
        self.val.as_mut().map(number);
        self.test.as_mut().map(number);
        self.classes = wanted.to_vec();
        Ok(())
    }
}

impl Survey {
    /// Numbers the classes of a survey in the order of `wanted`, which was read from `file`.
    ///
    /// # Errors
    /// Those of [`Inventory::order_classes`].
    pub fn order_classes(&mut self, file: &Path, wanted: &[String]) -> Result<()> {
        let places = places(file, &self.classes, wanted)?;
        self.photos.iter_mut().for_each(|(_, sample)| sample.class = places[sample.class]);
        self.photos.sort_by_key(|(part, sample)| (*part, sample.class));
        self.classes = wanted.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn classes_are_numbered_as_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("classes.txt");
        std::fs::write(&file, "wasps\r\nants\n\nbees\n").unwrap();
        let wanted = read_classes(&file).unwrap();
        assert_eq!(wanted, ["wasps", "ants", "bees"]);
        let sample = |class| Sample { path: format!("{class}").into(), class };
        let mut inventory = Inventory {
            classes: names(&["ants", "bees", "wasps"]),
            train: vec![sample(0), sample(1), sample(2)],
            val: Some(vec![sample(2)]),
            ..Inventory::default()
        };
        inventory.order_classes(&file, &wanted).unwrap();
        let numbers: Vec<usize> = inventory.train.iter().map(|sample| sample.class).collect();
        assert_eq!((numbers, inventory.val.unwrap()[0].class), (vec![1, 2, 0], 0));

        let said = |found: &[&str]| {
            let mut inventory = Inventory { classes: names(found), ..Inventory::default() };
            inventory.order_classes(&file, &wanted).unwrap_err().to_string()
        };
        assert!(
            said(&["ants", "bees", "Wasp"]).contains("'Wasp' is not in this list; did you mean 'wasps'?")
        );
        assert!(said(&["ants", "bees", "wasps", "cats"]).contains("'cats' is not in this list; add it"));
        assert!(said(&["ants", "bees"]).contains("no training photo of class 'wasps'"));
        for wrong in ["a\nb\na\n", "a\n", ""] {
            std::fs::write(&file, wrong).unwrap();
            assert!(matches!(read_classes(&file), Err(Error::Listing { .. })), "{wrong}");
        }
    }
}
