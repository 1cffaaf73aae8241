//! A photo on its way through a net in integers, layer by layer, by the kernels that an inference runs. Between two layers all
//! of what left the first one exists, so that every photo can be looked at before the next layer runs.

use icecap_kernels::int8::{
    Grouping, IntegerDepthwise, IntegerExpand, IntegerProject, IntegerStem, PackedIntegerDepthwise,
    PackedIntegerStem, PackedIntegers, Projected, Quads, Reading, depthwise_integers, eighths_len,
    expand_integers, last_integers, padded_image_len, project_integers, stem_eighths, stem_integers,
};
use icecap_kernels::{BLOCK, BlockedMut, Buffer, ConvGeometry, Isa, Layout, Threads};

use super::{
    forward::round,
    integers::{Bottleneck, EIGHTHS},
    net::reading,
    tally::{Bytes, Groups, Read, of_quads, taps_of_image, taps_of_quads},
};
use crate::{error::Error, input::Input};

/// A photo behind a layer. What no later layer reads is empty.
#[derive(Debug)]
pub(crate) struct Photo {
    isa: Isa,
    /// The pixels, with zeros around them.
    image: Buffer<u8>,
    /// What left the last ReLU6 before a depthwise convolution, as quads.
    quads: Buffer<u8>,
    /// What left the last depthwise convolution, in groups.
    filtered: Buffer<u8>,
    /// What left the last block, in groups and in eighths, and how it is read.
    groups: Buffer<u8>,
    eighths: Buffer<u8>,
    reading: Reading,
    pixels: usize,
}

/// What a projection adds to what it gives.
#[derive(Clone, Copy)]
pub(crate) struct Added {
    pub(crate) output: Bottleneck,
    pub(crate) is_first: bool,
    pub(crate) is_residual: bool,
}

impl Photo {
    /// A photo before the first convolution.
    ///
    /// # Errors
    /// [`Error::Pixel`] for a pixel that is no number.
    pub(crate) fn new(isa: Isa, geometry: &ConvGeometry, pixels: Input<'_>) -> Result<Self, Error> {
        let mut image = Buffer::zeros(padded_image_len(geometry));
        round(pixels, geometry, &mut image)?;
        let empty = || Buffer::zeros(0);
        Ok(Self {
            isa,
            image,
            quads: empty(),
            filtered: empty(),
            groups: empty(),
            eighths: empty(),
            reading: Reading::Bytes,
            pixels: 0,
        })
    }

    /// The sums of what each tap of the first convolution's window meets, [9, 3].
    pub(crate) fn taps_of_image(&self, geometry: &ConvGeometry) -> Vec<i64> {
        taps_of_image(geometry, &self.image)
    }

    /// Runs the first convolution; `next` is the depthwise convolution that reads it.
    pub(crate) fn stem(&mut self, stem: &PackedIntegerStem, geometry: &ConvGeometry, next: &ConvGeometry) {
        let quads = Quads::new(next);
        self.quads = Buffer::zeros(stem.blocks() * quads.block_len());
        let rows = 0..geometry.output().0;
        let step = IntegerStem { geometry, weights: stem, rows, quads: &quads, at: 0 };
        stem_integers(&Threads::serial(), self.isa, &step, &self.image, &mut self.quads);
    }

    /// Runs an expansion; `next` is the depthwise convolution that reads it.
    pub(crate) fn expand(&mut self, expand: &PackedIntegers, next: &ConvGeometry) {
        let quads = Quads::new(next);
        self.quads = Buffer::zeros(expand.blocks() * quads.block_len());
        let step = IntegerExpand {
            weights: expand,
            blocks: 0..expand.blocks(),
            rows: 0..next.input().0,
            quads: &quads,
            at: 0,
        };
        expand_integers(self.isa, &step, &self.groups, &mut self.quads);
    }

    /// What left the first convolution or an expansion, of so many channels.
    pub(crate) fn behind_expand(&self, next: &ConvGeometry, channels: usize) -> Bytes {
        of_quads(&Quads::new(next), channels, &self.quads)
    }

    /// The sums of what each tap of a depthwise window meets, [9, channels].
    pub(crate) fn taps(&self, geometry: &ConvGeometry, channels: usize) -> Vec<i64> {
        taps_of_quads(geometry, channels, &self.quads)
    }

    /// Runs a depthwise convolution.
    pub(crate) fn depthwise(&mut self, weights: &PackedIntegerDepthwise, geometry: &ConvGeometry) {
        self.pixels = geometry.output().0 * geometry.output().1;
        self.filtered = Buffer::zeros(Grouping::new(self.isa, weights.blocks()).len(self.pixels));
        let step = IntegerDepthwise { geometry, weights, blocks: 0..weights.blocks(), first_pixel: 0 };
        depthwise_integers(self.isa, &step, &self.quads, &mut self.filtered);
    }

