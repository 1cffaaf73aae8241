//! The door to training a head on features that are at hand: what the options leave open is settled, then it is fitted.

use std::ops::ControlFlow;

use icecap_kernels::{Isa, Threads};

use crate::error::Error;
use crate::learn::auto_options::settle;
use crate::learn::compute::Compute;
use crate::learn::course::{Epoch, Listener};
use crate::learn::feature_set::FeatureSet;
use crate::learn::fit::{Fit, Photos, fit};
use crate::learn::options::TrainOptions;
use crate::model::head::Head;

impl Head {
    /// Trains the head on `train`, epoch by epoch, each handed to `report`, which can stop the training. What the options
    /// leave open is settled first, on photos of `train` alone; `validation` is only looked at for the report.
    ///
    /// Every sum has a fixed order and every random number is a function of (seed, epoch, photo): the same seed gives
    /// the same bits.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Autograd`] for settings out of range or an optimizer of no name;
    /// [`Error::Diverged`] if the loss is no number any more; [`Error::Stopped`] if `report` breaks.
    pub fn train(
        &mut self,
        isa: Isa,
        train: &FeatureSet,
        validation: &FeatureSet,
        options: &TrainOptions,
        mut report: impl FnMut(&Epoch) -> ControlFlow<()>,
    ) -> Result<Fit, Error> {
        let go_on = || ControlFlow::Continue(());
        let compute = Compute { threads: &Threads::serial(), isa, pulse: &go_on };
        let settled = settle(compute, train, self.classes(), options)?;
        fit(self, compute, Photos { train, validation }, &settled.options, Listener::Each(&mut report))
    }
}

#[cfg(test)]
mod tests {
    use icecap_autograd::{Logistic, LogisticOptions};
    use icecap_kernels::rng::{Purpose, Stream};
    use icecap_kernels::{Shape, Tensor};

    use super::*;
    use crate::learn::class_weight::ClassWeight;
    use crate::learn::decay::Decay;
    use crate::learn::epochs::Epochs;
    use crate::learn::optimizer::Optimizer;
    use crate::learn::options::Solver;
    use crate::learn::steps::{Rate, Steps};

    /// Two clouds of features, apart by a little.
    fn clouds(photos: u32, shift: f32) -> FeatureSet {
        const FEATURES: usize = 20;
        let mut values = Vec::new();
        for photo in 0..photos {
            let mut stream = Stream::new(4, Purpose::Test, 0, photo);
            let side = if photo % 2 == 0 { shift } else { -shift };
            values.extend((0..FEATURES).map(|_| stream.range(-1.0, 1.0) + side));
        }
        let shape = Shape::of([photos as usize, FEATURES]);
        let features = Tensor::from_slice(shape, &values).unwrap();
        FeatureSet::new(features, (0..photos).map(|photo| photo % 2).collect()).unwrap()
    }

    #[test]
    fn training_learns_and_reports_each_epoch() {
        let (train, validation) = (clouds(64, 0.3), clouds(40, 0.3));
        let isa = Isa::best();
        for (classes, optimizer) in
            [(2, Optimizer::Adam), (3, Optimizer::Sgd), (2, Optimizer::RmsProp), (2, Optimizer::AdamW)]
        {
            let steps = Steps { epochs: 30.into(), rate: Rate::Fixed(1e-2), optimizer, ..Default::default() };
            let options = steps.into();
            let mut head = Head::untrained(20, classes, 0).unwrap();
            let before = head.evaluate(isa, &validation).unwrap();
            let mut seen = 0;
            let history = head.train(isa, &train, &validation, &options, |epoch| {
                seen += 1;
                assert_eq!(epoch.epoch, seen);
                ControlFlow::Continue(())
            });
            let fit = history.unwrap();
            let last = fit.history[29];
            assert_eq!(fit.kept(), Some(&last));
            assert!(
                last.validation.accuracy > 0.9 && last.validation.loss < before.loss,
                "{optimizer}: {last:?}"
            );
            assert_eq!(last.validation, head.evaluate(isa, &validation).unwrap());
        }
    }

    /// Two classes that no line parts: on one side of the first feature they lie the other way round.
    fn crossed(photos: u32) -> FeatureSet {
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for photo in 0..photos {
            let mut stream = Stream::new(5, Purpose::Test, 0, photo);
            let [x, y] = [stream.range(-1.0, 1.0), stream.range(-1.0, 1.0)];
            labels.push(u32::from((x > 0.0) == (y > 0.0)));
            values.extend([x, y]);
        }
        let features = Tensor::from_slice(Shape::of([photos as usize, 2]), &values).unwrap();
        FeatureSet::new(features, labels).unwrap()
    }

