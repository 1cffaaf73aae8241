//! What became of the last blocks of the net: trials, how far each layer moved, photos won and lost.

use icecap::advanced::data::Part;

use super::escape::escape;
use super::figure::{loss, percent};
use super::gallery::{Overlay, gallery};
use super::svg::{Plot, drawing, steps, ticks, unit};
use super::thumbnail::Thumbnails;
use crate::run::Run;
use crate::run::figure::Figure;
use crate::run::predictions::Seen;
use crate::run::tuned::{MovedRow, TrialRow, Tuned};
use crate::wording::{chance, counted, grouped};

/// Units of the chart.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 246.0;
const PLOT: Plot = Plot { left: 52.0, right: 426.0, top: 12.0, bottom: 204.0 };
/// Colors of `style.css`.
const COLORS: usize = 8;

/// The validation photos that only the tuned net knows, and those that only the head alone knew.
#[derive(Default)]
pub(super) struct Changed<'a> {
    pub(super) won: Vec<&'a Seen>,
    pub(super) lost: Vec<&'a Seen>,
}

impl<'a> Changed<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        let Some(paired) = run.metrics.tuned.as_ref().and_then(|tuned| tuned.paired.as_ref()) else {
            return Self::default();
        };
        let of = |paths: &[String]| {
            let named = |seen: &&Seen| paths.iter().any(|path| *path == seen.path.to_string_lossy());
            run.part(Part::Val).filter(named).collect()
        };
        Self { won: of(&paired.won), lost: of(&paired.lost) }
    }
}

/// Returns the section's content; `None` if nothing was to be tuned.
pub(super) fn tuning(
    run: &Run,
    changed: &Changed<'_>,
    thumbnails: &mut Thumbnails<'_>,
    overlay: Overlay<'_>,
) -> Option<String> {
    let tuned = run.metrics.tuned.as_ref()?;
    let mut content = format!("<p class=\"lead\">{}</p>", lead(tuned));
    let cards = [trials(tuned), moved(&tuned.moved)];
    content += &match cards {
        [Some(trials), Some(moved)] => format!("<div class=\"two\">{trials}{moved}</div>"),
        cards => cards.into_iter().flatten().collect(),
    };
    if let Some(paired) = &tuned.paired {
        content += &format!(
            "<p class=\"note\"><b>The same {} by both.</b> {} known by the tuned net alone, {} by the head alone{}. Only \
             these can tell one from the other.</p>",
            counted(paired.photos as usize, "validation photo"),
            counted(paired.won.len(), "photo"),
            counted(paired.lost.len(), "photo"),
            paired.p_value.map_or_else(String::new, |p| format!(" (McNemar’s test: {})", escape(&chance(p)))),
        );
        for (title, photos) in [
            ("Won: right with the tuned net alone", &changed.won),
            ("Lost: right with the head alone", &changed.lost),
        ] {
            if !photos.is_empty() {
                content += &format!("<h3>{title}</h3>{}", gallery(run, photos, thumbnails, overlay, ""));
            }
        }
    }
    Some(content)
}

/// What was done, and what it was good for.
fn lead(tuned: &Tuned) -> String {
    let from = escape(tuned.from.as_deref().unwrap_or_default());
    let held = counted(tuned.held as usize, "training photo");
    match tuned.outcome.as_str() {
        "tuned" => {
            let why = match tuned.judged {
                true => format!("{held} that were held back for a trial did not speak against it"),
                false => "there were too few photos to try it on others first".to_owned(),
            };
            let before = tuned.head_val_accuracy.map_or_else(String::new, |accuracy| {
                format!(" By the head alone {} of the validation photos were right.", share(accuracy))
            });
            format!(
                "After the head, the net has learned too, from {from} on, for {}: {why}. {} values of it are trained; the \
                 means and variances of BatchNorm are as they were.{before}",
                counted(tuned.epochs as usize, "epoch"),
                grouped(tuned.trainable)
            )
        }
        "no better" => {
            format!("The head alone is kept: on {held} that were held back, tuning was worse.")
        }
        "too few photos" => {
            "The head alone is kept: with so few photos a class it cannot be told whether tuning is \
                             better."
                .to_owned()
        }
        "diverged" => "The head alone is kept: the loss of tuning was no number any more.".to_owned(),
        _ => String::new(),
    }
}

fn share(figure: Figure) -> String {
    percent(f64::from(figure))
}

/// A share that is mostly a small one.
fn small(share: f64) -> String {
    format!("{:.*} %", if share < 0.01 { 3 } else { 1 }, 100.0 * share)
}

