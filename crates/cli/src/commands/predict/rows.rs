//! Rows of predictions: a table for people, CSV, JSON and JSON lines for programs.

use std::path::PathBuf;

use icecap::Prediction;
use icecap::advanced::data::{self, csv_record};
use icecap::model::{Choice, Columns, NO_LABEL, Row};

use super::photos::Photo;
use crate::options::row_format::Format;
use crate::photos::skipped::is_limit;
use crate::terminal::failure::Failure;
use crate::terminal::wording::{plain, plain_path};

/// What is counted over all rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) photos: usize,
    pub(super) unreadable: usize,
    /// The unreadable photos that are above a limit.
    pub(super) over_limit: usize,
    /// Photos that have a label and lie in a folder with a class's name, and those of them that were labeled so.
    pub(super) labeled: usize,
    pub(super) right: usize,
    /// Photos whose best guess is too improbable to be told as their class, and those among them, or beside them, that are too
    /// unlike those of the training.
    pub(super) rejected: usize,
    pub(super) novel: usize,
    /// Photos that the model has learned from.
    pub(super) learned: usize,
    /// Why the first unreadable photo is so, its path included.
    pub(super) first_error: Option<String>,
    /// Why a file or folder could not be looked into.
    pub(super) not_scanned: Option<Failure>,
}