    /// What left a depthwise convolution of so many channels.
    pub(crate) fn behind_depthwise(&self, channels: usize) -> Bytes {
        let grouping = Grouping::new(self.isa, channels.div_ceil(BLOCK));
        Groups { grouping, pixels: self.pixels, bytes: &self.filtered }.bytes(channels)
    }

    /// Runs a projection, and lets go of what it read.
    pub(crate) fn project(&mut self, project: &PackedIntegers, geometry: &ConvGeometry, added: Added) {
        let Added { output, is_first, is_residual } = added;
        let writes = reading(Some(output));
        let eighths = project.blocks() * eighths_len(self.pixels);
        if is_first && is_residual {
            self.eighths = Buffer::zeros(eighths);
            stem_eighths(&Quads::new(geometry), output.relu6_shift(), &self.quads, &mut self.eighths);
        }
        let zero = i16::from(output.zero) * EIGHTHS as i16;
        let written = Grouping::new(self.isa, writes.groups(project.outputs()));
        let (mut groups, mut left) = (Buffer::zeros(written.len(self.pixels)), Buffer::zeros(eighths));
        let step = IntegerProject {
            weights: project,
            pixels: (0, self.pixels),
            // A block that adds what a block gave adds its zero with it.
            zero: if is_residual && !is_first { 0 } else { zero },
            added: is_residual.then_some(&*self.eighths),
            writes,
        };
        let mut output = Projected { groups: &mut groups, eighths: Some(&mut left) };
        project_integers(&Threads::serial(), self.isa, &step, &self.filtered, &mut output);
        (self.groups, self.eighths, self.reading) = (groups, left, writes);
        (self.quads, self.filtered) = (Buffer::zeros(0), Buffer::zeros(0));
    }

    /// What a 1x1 convolution reads of what left the last block, of so many channels.
    pub(crate) fn behind_block(&self, channels: usize) -> Read {
        let grouping = Grouping::new(self.isa, self.reading.groups(channels));
        Groups { grouping, pixels: self.pixels, bytes: &self.groups }.read(channels, self.reading)
    }

    /// What a projection reads of so many channels.
    pub(crate) fn read_by_project(&self, channels: usize) -> Read {
        let grouping = Grouping::new(self.isa, channels.div_ceil(BLOCK));
        Groups { grouping, pixels: self.pixels, bytes: &self.filtered }.read(channels, Reading::Bytes)
    }

    /// What the last convolution gives, [H, W, C].
    pub(crate) fn last(&self, last: &PackedIntegers, layout: Layout) -> Vec<f32> {
        let mut values = vec![0.0; layout.len()];
        let mut image = BlockedMut::new(layout, &mut values);
        last_integers(&Threads::serial(), self.isa, last, &self.groups, &mut image);
        let mut features = vec![0.0; layout.pixels() * layout.channels()];
        image.reborrow().write_hwc(&mut features);
        features
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use icecap_kernels::WINDOW;
    use icecap_kernels::int8::{PackedIntegerDepthwise as Depthwise, PackedIntegerStem as Stem};

    use super::super::integers::IntegerNet;
    use super::super::net::pack;
    use super::super::reference::{IntegerImage, IntegerReference, Intermediate, Planes};
    use super::super::tests::{nets, photos};
    use super::*;
    use crate::{
        stage::{self, Stage},
        topology::{ConvLayer, Part},
    };

    /// Sums and counts of bytes [P, C].
    fn counted(image: &IntegerImage<u8>, channels: usize) -> Bytes {
        let mut all = Bytes { sums: vec![0; channels], inside: vec![0; channels] };
        for (at, &byte) in image.values.iter().enumerate() {
            all.sums[at % channels] += i64::from(byte);
            all.inside[at % channels] += usize::from(byte > 0 && byte < 255);
        }
        all
    }

    /// What the taps of a window meet of an image [H, W, C].
    fn met(geometry: &ConvGeometry, image: &[u8], channels: usize) -> Vec<i64> {
        let ((height, width), (rows, columns), pads) = (geometry.input(), geometry.output(), geometry.pads());
        let mut all = vec![0; WINDOW * WINDOW * channels];
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for tap in 0..WINDOW * WINDOW {
                let row =
                    (y * geometry.stride() + tap / WINDOW).checked_sub(pads.top).filter(|&row| row < height);
                let column = (x * geometry.stride() + tap % WINDOW)
                    .checked_sub(pads.left)
                    .filter(|&column| column < width);
                let (Some(row), Some(column)) = (row, column) else { continue };
                for c in 0..channels {
                    all[tap * channels + c] += i64::from(image[(row * width + column) * channels + c]);
                }
            }
        }
        all
    }