/// The loss of each trial on the photos held back, over its epochs; they begin at the head alone.
fn trials(tuned: &Tuned) -> Option<String> {
    let start = f64::from(tuned.head_loss?);
    let line = |trial: &TrialRow| -> Vec<(f64, f64)> {
        let known = |(epoch, loss): (usize, &Option<Figure>)| Some(((epoch + 1) as f64, f64::from((*loss)?)));
        trial.loss.iter().enumerate().filter_map(known).filter(|(_, loss)| loss.is_finite()).collect()
    };
    let lines: Vec<Vec<(f64, f64)>> = tuned.trials.iter().map(line).collect();
    let points = || lines.iter().flatten();
    let last = points().map(|point| point.0).fold(0.0, f64::max);
    if last == 0.0 {
        return None;
    }
    let top = points().map(|point| point.1).fold(start, f64::max) * 1.04;
    let (x, y) = (PLOT.behind_start().x([1.0, last]), PLOT.y([0.0, top]));
    let mut content = PLOT.across(&y, &ticks(0.0, top, 5), false);
    content += &PLOT.behind_start().along(&x, &steps(1.0, last, 6), false, "epoch of fine-tuning");
    content += &format!(
        "<path class=\"ideal\" d=\"M{} {}H{}\"/>",
        unit(PLOT.left),
        unit(y.at(start)),
        unit(PLOT.right)
    );
    content += &PLOT.before(y.at(start), "head", &format!("the head alone\nloss {}", loss(start)));
    for (index, (line, trial)) in lines.iter().zip(&tuned.trials).enumerate() {
        let place = |&(epoch, loss): &(f64, f64)| (unit(x.at(epoch)), unit(y.at(loss)));
        let begin = format!("{} {}", unit(PLOT.start()), unit(y.at(start)));
        let rest = line.iter().map(place).map(|(x, y)| format!("{x} {y}"));
        let path: Vec<String> = std::iter::once(begin).chain(rest).collect();
        let color = index % COLORS;
        content += &format!("<path class=\"line t{color}\" d=\"M{}\"/>", path.join("L"));
        for point @ &(epoch, value) in line {
            let (x, y) = place(point);
            content += &format!(
                "<circle class=\"dot t{color}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"><title>from {}, epoch {epoch}\nloss {}</title></circle>",
                escape(&trial.from),
                loss(value)
            );
        }
    }
    let legend = tuned.trials.iter().enumerate().map(|(index, trial)| {
        // What it is judged by, which need not be the least.
        let at = f64::from(trial.judged);
        let judged = lines[index].iter().find(|point| at > 0.0 && point.0 == at);
        let judged = judged.map_or_else(|| "–".to_owned(), |point| loss(point.1));
        format!(
            "<li><span class=\"swatch t{}\"></span>from {} <b>{judged}</b></li>",
            index % COLORS,
            escape(&trial.from)
        )
    });
    let alone = format!("<li><span class=\"swatch none\"></span>head alone <b>{}</b></li>", loss(start));
    Some(format!(
        "<figure class=\"card\"><h3>Loss on the photos held back</h3>{}<ul class=\"legend\">{}{alone}</ul></figure>",
        drawing(WIDTH, HEIGHT, "Loss on the photos held back over the epochs", "chart", &content),
        legend.collect::<String>()
    ))
}

/// How far kernel, scale and shift of each layer are from where they were.
fn moved(moved: &[MovedRow]) -> Option<String> {
    if moved.is_empty() {
        return None;
    }
    let most = moved.iter().filter_map(|row| row.relative).fold(f64::MIN_POSITIVE, f64::max);
    let number = |row: Option<&MovedRow>| row.and_then(|row| row.relative).map_or("–".to_owned(), small);
    let starts = (0..moved.len()).filter(|&index| moved[index].tensor.ends_with("/kernel"));
    let rows = starts.map(|index| {
        let kernel = &moved[index];
        let behind = |ending: &str| moved[index + 1..].iter().take(2).find(|row| row.tensor.ends_with(ending));
        format!(
            "<tr><td>{}</td><td class=\"num\"><span class=\"bar\" style=\"--w:{:.1}%\"></span><span class=\"share\">{}</span></td>\
             <td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
            escape(kernel.tensor.trim_end_matches("/kernel")),
            100.0 * kernel.relative.unwrap_or(0.0) / most,
            number(Some(kernel)),
            number(behind("/gamma")),
            number(behind("/beta"))
        )
    });
    let rows: String = rows.collect();
    Some(format!(
        "<div class=\"card moved\"><h3>How far each layer moved</h3><div class=\"scroll tall\"><table><thead><tr><th scope=\"col\">layer</th>\
         <th class=\"num\" scope=\"col\">kernel</th><th class=\"num\" scope=\"col\">scale</th><th class=\"num\" scope=\"col\">shift</th></tr></thead><tbody>{rows}</tbody>\
         </table></div><p class=\"small\">The length of the change, as a share of the length of what was there.</p></div>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: &[f32]) -> Vec<Option<Figure>> {
        values.iter().map(|value| Some((*value).into())).collect()
    }

    #[test]
    fn trials_are_lines_from_the_head_alone_on_and_moves_are_a_row_a_layer() {
        let trial = |from: &str, values: &[f32]| TrialRow {
            from: from.to_owned(),
            judged: values.len() as u32,
            loss: figures(values),
            accuracy: Vec::new(),
        };
        let row = |tensor: &str, relative| MovedRow { tensor: tensor.to_owned(), relative: Some(relative) };
        let tuned = Tuned {
            outcome: "tuned".to_owned(),
            from: Some("block_<16>".to_owned()),
            head_loss: Some(0.4.into()),
            trials: vec![trial("block_16", &[0.1, f32::NAN, 0.2]), trial("block_13", &[])],
            moved: vec![row("Conv_1/kernel", 0.02), row("Conv_1_bn/gamma", 0.01), row("b/kernel", 0.04)],
            ..Tuned::default()
        };
        let drawn = trials(&tuned).unwrap();
        assert!(!drawn.contains("NaN") && drawn.contains("from block_13 <b>–</b>"), "{drawn}");
        assert_eq!(drawn.matches("<circle class=\"dot").count(), 2, "{drawn}");
        assert!(drawn.contains("from block_16 <b>0.2000</b>"), "{drawn}");
        let table = moved(&tuned.moved).unwrap();
        assert_eq!(table.matches("<tr><td>").count(), 2);
        assert!(table.contains("--w:50.0%") && table.contains("--w:100.0%"), "{table}");
        assert!(lead(&tuned).contains("block_&lt;16&gt;"), "{}", lead(&tuned));
        assert!(trials(&Tuned::default()).is_none() && moved(&[]).is_none());
    }
}
