//! The walk through a graph's steps along MobileNetV2: each of the 52 convolutions in its place, or the operator that
//! stands there instead.

use icecap_graph::{BLOCKS, ConvLayer, INPUT_CHANNELS, Part, Spec};

use super::border::PaddingVote;
use super::links::Links;
use super::refusal::Refusal;
use super::step::{Conv, Kind, Pads};
use super::trace::Trace;

/// The window of all convolutions that look around themselves.
const WINDOW: usize = 3;
/// What blocks widen their input by, but for the first.
const EXPANSION: usize = 6;
/// How far above 6 bytes may reach that end at a ReLU6: the rounding of their scale.
const SIX: f64 = 6.05;

/// A convolution of the net among the steps.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) layer: ConvLayer,
    /// The step that convolves.
    pub(crate) conv: usize,
    /// The steps behind it that scale each channel, before the ReLU6.
    pub(crate) norms: Vec<usize>,
}

/// The net among the steps of a graph.
#[derive(Debug)]
pub(crate) struct Spine {
    pub(crate) convolutions: Vec<Found>,
    pub(crate) vote: PaddingVote,
    /// The step that gives the features.
    pub(crate) features: usize,
    /// Rows and columns of the features, if those of the input are known.
    pub(crate) size: Option<[usize; 2]>,
}

/// Finds the net behind the step `pixels`, which gives scaled pixels of `size` (rows, columns).
///
/// # Errors
/// The operator that a MobileNetV2 does not have at its place.
pub(crate) fn find(
    trace: &Trace<'_>,
    links: &Links,
    pixels: usize,
    size: Option<[usize; 2]>,
) -> Result<Spine, Refusal> {
    let mut walk = Walk {
        trace,
        links,
        at: pixels,
        channels: INPUT_CHANNELS,
        size,
        vote: PaddingVote::new(),
        convolutions: Vec::new(),
    };
    walk.convolution(ConvLayer::STEM, 2)?;
    let strides = Spec::with_width(1.0).map_err(|error| Refusal::graph(error.to_string()))?;
    for (block, sizes) in strides.blocks().iter().enumerate().take(BLOCKS) {
        let (entered, channels) = (walk.at, walk.channels);
        if block > 0 {
            walk.convolution(ConvLayer { part: Part::Expand, block }, 1)?;
        }
        walk.convolution(ConvLayer { part: Part::Depthwise, block }, sizes.stride)?;
        walk.convolution(ConvLayer { part: Part::Project, block }, 1)?;
        if sizes.stride == 1 && walk.channels == channels {
            walk.add(entered, block)?;
        }
    }
    walk.convolution(ConvLayer::LAST, 1)?;
    let Walk { at, size, vote, convolutions, .. } = walk;
    Ok(Spine { convolutions, vote, features: at, size })
}

struct Walk<'t, 'a> {
    trace: &'t Trace<'a>,
    links: &'t Links,
    /// The step whose output comes next.
    at: usize,
    /// The channels of that output.
    channels: usize,
    /// Its rows and columns, if they are known.
    size: Option<[usize; 2]>,
    vote: PaddingVote,
    convolutions: Vec<Found>,
}

impl<'t, 'a> Walk<'t, 'a> {
    fn refuse(&self, step: usize, reason: impl Into<String>) -> Refusal {
        Refusal::node(&self.trace.steps[step].name, reason)
    }

    /// Goes on over a convolution, what scales its channels, and its ReLU6 if it has one.
    fn convolution(&mut self, layer: ConvLayer, stride: usize) -> Result<(), Refusal> {
        let (zeros, step, conv) = self.enter(layer)?;
        self.check(layer, stride, (step, conv))?;
        if conv.window() == [WINDOW; 2] {
            let heard = self.vote.hear(conv, zeros, self.size, layer.part == Part::Stem);
            self.size = heard.map_err(|reason| self.refuse(step, reason))?;
        } else if zeros.is_some_and(|zeros| zeros != Pads::default()) || conv.pads() {
            return Err(self.refuse(step, "zeros stand around the image of a 1x1 convolution"));
        }
        self.channels = conv.outputs();
        self.at = step;
        let mut norms = Vec::new();
        while let Some(next) = self.links.only(self.at) {
            let scales = match &self.trace.steps[next].kind {
                Kind::Norm(_) => true,
                Kind::Affine(affine) => affine.fits(self.channels),
                _ => false,
            };
            if !scales {
                break;
            }
            norms.push(next);
            self.at = next;
        }
        if let Some(activation) = layer.activation() {
            self.relu6(&activation, step)?;
        }
        self.convolutions.push(Found { layer, conv: step, norms });
        Ok(())
    }

    /// The convolution that reads what comes next, and zeros that are put around that before.
    fn enter(&self, layer: ConvLayer) -> Result<(Option<Pads>, usize, &'t Conv<'a>), Refusal> {
        let wanted = || format!("the convolution that Keras calls '{}'", layer.name());
        let step = self.next(&wanted)?;
        let (zeros, step) = match self.trace.steps[step].kind {
            Kind::Pad(pads) => match self.links.only(step) {
                Some(next) => (Some(pads), next),
                None => {
                    return Err(self.refuse(step, format!("{} was expected to read this alone", wanted())));
                }
            },
            _ => (None, step),
        };
        match &self.trace.steps[step].kind {
            Kind::Conv(conv) => Ok((zeros, step, conv)),
            _ => Err(self.stranger(step, &wanted())),
        }
    }

