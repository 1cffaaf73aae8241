//! A classifier in the formats of others: ONNX, and the head for Keras or torchvision.

use std::sync::Arc;

use icecap_graph::Precision;
use icecap_graph::int8::IntegerNet;
use icecap_weights::{HeadLayout, Model, OnnxPixels, Weights, label_lines};

use crate::error::Error;
use crate::model::classifier::{Classifier, SaveBackbone};

impl Classifier {
    /// Returns the bytes of an ONNX file of backbone and head: `pixels` in, `probabilities` [N, classes] and `logits`
    /// out. Class names and the photo's way to the input stand in its metadata; `docs/export.md` lists the keys.
    ///
    /// # Errors
    /// [`Error::Weights`] if the classifier's parts do not fit each other, as a head that holds NaN.
    ///
    /// # Cost
    /// One fold of the net, and three copies of it in memory.
    pub fn to_onnx(&self, pixels: OnnxPixels) -> Result<Vec<u8>, Error> {
        Ok(self.model(SaveBackbone::Embedded)?.to_onnx(pixels)?)
    }

    /// Returns the bytes of an ONNX file as [`Classifier::to_onnx`] does, with the backbone in int8: in QDQ form, which ONNX
    /// Runtime and OpenVINO run in integers. A backbone in int8 gives its own integers, one in f32 is quantized from its
    /// weights alone.
    ///
    /// # Errors
    /// [`Error::Weights`] if the classifier's parts do not fit each other or its pixels are scaled in a way that bytes
    /// cannot follow; [`Error::Graph`] for weights that int8 cannot hold.
    ///
    /// # Cost
    /// A pass over the weights where they are quantized, and three copies of the integers in memory.
    pub fn to_onnx_int8(&self, pixels: OnnxPixels) -> Result<Vec<u8>, Error> {
        let model = self.without_params()?;
        Ok(model.to_onnx_int8(&*self.integers()?, pixels)?)
    }

    /// Returns the bytes of a TFLite file of backbone and head in f32: `pixels`, f32 [1, H, W, 3], scaled as the net expects
    /// it, in; `probabilities` [1, classes] and `logits` out. Class names and the photo's way to the input stand in its
    /// metadata; `docs/export.md` lists the keys.
    ///
    /// # Errors
    /// What [`Classifier::to_onnx`] returns.
    ///
    /// # Cost
    /// One fold of the net, and three copies of it in memory.
    pub fn to_tflite(&self) -> Result<Vec<u8>, Error> {
        Ok(self.model(SaveBackbone::Embedded)?.to_tflite()?)
    }

    /// Returns the bytes of a TFLite file as [`Classifier::to_tflite`] does, with the backbone in int8. `pixels` are u8, 0 to
    /// 255 as a decoder gives them. A backbone in int8 gives its own integers, one in f32 is quantized from its weights
    /// alone.
    ///
    /// # Errors
    /// What [`Classifier::to_onnx_int8`] returns.
    ///
    /// # Cost
    /// That of [`Classifier::to_onnx_int8`].
    pub fn to_tflite_int8(&self) -> Result<Vec<u8>, Error> {
        Ok(self.without_params()?.to_tflite_int8(&*self.integers()?)?)
    }

    /// The model without trained tensors, which what is written in int8, and the head alone, do without.
    fn without_params(&self) -> Result<Model, Error> {
        self.model(match self.precision() {
            Precision::F32 => SaveBackbone::Pinned,
            Precision::Int8 => SaveBackbone::Embedded,
        })
    }

    /// The integers of the backbone.
    fn integers(&self) -> Result<Arc<IntegerNet>, Error> {
        match self.backbone().integers()? {
            Some(integers) => Ok(integers.net),
            None => Ok(Arc::new(IntegerNet::from_weights(&*self.backbone().params()?)?)),
        }
    }

    /// Returns the bytes of a safetensors file of the backbone alone, without a classification top: kernels and BatchNorm
    /// apart, as they were trained, with Keras' names and shapes. [`Backbone::open`](crate::Backbone::open) takes it as it
    /// takes published weights.
    ///
    /// # Errors
    /// [`Error::Graph`] if the backbone came in integers, which have no trained tensors.
    ///
    /// # Cost
    /// Two copies of the net in memory.
    pub fn backbone_to_bytes(&self) -> Result<Vec<u8>, Error> {
        let params = (*self.backbone().params()?).clone().without_top();
        Ok(Weights::new(params, self.backbone().record().clone()).to_bytes()?)
    }

    /// Returns the bytes of a safetensors file of the head alone, named and shaped as `layout` has it.
    ///
    /// # Errors
    /// What [`Classifier::to_onnx`] returns.
    pub fn head_to_bytes(&self, layout: HeadLayout) -> Result<Vec<u8>, Error> {
        Ok(self.without_params()?.head_to_bytes(layout)?)
    }

    /// Returns the names of the classes in the order of their indices, one a line. Whatever would break a line in a name
    /// becomes a space, so that the line's number stays the class' index.
    #[must_use]
    pub fn labels(&self) -> String {
        label_lines(self.classes())
    }
}
