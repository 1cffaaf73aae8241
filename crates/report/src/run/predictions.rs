//! `predictions.csv`: a line for each photo that was read, with what the trained model says of it.
//!
//! ```text
//! part,path,true,predicted,probability,true_probability,logits,map_x,map_y,novelty,probability:ants,probability:bees
//! val,val/bees/7.jpg,bees,bees,0.98,0.98,3.9,-4.1,2.2,0.61,0.02,0.98
//! ```
//! `probability` is the predicted class's, `logits` has the head's numbers separated by spaces, `map_x` and `map_y` the
//! photo's place on the map of features; `novelty` tells how unlike the photos of the training it is. A column for each class has
//! its probability: that which `predict` gives, the temperature included. Logits and these are left out if all photos together
//! have too many.

use std::collections::HashMap;
use std::path::PathBuf;

use icecap::advanced::data::{CsvRecords, OpenQuote, Part, csv_record};
use icecap::model::OF_CLASS;

/// The columns of the file.
const COLUMNS: [&str; 10] = [
    "part",
    "path",
    "true",
    "predicted",
    "probability",
    "true_probability",
    "logits",
    "map_x",
    "map_y",
    "novelty",
];
/// The most photos.
const MAX_ROWS: usize = 4_000_000;

/// A photo and what the model says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The part that the photo was in.
    pub part: Part,
    /// Its name: the path below the dataset, in older runs the path as it was when the run was made.
    pub path: PathBuf,
    /// The true class, by its number.
    pub class: usize,
    /// The class that the model says.
    pub predicted: usize,
    /// The probability of the predicted class.
    pub probability: f32,
    /// The probability of the true class.
    pub true_probability: f32,
    /// The place of the photo on the map of features.
    pub place: Option<[f32; 2]>,
}

impl Seen {
    /// Whether the model says the true class.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.class == self.predicted
    }
}

/// What the model says of a photo beside its class.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The numbers of the head, and the probability of each class; empty if there are too many.
    pub logits: Vec<f32>,
    /// The probability of each class; empty if there are too many.
    pub probabilities: Vec<f32>,
    /// How unlike the photos of the training it is.
    pub novelty: Option<f32>,
}

/// Returns the first line of the file, with a column for each of `classes`, if their probabilities are told.
pub fn header(classes: &[String]) -> String {
    let columns = COLUMNS.map(str::to_owned).into_iter();
    csv_record(columns.chain(classes.iter().map(|class| format!("{OF_CLASS}{class}"))))
}

/// Returns the line of a photo. `classes` are the names of the classes by index.
pub fn line(seen: &Seen, classes: &[String], said: &Said) -> String {
    let logits: Vec<String> = said.logits.iter().map(f32::to_string).collect();
    let [x, y] = seen.place.map_or([String::new(), String::new()], |place| place.map(|at| at.to_string()));
    let fields = [
        seen.part.name().to_owned(),
        seen.path.to_string_lossy().into_owned(),
        classes[seen.class].clone(),
        classes[seen.predicted].clone(),
        seen.probability.to_string(),
        seen.true_probability.to_string(),
        logits.join(" "),
        x,
        y,
        said.novelty.map_or(String::new(), |novelty| novelty.to_string()),
    ];
    csv_record(fields.into_iter().chain(said.probabilities.iter().map(f32::to_string)))
}

/// Reads the file's text. If `classes` is empty, it is filled with the classes that the file names; if not, a class that
/// it lacks is an error. An error is a line number and a reason.
pub(super) fn parse(text: &str, classes: &mut Vec<String>) -> Result<Vec<Seen>, (usize, String)> {
    let open = |quote: OpenQuote| (quote.0, "a quote that is not closed".to_owned());
    let mut records = CsvRecords::new(text);
    let header = records.next().transpose().map_err(open)?;
    let header = header.map(|(_, fields)| fields).unwrap_or_default();
    let column = |name: &str| header.iter().position(|field| field == name);
    let needed = |name: &str| column(name).ok_or((1, format!("the column '{name}' is missing")));
    let needed = [
        needed("part")?,
        needed("path")?,
        needed("true")?,
        needed("predicted")?,
        needed("probability")?,
        needed("true_probability")?,
    ];
    let map = column("map_x").zip(column("map_y"));
    let mut names = Names::new(classes);
    let mut photos = Vec::new();
    for record in records {
        let (line, fields) = record.map_err(open)?;
        if fields.len() != header.len() {
            return Err((
                line,
                format!("{} columns where the first line has {}", fields.len(), header.len()),
            ));
        }
        if photos.len() == MAX_ROWS {
            return Err((line, format!("more than {MAX_ROWS} photos")));
        }
        let [part, path, class, predicted, probability, true_probability] =
            needed.map(|column| fields[column].as_str());
        let place = map.and_then(|(x, y)| Some([coordinate(&fields[x])?, coordinate(&fields[y])?]));
        photos.push(Seen {
            part: Part::named(part)
                .ok_or_else(|| (line, format!("the part '{part}' is not train, val or test")))?,
            path: PathBuf::from(path),
            class: names.find(class).map_err(|reason| (line, reason))?,
            predicted: names.find(predicted).map_err(|reason| (line, reason))?,
            probability: share(probability).map_err(|reason| (line, reason))?,
            true_probability: share(true_probability).map_err(|reason| (line, reason))?,
            place,
        });
    }
    Ok(photos)
}