    /// Refuses an operator that stands where the net has another one.
    fn stranger(&self, step: usize, wanted: &str) -> Refusal {
        match &self.trace.steps[step].kind {
            Kind::Opaque { reason } => self.refuse(step, format!("{reason}; MobileNetV2 has {wanted} here")),
            _ => self.refuse(step, format!("it stands where MobileNetV2 has {wanted}")),
        }
    }

    /// The step that goes on in the net; a sum may read the same value at the end of a block.
    fn next(&self, wanted: &dyn Fn() -> String) -> Result<usize, Refusal> {
        let readers = self.links.readers(self.at);
        let mut on =
            readers.iter().copied().filter(|&step| !matches!(self.trace.steps[step].kind, Kind::Add));
        match (on.next(), on.next()) {
            (Some(step), None) => Ok(step),
            // An operator that gives several values reads it once for each.
            (Some(step), _) if matches!(self.trace.steps[step].kind, Kind::Opaque { .. }) => Ok(step),
            (Some(_), Some(other)) => {
                Err(self.refuse(other, format!("it reads what {} alone was expected to read", wanted())))
            }
            (None, _) => match readers.first() {
                Some(&add) => Err(self.stranger(add, &wanted())),
                None => Err(self.refuse(self.at, format!("the graph ends here; {} was expected", wanted()))),
            },
        }
    }

    /// Refuses a convolution that is another one than the net has here.
    fn check(
        &self,
        layer: ConvLayer,
        stride: usize,
        (step, conv): (usize, &Conv<'a>),
    ) -> Result<(), Refusal> {
        let depthwise = layer.part == Part::Depthwise;
        let side = if depthwise || layer.part == Part::Stem { WINDOW } else { 1 };
        let kind = if depthwise { conv.is_depthwise() } else { conv.groups == 1 };
        let outputs = match layer.part {
            Part::Expand => self.channels.saturating_mul(EXPANSION),
            Part::Depthwise => self.channels,
            _ => conv.outputs(),
        };
        let fits = conv.window() == [side; 2]
            && conv.strides == [stride; 2]
            && conv.dilations == [1; 2]
            && conv.inputs() == self.channels
            && conv.outputs() == outputs;
        if kind && fits {
            return Ok(());
        }
        let wanted = match layer.part {
            Part::Depthwise => format!("a depthwise 3x3 over {} channels, stride {stride}", self.channels),
            Part::Expand => format!("a 1x1 from {} to {outputs} channels", self.channels),
            Part::Stem => format!("a 3x3 from {} channels, stride {stride}", self.channels),
            Part::Project | Part::Last => format!("a 1x1 from {} channels", self.channels),
        };
        let mut reason = format!("{}, where MobileNetV2 has {wanted} ('{}')", conv.told(), layer.name());
        if depthwise && layer.block == 0 && conv.window() == [1; 2] {
            reason += "; nets whose first block widens its input by a 1x1 of its own, as Gluon's do (the mobilenetv2-7 of ONNX' \
                       model zoo), are another net: take an export of PyTorch or Keras";
        }
        Err(self.refuse(step, reason))
    }

    /// Goes on over the ReLU6 behind the convolution `step`: a clamp, several that make one, or the ends of bytes.
    fn relu6(&mut self, name: &str, step: usize) -> Result<(), Refusal> {
        let start = self.at;
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        while let Some(next) = self.links.only(self.at) {
            let Kind::Clamp { low: from, high: to } = self.trace.steps[next].kind else { break };
            (low, high) = (low.max(from), high.min(to));
            self.at = next;
        }
        if (low, high) == (0.0, 6.0) {
            return Ok(());
        }
        let mut ends = [step, start, self.at].into_iter().flat_map(|step| self.trace.ranges(step));
        let by_bytes = ends.any(|[from, to]| from.abs() < 1e-6 && (0.0..SIX).contains(to));
        if by_bytes && low <= 0.0 && high >= 6.0 {
            return Ok(());
        }
        let instead = match (low, high) {
            (0.0, f64::INFINITY) => "a ReLU without an upper end".to_owned(),
            (f64::NEG_INFINITY, f64::INFINITY) => {
                let next = self.links.readers(self.at).first().copied().unwrap_or(self.at);
                return Err(self.stranger(next, &format!("a ReLU6 ('{name}')")));
            }
            (low, high) => format!("values are held between {low} and {high}"),
        };
        Err(self.refuse(self.at, format!("{instead}, where MobileNetV2 has a ReLU6 ('{name}')")))
    }

    /// Goes on over the sum at the end of a block.
    fn add(&mut self, entered: usize, block: usize) -> Result<(), Refusal> {
        let adds = |step: &&usize| {
            let one = &self.trace.steps[**step];
            matches!(one.kind, Kind::Add) && one.inputs.contains(&entered) && one.inputs.contains(&self.at)
        };
        match self.links.readers(self.at).iter().find(adds) {
            Some(&step) => {
                self.at = step;
                Ok(())
            }
            None => {
                let reason = format!(
                    "block {block} of MobileNetV2 adds what entered it to this, and here nothing does"
                );
                Err(self.refuse(self.at, reason))
            }
        }
    }
}