    #[test]
    fn a_hidden_layer_learns_what_one_layer_cannot() {
        let (train, validation) = (crossed(300), crossed(100));
        let accuracy = |hidden, optimizer| {
            let steps =
                Steps { hidden, optimizer, epochs: 60.into(), rate: Rate::Fixed(1e-2), ..Default::default() };
            let options: TrainOptions = steps.into();
            let mut head = Head::for_training(2, 2, &options).unwrap();
            let go_on = |_: &Epoch| ControlFlow::Continue(());
            let fit = head.train(Isa::best(), &train, &validation, &options, go_on).unwrap();
            assert_eq!(head.layers().len(), 1 + usize::from(hidden.is_some()));
            (fit.history[59].validation.accuracy, head)
        };
        for optimizer in [Optimizer::Adam, Optimizer::AdamW, Optimizer::RmsProp] {
            let (plain, _) = accuracy(None, optimizer);
            let (hidden, head) = accuracy(Some(32), optimizer);
            assert!(plain < 0.75 && hidden > 0.9, "{optimizer}: {plain} {hidden}");
            // The same seed gives the same bits.
            let again = accuracy(Some(32), optimizer).1;
            assert!(head.layers().zip(again.layers()).all(|(a, b)| a.kernel.data() == b.kernel.data()));
        }
    }

    #[test]
    fn a_solver_of_one_layer_refuses_a_hidden_one() {
        let set = crossed(20);
        let mut head = Head::untrained_with(2, Some(3), 2, 0).unwrap();
        let solver = Solver::Lbfgs { l2: Some(0.1) };
        let result = head.train(Isa::best(), &set, &set, &solver.into(), |_| ControlFlow::Continue(()));
        assert!(result.unwrap_err().to_string().contains("L-BFGS solves one dense layer"));
        let none: TrainOptions = Steps { hidden: Some(0), ..Default::default() }.into();
        assert!(none.check().unwrap_err().to_string().starts_with("hidden layer: "));
    }

