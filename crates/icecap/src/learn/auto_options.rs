//! What the options leave to the photos: the number of epochs, the L2 penalty, the learning rate. Whatever is chosen
//! here looks at training photos alone.
//!
//! **The L2 penalty** of a head that is solved at once is chosen by folds, see [`choose_l2`](crate::learn::choose_l2); so is a
//! learning rate, and the epochs on several views of each photo, see [`CourseChoice`].
//!
//! **For other optimizers** it is 1 / N for N photos if the number of epochs is left open, too. The mean loss with it is
//! N times smaller than the logarithm of a posterior: of the photos, with a normal prior of variance 1 on each weight. The
//! more photos, the less it says: at 245 nothing is seen of it. From ten photos it takes a random start back that these
//! say nothing of: of ants and bees, five photos a class, 0.849 of others are then known, and 0.834 without it.

use crate::error::Error;
use crate::learn::compute::Compute;
use crate::learn::course_choice::{CourseChoice, Open, choose_course};
use crate::learn::decay::Decay;
use crate::learn::epochs::Epochs;
use crate::learn::feature_set::FeatureSet;
use crate::learn::folds::Unseen;
use crate::learn::l2_choice::{L2Choice, choose};
use crate::learn::learning_rate::find_rate;
use crate::learn::options::{Solver, TrainOptions};
use crate::learn::steps::{Rate, Steps};

/// With early stopping, epochs that are left to the photos may be so many times more.
const PATIENT: u32 = 10;
/// What is tried beside the rate that a range test finds: a rate at which the loss falls fastest at first is large for a whole
/// training.
const SMALLER: [f32; 3] = [1.0, 0.3, 0.1];

/// Options in which nothing is left open, and what they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The options: epochs are a number, the L2 penalty is there, the learning rate is found.
    pub options: TrainOptions,
    /// Whether the number of epochs came from the number of photos.
    pub epochs_by_photos: bool,
    /// The number of photos N, if the L2 penalty was set to 1 / N.
    pub l2_by_photos: Option<usize>,
    /// Whether the learning rate was left open.
    pub rate_found: bool,
    /// How learning rate or epochs were chosen by folds; `None` if neither was.
    pub course: Option<CourseChoice>,
    /// How the L2 penalty was chosen by folds; `None` if it was not.
    pub l2: Option<L2Choice>,
    /// What heads by these options said of training photos that they had not seen, where the choice has shown it.
    pub(crate) unseen: Option<Unseen>,
}

/// Settles what `options` leave open, by the training photos alone.
pub(crate) fn settle(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
) -> Result<Settled, Error> {
    options.check()?;
    let mut settled = Settled {
        options: options.clone(),
        epochs_by_photos: false,
        l2_by_photos: None,
        rate_found: false,
        course: None,
        l2: None,
        unseen: None,
    };
    match &mut settled.options.solver {
        Solver::Lbfgs { l2: Some(_) } => {}
        Solver::Lbfgs { l2 } => {
            let (choice, unseen) = choose(compute, train, classes, options)?;
            *l2 = Some(choice.l2);
            (settled.l2, settled.unseen) = (Some(choice), unseen);
        }
        Solver::Steps(steps) => {
            let epochs = steps.epochs.count(train.len(), steps.batch);
            settled.epochs_by_photos = steps.epochs == Epochs::Auto;
            let most = if settled.epochs_by_photos && steps.early_stopping.is_some() { PATIENT } else { 1 };
            steps.epochs = Epochs::Fixed(epochs.saturating_mul(most));
            if steps.l2.is_none() {
                let photos: usize = train.photos(classes).iter().sum();
                settled.l2_by_photos = Some(photos.max(1)).filter(|_| settled.epochs_by_photos);
                steps.l2 = Some(settled.l2_by_photos.map_or(0.0, |photos| 1.0 / photos as f32));
            }
            settled.rate_found = steps.rate == Rate::Find;
        }
    }
    if let Some(steps) = settled.options.steps().cloned() {
        settle_course(compute, train, classes, &mut settled, &steps)?;
    }
    Ok(settled)
}

/// Settles the learning rate, and the epochs of a training on several views, by the training photos' folds.
fn settle_course(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    settled: &mut Settled,
    steps: &Steps,
) -> Result<(), Error> {
    let (usual, found) = match steps.rate {
        Rate::Fixed(rate) => (rate, None),
        Rate::Find => (Steps::default().learning_rate(), Some(find_rate(train, classes, &settled.options)?)),
    };
    let mut rates = vec![usual];
    rates.extend(found.iter().flat_map(|found| SMALLER.map(|share| share * found)));
    // A cosine comes down to nothing at its last epoch: fewer epochs of it are another course.
    let epochs = settled.epochs_by_photos
        && train.has_views()
        && steps.early_stopping.is_none()
        && steps.schedule != Decay::Cosine;
    if found.is_some() || epochs {
        let open = Open { rates: &rates, epochs, steps };
        settled.course = choose_course(compute, train, classes, &settled.options, &open)?;
    }
    let rate = match (&settled.course, found) {
        (Some(choice), _) => choice.taken().rate,
        // Too few photos to judge by.
        (None, Some(found)) => SMALLER[1] * found,
        (None, None) => usual,
    };
    let epochs = settled.course.as_ref().filter(|_| epochs).map(|choice| choice.taken().epochs);
    settled.options = settled.options.clone().with_steps(|steps| {
        steps.rate = Rate::Fixed(rate);
        steps.epochs = epochs.map_or(steps.epochs, Epochs::Fixed);
    });
    Ok(())
}