/// Writes rows, window by window.
pub(super) struct Rows<'a> {
    format: Format,
    classes: &'a [String],
    columns: Columns,
    /// Widths of the table's columns so far; `None` before the first window.
    widths: Vec<usize>,
    begun: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(format: Format, classes: &'a [String], columns: Columns) -> Self {
        let mut columns = columns.within(classes.len());
        if format == Format::Table {
            // A number that is not asked about takes room, and every class is one of the most probable.
            columns.novelty &= columns.reject_novel.is_some();
            columns.top = if std::mem::take(&mut columns.all) { classes.len() } else { columns.top };
        }
        Self { format, classes, columns, widths: Vec::new(), begun: false }
    }

    /// Returns the rows of some photos as text, with the header in front of the first. `heatmaps` are the files of the
    /// photos' heatmaps; empty if none are drawn.
    pub(super) fn window(
        &mut self,
        photos: &[Photo],
        predictions: &[Result<Prediction, data::Error>],
        heatmaps: &[Option<PathBuf>],
        tally: &mut Tally,
    ) -> String {
        let rows: Vec<Row> = photos
            .iter()
            .zip(predictions)
            .enumerate()
            .map(|(index, (photo, prediction))| {
                let heatmap = heatmaps.get(index).cloned().flatten();
                let mut row = self.row(photo, prediction, tally);
                row.heatmap = heatmap;
                row
            })
            .collect();
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Table => self.table(&rows, first),
            Format::Csv => self.csv(&rows, first),
            Format::Jsonl => rows.iter().map(|row| json(row) + "\n").collect(),
            Format::Json => {
                let before = |index| if first && index == 0 { "[\n" } else { ",\n" };
                rows.iter().enumerate().map(|(index, row)| before(index).to_owned() + &json(row)).collect()
            }
        }
    }

    /// Returns what stands behind the last row.
    pub(super) fn end(&self) -> &'static str {
        match (self.format, self.begun) {
            (Format::Json, true) => "\n]\n",
            (Format::Json, false) => "[]\n",
            _ => "",
        }
    }

    fn row(&self, photo: &Photo, prediction: &Result<Prediction, data::Error>, tally: &mut Tally) -> Row {
        let row = self.columns.row(photo.path(), self.classes, prediction);
        tally.photos += 1;
        match prediction {
            Ok(said) => {
                let is_novel =
                    said.novelty.zip(self.columns.reject_novel).is_some_and(|(own, most)| own > most);
                tally.novel += usize::from(is_novel);
                let is_labeled = row.true_label.is_some() && !row.is_rejected;
                tally.rejected += usize::from(row.is_rejected);
                tally.labeled += usize::from(is_labeled);
                tally.right += usize::from(is_labeled && !row.is_wrong());
            }
            Err(error) => {
                tally.unreadable += 1;
                tally.over_limit += usize::from(is_limit(error));
                tally.first_error.get_or_insert_with(|| match photo {
                    Photo::File(_) => error.to_string(),
                    Photo::Bytes(_) => format!("standard input: {error}"),
                });
            }
        }
        row
    }

    fn csv(&self, rows: &[Row], first: bool) -> String {
        let mut text = if first { csv_record(self.columns.names(self.classes)) } else { String::new() };
        text.extend(rows.iter().map(|row| csv_record(row.fields(self.classes.len()))));
        text
    }

    /// Columns: photo, then class and probability as often as asked for, the labels if there may be several, the best guess if
    /// it may be rejected, the novelty if it is asked about, the true class, the heatmap's file if there are such, what is to be said.
    fn table(&mut self, rows: &[Row], first: bool) -> String {
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(rows.len() + 1);
        if first {
            let mut header = vec!["photo".to_owned(), "predicted".to_owned(), "probability".to_owned()];
            for place in 2..=self.columns.top {
                header.extend([ordinal(place), "probability".to_owned()]);
            }
            header.extend(self.columns.labels.then(|| "labels".to_owned()));
            header.extend(self.columns.rejects().then(|| "best guess".to_owned()));
            header.extend(self.columns.novelty.then(|| "novelty".to_owned()));
            header.push("true".to_owned());
            header.extend(self.columns.heatmap.then(|| "heatmap".to_owned()));
            header.push(String::new());
            self.widths = header.iter().map(String::len).collect();
            lines.push(header);
        }
        lines.extend(rows.iter().map(|row| self.cells(row)));
        // The last column is not padded: a long reason widens nothing.
        for line in &lines {
            for (width, cell) in self.widths.iter_mut().zip(&line[..line.len() - 1]) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for line in &lines {
            let mut out = String::new();
            for (column, (cell, &width)) in line.iter().zip(&self.widths).enumerate() {
                let number = column > 0 && column.is_multiple_of(2) && column <= 2 * self.columns.top;
                out += &if number { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            }
            text.extend([out.trim_end(), "\n"]);
        }
        text
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = vec![plain_path(&row.path)];
        for place in 0..self.columns.top {
            match row.choices.get(place) {
                Some(Choice { label, probability }) => {
                    let label = if row.is_rejected && place == 0 { NO_LABEL } else { label };
                    cells.extend([plain(label).into_owned(), format!("{probability:.4}")]);
                }
                None => cells.extend(["-".to_owned(), "-".to_owned()]),
            }
        }
        let told = |name: Option<&str>| name.map_or(String::new(), |name| plain(name).into_owned());
        cells.extend(row.labels.iter().map(|labels| {
            let label = |choice: &Choice| format!("{} {:.4}", plain(&choice.label), choice.probability);
            labels.iter().map(label).collect::<Vec<_>>().join(", ")
        }));
        cells.extend(self.columns.rejects().then(|| told(row.best_guess())));
        let novelty = || row.novelty.map_or(String::new(), |novelty| format!("{novelty:.3}"));
        cells.extend(self.columns.novelty.then(novelty));
        cells.push(told(row.true_label.as_deref()));
        if self.columns.heatmap {
            cells.push(row.heatmap.as_deref().map_or(String::new(), plain_path));
        }
        cells.push(match &row.error {
            // Why, in full, would be wider than a terminal.
            Some(_) => "unreadable".to_owned(),
            None if row.is_wrong() => "wrong".to_owned(),
            None => String::new(),
        });
        cells
    }
}

fn json(row: &Row) -> String {
    match serde_json::to_string(row) {
        Ok(text) => plain(&text).into_owned(),
        Err(error) => unreachable!("texts and numbers become JSON: {error}"),
    }
}

fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(class: usize, probabilities: &[f32]) -> Prediction {
        let probabilities = probabilities.to_vec();
        Prediction {
            class,
            label: String::new(),
            probability: probabilities[class],
            probabilities,
            labels: None,
            logits: Vec::new(),
            novelty: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_table_lines_up_and_tells_what_is_wrong() {
        let classes = ["ant".to_owned(), "wasp".to_owned()];
        let columns = Columns::default();
        let mut rows = Rows::new(Format::Table, &classes, columns);
        let mut tally = Tally::default();
        let paths = ["p/ant/1", "p/wasp/a/long", "x"].map(|path| Photo::File(path.into()));
        let predictions =
            [Ok(prediction(0, &[0.75, 0.25])), Ok(prediction(0, &[1.0, 0.0])), Err(data::Error::Empty)];
        let text = rows.window(&paths, &predictions, &[], &mut tally);
        assert_eq!(
            text,
            "photo          predicted  probability  true\n\
             p/ant/1        ant             0.7500  ant\n\
             p/wasp/a/long  ant             1.0000  wasp  wrong\n\
             x              -                    -        unreadable\n"
        );
        assert_eq!((tally.photos, tally.unreadable, tally.labeled, tally.right), (3, 1, 2, 1));
    }

    #[test]
    fn what_is_rejected_is_neither_right_nor_wrong_and_its_best_guess_is_told() {
        let classes = ["ant".to_owned(), "wasp".to_owned()];
        let columns = Columns { top: 2, reject_below: Some(0.75), heatmap: true, ..Columns::default() };
        let rows = |format, tally: &mut Tally| {
            let paths = ["p/ant/1", "p/ant/2", "x"].map(|path| Photo::File(path.into()));
            let predictions = [
                Ok(prediction(0, &[0.75, 0.25])),
                Ok(prediction(1, &[0.375, 0.625])),
                Err(data::Error::Empty),
            ];
            let heatmaps =
                ["h/1.png", "h/2.png", ""].map(|path| (!path.is_empty()).then(|| PathBuf::from(path)));
            Rows::new(format, &classes, columns).window(&paths, &predictions, &heatmaps, tally)
        };
        let mut tally = Tally::default();
        assert_eq!(
            rows(Format::Csv, &mut tally),
            "path,label,probability,label_2,probability_2,best_guess,true_label,heatmap,error\n\
             p/ant/1,ant,0.75,wasp,0.25,ant,ant,h/1.png,\n\
             p/ant/2,none,0.625,ant,0.375,wasp,ant,h/2.png,\n\
             x,,,,,,,,\"the file is empty\"\n"
                .replace("\"the file is empty\"", &data::Error::Empty.to_string())
        );
        assert_eq!((tally.photos, tally.rejected, tally.labeled, tally.right), (3, 1, 1, 1));
        let json = rows(Format::Jsonl, &mut tally);
        let second = json.lines().nth(1).unwrap_or_default();
        assert!(
            second.contains("\"label\":\"none\"") && second.contains("\"best_guess\":\"wasp\""),
            "{json}"
        );
        assert!(json.lines().nth(2).unwrap_or_default().contains("\"heatmap\":null"), "{json}");
        let table = rows(Format::Table, &mut tally);
        assert!(!table.contains("wrong") && table.contains("none"), "{table}");
    }

    #[test]
    fn an_array_is_one_over_all_windows_and_names_every_class() {
        let classes = ["a, b".to_owned(), "c".to_owned()];
        let columns = Columns { all: true, novelty: true, reject_novel: Some(1.0), ..Columns::default() };
        let mut rows = Rows::new(Format::Json, &classes, columns);
        let mut tally = Tally::default();
        assert_eq!(rows.end(), "[]\n");
        let near = Prediction { novelty: Some(0.5), ..prediction(0, &[0.75, 0.25]) };
        let far = Prediction { novelty: Some(2.0), ..prediction(0, &[0.75, 0.25]) };
        let mut text = rows.window(&[Photo::File("1".into())], &[Ok(near)], &[], &mut tally);
        let photos = [Photo::Bytes(vec![1]), Photo::File("3".into())];
        text += &rows.window(&photos, &[Ok(far), Err(data::Error::Empty)], &[], &mut tally);
        text += rows.end();
        let array: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = array.as_array().unwrap();
        assert_eq!(
            (all.len(), &all[0]["probabilities"]["a, b"], &all[0]["label"]),
            (3, &0.75.into(), &"a, b".into())
        );
        assert_eq!(
            (&all[1]["label"], &all[1]["novelty"], &all[1]["path"]),
            (&"none".into(), &2.0.into(), &"-".into())
        );
        assert!(all[2]["probabilities"].is_null());
        assert_eq!((tally.novel, tally.rejected, tally.unreadable), (1, 1, 1));
        let csv = Rows::new(Format::Csv, &classes, columns).window(&[], &[], &[], &mut tally);
        assert_eq!(
            csv,
            "path,label,probability,\"probability:a, b\",probability:c,best_guess,novelty,true_label,error\n"
        );
        // The table has the classes by their probability, as far down as all.
        let table = Rows::new(Format::Table, &classes, columns).window(&[], &[], &[], &mut tally);
        assert!(
            table.starts_with("photo  predicted  probability  2nd  probability  best guess  novelty"),
            "{table}"
        );
    }

    #[test]
    fn several_labels_of_a_photo_stand_in_one_cell() {
        let classes = ["cat", "dog", "tree"].map(str::to_owned);
        let columns = Columns { labels: true, ..Columns::default() };
        let rows = |format| {
            let several = Prediction { labels: Some(vec![1, 2]), ..prediction(1, &[0.25, 0.75, 0.5]) };
            let none = Prediction { labels: Some(Vec::new()), ..prediction(1, &[0.125, 0.25, 0.125]) };
            let paths = ["p/tree/1", "2", "3"].map(|path| Photo::File(path.into()));
            let predictions = [Ok(several), Ok(none), Err(data::Error::Empty)];
            Rows::new(format, &classes, columns).window(&paths, &predictions, &[], &mut Tally::default())
        };
        assert_eq!(
            rows(Format::Table),
            "photo     predicted  probability  labels                   true\n\
             p/tree/1  dog             0.7500  dog 0.7500, tree 0.5000  tree\n\
             2         none            0.2500\n\
             3         -                    -                                 unreadable\n"
        );
        assert!(rows(Format::Csv).starts_with(
            "path,label,probability,labels,true_label,error\np/tree/1,dog,0.75,dog|tree,tree,\n"
        ));
        let json = rows(Format::Jsonl);
        let labels = r#""labels":[{"label":"dog","probability":0.75},{"label":"tree","probability":0.5}]"#;
        assert!(
            json.contains(labels) && json.lines().nth(1).unwrap_or_default().contains("\"labels\":[]"),
            "{json}"
        );
    }

    #[test]
    fn places_are_counted_as_people_do() {
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 21, 102].map(ordinal).join(" "),
            "1st 2nd 3rd 4th 11th 12th 21st 102nd"
        );
    }
}