    #[test]
    fn a_diverging_training_is_an_error() {
        let set = clouds(64, 0.1);
        let steps = Steps { rate: Rate::Fixed(3e38), optimizer: Optimizer::Sgd, ..Default::default() };
        let mut head = Head::untrained(20, 3, 0).unwrap();
        let result = head.train(Isa::best(), &set, &set, &steps.into(), |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(Error::Diverged { .. })), "{result:?}");
    }

    #[test]
    fn the_learning_rate_follows_its_schedule() {
        let set = clouds(10, 0.1);
        let rates = |schedule| {
            let steps = Steps { epochs: 4.into(), batch: 5, schedule, ..Default::default() };
            let (_, fit) = trained(&set, &steps.into());
            fit.history.iter().map(|epoch| epoch.learning_rate).collect::<Vec<_>>()
        };
        assert_eq!(rates(Decay::Constant), [1e-3; 4]);
        assert_eq!(rates(Decay::Step { epochs: 2, factor: 0.5 }), [1e-3, 1e-3, 5e-4, 5e-4]);
        let cosine = rates(Decay::Cosine);
        assert!(cosine.windows(2).all(|pair| pair[1] < pair[0]) && cosine[3] < 1e-4, "{cosine:?}");
    }

    /// A head trained without anybody listening.
    fn trained(set: &FeatureSet, options: &TrainOptions) -> (Head, Fit) {
        let mut head = Head::untrained(20, 2, options.seed).unwrap();
        let fit = head.train(Isa::best(), set, set, options, |_| ControlFlow::Continue(())).unwrap();
        (head, fit)
    }

    #[test]
    fn the_rate_warms_up_step_by_step() {
        let set = clouds(10, 0.1);
        let steps = Steps { epochs: 4.into(), batch: 5, warmup: 2, ..Default::default() };
        let (_, fit) = trained(&set, &steps.into());
        let rates: Vec<f32> = fit.history.iter().map(|epoch| epoch.learning_rate).collect();
        // Four steps of warm-up: the last of the first epoch is the second of them.
        assert_eq!(rates, [5e-4, 1e-3, 1e-3, 1e-3]);
    }

    #[test]
    fn early_stopping_keeps_the_best_epoch_on_photos_it_does_not_learn_from() {
        // Few photos, many features: the loss on others soon rises.
        let set = clouds(40, 0.1);
        let steps = Steps {
            early_stopping: Some(5),
            rate: Rate::Fixed(3e-2),
            dropout: 0.0,
            l2: Some(0.0),
            ..Default::default()
        };
        let (head, fit) = trained(&set, &steps.clone().into());
        let losses: Vec<f32> = fit.history.iter().map(|epoch| epoch.watched.unwrap().loss).collect();
        let best = losses.iter().copied().fold(f32::INFINITY, f32::min);
        assert_eq!(losses[fit.kept], best);
        assert_eq!(fit.history.len(), fit.kept + 6, "five epochs after the best: {losses:?}");
        let (rest, slice) = set.held_back(0.15, 0).unwrap();
        assert_eq!((rest.len(), slice.len()), (34, 6));
        assert_eq!(head.evaluate(Isa::best(), &slice).unwrap().loss, best);
        // Whatever is held back from it: the kept epoch's head learned from the rest alone.
        let alone = Steps { early_stopping: None, epochs: (fit.kept as u32 + 1).into(), ..steps };
        assert_eq!(trained(&rest, &alone.into()).0.kernel().data(), head.kernel().data());
    }

    #[test]
    fn lbfgs_depends_on_no_seed_and_chooses_its_penalty() {
        let set = clouds(60, 0.3);
        let options =
            |seed| TrainOptions { solver: Solver::Lbfgs { l2: Some(0.1) }, seed, ..Default::default() };
        let (head, fit) = trained(&set, &options(0));
        assert_eq!(trained(&set, &options(7)).0.kernel().data(), head.kernel().data());
        assert!(fit.history.last().unwrap().train.accuracy > 0.9, "{:?}", fit.history.last());
        let (_, fit) = trained(&set, &Solver::Lbfgs { l2: None }.into());
        assert!(fit.options.l2().is_some_and(|l2| l2 > 0.0), "{:?}", fit.options);
    }

    /// Photos enough to be approached by samples of them: the end is the minimum that is reached from zeros.
    #[test]
    fn samples_of_many_photos_change_the_way_and_not_the_end() {
        let set = clouds(40_000, 0.05);
        let solver = Solver::Lbfgs { l2: Some(0.01) };
        let trained = |threads: usize| {
            let threads = Threads::new(threads).unwrap();
            let go_on = || ControlFlow::Continue(());
            let compute = Compute { threads: &threads, isa: Isa::best(), pulse: &go_on };
            let mut head = Head::untrained(20, 2, 0).unwrap();
            let photos = Photos { train: &set, validation: &set };
            let mut report = |_: &Epoch| ControlFlow::Continue(());
            fit(&mut head, compute, photos, &solver.clone().into(), Listener::Each(&mut report)).unwrap();
            head
        };
        let head = trained(1);
        assert!(trained(3).kernel().data() == head.kernel().data());
        let problem = Logistic::new(set.features().view(), set.labels(), 2).unwrap();
        let mut layer = [Tensor::zeros(Shape::of([20, 1])), Tensor::zeros(Shape::of([1]))];
        let options = LogisticOptions { l2: 0.01, ..Default::default() };
        problem.fit(&mut layer, &options, |_, _, _| true).unwrap();
        let far =
            layer[0].data().iter().zip(head.kernel().data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 2e-3, "{far}");
        // Whoever asks to stop is heard on the way.
        let stop = || ControlFlow::Break(());
        let compute = Compute { threads: &Threads::serial(), isa: Isa::best(), pulse: &stop };
        let mut head = Head::untrained(20, 2, 0).unwrap();
        let photos = Photos { train: &set, validation: &set };
        let stopped = fit(&mut head, compute, photos, &solver.into(), Listener::Pulse(&stop));
        assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    }

    #[test]
    fn a_penalty_by_the_number_of_photos_comes_where_epochs_do() {
        let l2 = |epochs: Epochs, l2| {
            trained(&clouds(40, 0.3), &Steps { epochs, l2, ..Default::default() }.into()).1.options.l2()
        };
        assert_eq!(l2(Epochs::Auto, None), Some(1.0 / 40.0));
        assert_eq!((l2(3.into(), None), l2(Epochs::Auto, Some(0.5))), (Some(0.0), Some(0.5)));
    }

    #[test]
    fn a_penalty_makes_small_weights_and_class_weights_find_the_rare_class() {
        let set = clouds(64, 0.3);
        let size = |l2| {
            let steps = Steps { l2, rate: Rate::Fixed(1e-2), ..Default::default() };
            trained(&set, &steps.into()).0.kernel().data().iter().map(|w| w * w).sum::<f32>()
        };
        assert!(size(Some(1.0)) < 0.5 * size(None));
        // One photo of class 1 to twelve of class 0.
        let rows: Vec<usize> = (0..64).filter(|row| row % 2 == 0 || row % 24 == 1).collect();
        let few = set.rows(&rows).unwrap();
        let steps = Steps { rate: Rate::Fixed(1e-2), l2: Some(0.3), ..Default::default() };
        let found = |class_weight, solver: &Solver| {
            let options = TrainOptions { class_weight, solver: solver.clone(), ..Default::default() };
            let (head, _) = trained(&few, &options);
            head.logits_of(Isa::best(), &clouds(200, 0.3)).iter().filter(|logit| **logit >= 0.0).count()
        };
        for solver in [Solver::Steps(steps), Solver::Lbfgs { l2: Some(0.3) }] {
            let counts =
                [ClassWeight::None, ClassWeight::Sqrt, ClassWeight::Balanced].map(|w| found(w, &solver));
            assert!(counts[0] < counts[1] && counts[1] < counts[2], "{solver:?}: {counts:?}");
        }
    }
}
