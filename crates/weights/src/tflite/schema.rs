//! The numbers of the public schema of TFLite files, as far as a plain net needs them: of each table the fields that are
//! written, of each operator its code and the oldest version that does what is asked of it.

/// The four letters of a TFLite file.
pub(super) const KIND: &[u8; 4] = b"TFL3";
/// The version of the schema.
pub(super) const VERSION: i32 = 3;

/// Fields of the tables.
pub(super) mod field {
    pub(in crate::tflite) mod model {
        pub(in crate::tflite) const VERSION: usize = 0;
        pub(in crate::tflite) const OPERATOR_CODES: usize = 1;
        pub(in crate::tflite) const SUBGRAPHS: usize = 2;
        pub(in crate::tflite) const DESCRIPTION: usize = 3;
        pub(in crate::tflite) const BUFFERS: usize = 4;
        pub(in crate::tflite) const METADATA: usize = 6;
        pub(in crate::tflite) const SIGNATURES: usize = 7;
    }

    pub(in crate::tflite) mod subgraph {
        pub(in crate::tflite) const TENSORS: usize = 0;
        pub(in crate::tflite) const INPUTS: usize = 1;
        pub(in crate::tflite) const OUTPUTS: usize = 2;
        pub(in crate::tflite) const OPERATORS: usize = 3;
        pub(in crate::tflite) const NAME: usize = 4;
    }

    pub(in crate::tflite) mod tensor {
        pub(in crate::tflite) const SHAPE: usize = 0;
        pub(in crate::tflite) const ELEMENT: usize = 1;
        pub(in crate::tflite) const BUFFER: usize = 2;
        pub(in crate::tflite) const NAME: usize = 3;
        pub(in crate::tflite) const QUANTIZATION: usize = 4;
    }

    pub(in crate::tflite) mod quantization {
        pub(in crate::tflite) const SCALE: usize = 2;
        pub(in crate::tflite) const ZERO_POINT: usize = 3;
        pub(in crate::tflite) const DIMENSION: usize = 6;
    }

    pub(in crate::tflite) mod operator {
        pub(in crate::tflite) const CODE: usize = 0;
        pub(in crate::tflite) const INPUTS: usize = 1;
        pub(in crate::tflite) const OUTPUTS: usize = 2;
        pub(in crate::tflite) const OPTIONS_TYPE: usize = 3;
        pub(in crate::tflite) const OPTIONS: usize = 4;
    }

    pub(in crate::tflite) mod operator_code {
        /// The code in the one byte that it had at first.
        pub(in crate::tflite) const OLD_CODE: usize = 0;
        pub(in crate::tflite) const VERSION: usize = 2;
        pub(in crate::tflite) const CODE: usize = 3;
    }

    pub(in crate::tflite) mod signature {
        pub(in crate::tflite) const INPUTS: usize = 0;
        pub(in crate::tflite) const OUTPUTS: usize = 1;
        pub(in crate::tflite) const KEY: usize = 2;
    }

    /// A table of a name and an index: of a signature's tensor, or of a piece of metadata.
    pub(in crate::tflite) mod named {
        pub(in crate::tflite) const NAME: usize = 0;
        pub(in crate::tflite) const INDEX: usize = 1;
    }
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Element {
    F32 = 0,
    I32 = 2,
    U8 = 3,
    I8 = 9,
}

/// An operator. Its number is its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Operator {
    Add = 0,
    Concatenation = 2,
    Conv2d = 3,
    DepthwiseConv2d = 4,
    Dequantize = 6,
    FullyConnected = 9,
    Logistic = 14,
    Softmax = 25,
    Pad = 34,
    Mean = 40,
    Sub = 41,
    Div = 42,
    Quantize = 114,
}

impl Operator {
    /// The oldest version that gives such elements; of `Dequantize`, that reads them.
    pub(super) fn version(self, element: Element) -> i32 {
        match (self, element) {
            (Self::Conv2d | Self::DepthwiseConv2d, Element::I8) => 3,
            (Self::Add | Self::Sub | Self::Pad | Self::Dequantize, Element::I8) => 2,
            _ => 1,
        }
    }

    /// The number of the table of its options among all of them; 0 if it has none.
    pub(super) fn options_type(self) -> u8 {
        match self {
            Self::Conv2d => 1,
            Self::DepthwiseConv2d => 2,
            Self::FullyConnected => 8,
            Self::Softmax => 9,
            Self::Concatenation => 10,
            Self::Add => 11,
            Self::Mean => 27,
            Self::Sub => 28,
            Self::Div => 29,
            Self::Dequantize | Self::Logistic | Self::Pad | Self::Quantize => 0,
        }
    }
}

/// No activation inside an operator.
pub(super) const NO_ACTIVATION: u8 = 0;
/// The ReLU among the activations that an operator can have inside.
pub(super) const RELU: u8 = 1;
/// The ReLU6 among them.
pub(super) const RELU6: u8 = 3;

/// How a window is laid over the border of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Border {
    /// As many zeros as give an output for each step, the odd one last.
    Same = 0,
    /// No zeros.
    Valid = 1,
}