/// Class names and their indices.
struct Names<'a> {
    classes: &'a mut Vec<String>,
    indices: HashMap<String, usize>,
    closed: bool,
}

impl<'a> Names<'a> {
    fn new(classes: &'a mut Vec<String>) -> Self {
        let indices = classes.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
        let closed = !classes.is_empty();
        Self { classes, indices, closed }
    }

    fn find(&mut self, name: &str) -> Result<usize, String> {
        match self.indices.get(name) {
            Some(index) => Ok(*index),
            None if self.closed => Err(format!("the class '{name}' is none of metrics.json")),
            None => {
                self.indices.insert(name.to_owned(), self.classes.len());
                self.classes.push(name.to_owned());
                Ok(self.classes.len() - 1)
            }
        }
    }
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("'{text}' is no probability"))
}

fn coordinate(text: &str) -> Option<f32> {
    text.parse().ok().filter(|value: &f32| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "part,path,true,predicted,probability,true_probability,logits,map_x,map_y\n";

    fn parsed(rows: &str) -> Result<Vec<Seen>, (usize, String)> {
        parse(&format!("{HEADER}{rows}"), &mut vec!["a".to_owned(), "b,c".to_owned()])
    }

    #[test]
    fn a_row_is_a_photo() {
        let seen = parsed("val,\"x\n.jpg\",a,\"b,c\",0.75,0.25,1.1,-2,3\ntrain,y,a,a,1,1,,,\n").unwrap();
        assert_eq!(seen[0].path, PathBuf::from("x\n.jpg"));
        assert_eq!((seen[0].class, seen[0].predicted, seen[0].is_right()), (0, 1, false));
        assert_eq!((seen[0].probability, seen[0].true_probability), (0.75, 0.25));
        assert_eq!((seen[0].place, seen[1].place), (Some([-2.0, 3.0]), None));
        let mut classes = Vec::new();
        let text = "true,part,predicted,path,probability,true_probability\nz,test,y,p,0.5,0.5\n";
        assert_eq!(parse(text, &mut classes).unwrap()[0].part, Part::Test);
        assert_eq!(classes, ["z", "y"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let classes = ["a".to_owned(), "b,\"c\"".to_owned()];
        let photos: Vec<Seen> = (0..64_u32)
            .map(|number| {
                let share = number as f32 / 63.0;
                Seen {
                    part: [Part::Train, Part::Val, Part::Test][number as usize % 3],
                    path: format!("ph otos/{number},\"\n.jpg").into(),
                    class: number as usize % 2,
                    predicted: number as usize / 2 % 2,
                    probability: share,
                    true_probability: 1.0 - share,
                    place: (number % 5 > 0).then_some([share * 1e-7, -share * 1e7]),
                }
            })
            .collect();
        let said = Said { logits: vec![0.1, -2.5e-9], probabilities: vec![0.5, 1e-7], novelty: Some(0.25) };
        let text: String = photos.iter().map(|seen| line(seen, &classes, &said)).collect();
        let header = header(&classes);
        assert!(header.ends_with(",novelty,probability:a,\"probability:b,\"\"c\"\"\"\n"), "{header}");
        assert_eq!(parse(&(header + &text), &mut classes.to_vec()).unwrap(), photos);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (rows, line, reason) in [
            ("val,x,a,a,0.5,0.5,1,1\n", 2, "8 columns"),
            ("val,\"x\n\",a,a,0.5,0.5,1,1,1\nnone,x,a,a,0.5,0.5,1,1,1\n", 4, "part 'none'"),
            ("val,x,d,a,0.5,0.5,1,1,1\n", 2, "class 'd'"),
            ("val,x,a,a,1.5,0.5,1,1,1\n", 2, "'1.5' is no probability"),
            ("val,x,a,a,0.5,NaN,1,1,1\n", 2, "'NaN' is no probability"),
            ("val,\"x,a,a,0.5,0.5,1,1,1\n", 2, "quote"),
        ] {
            let (at, said) = parsed(rows).unwrap_err();
            assert!(at == line && said.contains(reason), "{rows}: line {at}: {said}");
        }
        let (at, said) = parse("part,path\n", &mut Vec::new()).unwrap_err();
        assert!(at == 1 && said.contains("'true'"), "{said}");
        assert!(parse("", &mut Vec::new()).is_err());
    }
}