    fn sums(values: &[u8], channels: usize) -> Vec<i64> {
        let mut all = vec![0; channels];
        values.iter().enumerate().for_each(|(at, &byte)| all[at % channels] += i64::from(byte));
        all
    }

    /// What leaves the layers of the net on the page that is to be read first.
    struct Page(BTreeMap<String, Intermediate>);

    impl Page {
        fn bytes(&self, name: &str) -> &IntegerImage<u8> {
            let Intermediate::Bytes(image) = &self.0[name] else { panic!("{name}") };
            image
        }

        fn read(&self, name: &str, channels: usize, fine: bool) -> Read {
            let Intermediate::Eighths(image) = &self.0[name] else { panic!("{name}") };
            let planes = Planes::of(fine, &image.values);
            let lower = planes.lower.map(|lower| sums(&lower, channels)).unwrap_or_default();
            Read { upper: sums(&planes.upper, channels), lower }
        }
    }

    /// Walks a photo through a net on an instruction set and holds each layer against the page.
    fn check(isa: Isa, net: &IntegerNet, size: [usize; 2], pixels: &[u8], page: &Page) {
        let nodes = stage::chain(&net.spec, net.numerics.padding, None, size).unwrap();
        let (Stage::Stem(geometry), Stage::Block(_, next)) = (&nodes[0].stage, &nodes[1].stage) else {
            panic!()
        };
        let mut photo = Photo::new(isa, geometry, Input::U8(pixels)).unwrap();
        assert_eq!(photo.taps_of_image(geometry), met(geometry, pixels, 3), "{isa}");
        photo.stem(&Stem::pack(&net.stem.weights, &net.stem.bias, net.stem.rescale()), geometry, next);
        let mut entered = page.bytes("Conv1_relu");
        let channels = net.stem.outputs();
        assert_eq!(photo.behind_expand(next, channels), counted(entered, channels), "{isa}");
        for (index, block) in net.blocks.iter().enumerate() {
            let (node, spec) = (&nodes[index + 1], &net.spec.blocks()[index]);
            let Stage::Block(_, geometry) = &node.stage else { panic!() };
            let (here, channels) = (format!("{isa}, block {index}"), block.depthwise.outputs());
            if let Some(expand) = &block.expand {
                photo.expand(
                    &pack(expand, reading(net.read_by(ConvLayer { part: Part::Expand, block: index }))),
                    geometry,
                );
                entered = page.bytes(&format!("block_{index}_expand_relu"));
                assert_eq!(photo.behind_expand(geometry, channels), counted(entered, channels), "{here}");
            }
            assert_eq!(photo.taps(geometry, channels), met(geometry, &entered.values, channels), "{here}");
            let depthwise = &block.depthwise;
            photo.depthwise(
                &Depthwise::pack(&depthwise.weights, &depthwise.bias, depthwise.rescale()),
                geometry,
            );
            let prefix = if index == 0 { "expanded_conv".to_owned() } else { format!("block_{index}") };
            let filtered = page.bytes(&format!("{prefix}_depthwise_relu"));
            assert_eq!(photo.behind_depthwise(channels), counted(filtered, channels), "{here}");
            assert_eq!(photo.read_by_project(channels).upper, sums(&filtered.values, channels), "{here}");
            let added = Added { output: block.output, is_first: index == 0, is_residual: spec.is_residual() };
            photo.project(&pack(&block.project, Reading::Bytes), geometry, added);
            let expected = page.read(&node.section.tap.layer(&net.spec), spec.output, block.output.fine);
            assert_eq!(photo.behind_block(spec.output), expected, "{here}");
        }
        let features = photo.last(&pack(&net.last, reading(net.read_by(ConvLayer::LAST))), nodes[18].output);
        let Intermediate::Real(expected) = &page.0["out_relu"] else { panic!() };
        assert_eq!(features, expected.values, "{isa}");
    }

    #[test]
    fn what_lies_between_the_kernels_adds_up_to_what_is_on_the_page() {
        for (params, size) in nets() {
            let net = IntegerNet::from_weights(&params).unwrap();
            let pixels = &photos(1, size)[0];
            let page = Page(IntegerReference::new(&net, size).unwrap().run(Input::U8(pixels)).unwrap());
            let machine = Isa::named("tilemachine").unwrap();
            for isa in Isa::available().into_iter().chain([machine]) {
                check(isa, &net, size, pixels, &page);
            }
        }
    }
}
