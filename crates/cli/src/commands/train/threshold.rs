//! `train --threshold`: from which probability on a photo is taken for the class that is looked for.

use icecap::Trained;
use icecap::judge::{OperatingPoint, Wish};
use icecap::learn::Sought;

use super::options::Options;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain, typed};

/// Returns which class is looked for, and what its threshold is to do; `None` if nobody asked.
pub(super) fn sought(options: &Options, classes: &[String]) -> Result<Option<Sought>, Failure> {
    let Some(wish) = options.threshold else { return Ok(None) };
    let refuse = |message: String| Err(Failure::new(Code::Arguments, message));
    if classes.len() != 2 {
        return refuse(format!(
            "--threshold: only two classes have one, and there are {}; `icecap predict --reject-below` takes an unsure answer \
             for none of them",
            classes.len()
        ));
    }
    let class = match &options.positive {
        None => 1,
        Some(name) => match classes.iter().position(|class| class == name) {
            Some(class) => class,
            None => {
                let [first, second] = [0, 1].map(|index: usize| plain(&classes[index]));
                let message =
                    format!("--positive: no class '{}'; the classes are {first} and {second}", plain(name));
                return refuse(message);
            }
        },
    };
    Ok(Some(Sought { class, wish }))
}

/// Returns a line on the threshold that was chosen, and warns of a wish that the photos do not grant.
pub(super) fn text(trained: &Trained) -> String {
    let Some(point) = &trained.point else { return String::new() };
    let name = &trained.classifier.classes()[point.positive];
    let class = plain(name);
    let judged =
        format!("{}, each judged by a head that has not seen it", counted(point.photos, "training photo"));
    if !point.is_reached {
        note(&unreached(point, name, &judged));
        return "threshold   0.5, as without --threshold\n".to_owned();
    }
    let wished = match point.wish {
        Wish::Probability(_) => String::new(),
        wish => format!(" ({wish})"),
    };
    let does = match point.photos {
        0 => "too few training photos to tell what it does".to_owned(),
        _ => format!("{}\n            on {judged}", figures(point)),
    };
    format!("threshold   {class} from a probability of {:.4} on{wished}: {does}\n", point.probability)
}

fn figures(point: &OperatingPoint) -> String {
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
    format!("precision {}, recall {}", share(point.precision), share(point.recall))
}

fn unreached(point: &OperatingPoint, class: &str, judged: &str) -> String {
    if point.photos == 0 {
        return format!(
            "warning: --threshold {}: too few training photos to choose one by; it stays at 0.5",
            point.wish
        );
    }
    format!(
        "warning: --threshold {}: no threshold does that for {} on {judged}; the nearest, {:.4}, has {}. It stays at 0.5; \
         --threshold {} --positive {} takes the nearest",
        point.wish,
        plain(class),
        point.probability,
        figures(point),
        // All digits: a photo of just this probability is to be on the same side.
        point.probability,
        typed(class),
    )
}
