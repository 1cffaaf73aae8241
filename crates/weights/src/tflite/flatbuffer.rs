//! FlatBuffers, written from the front to the back: what a .tflite file and its metadata are made of.
//!
//! ```text
//! file    offset of the root table, u32 | 4 letters | …
//! table   vtable: its bytes, the table's bytes, then for each field where it stands in the table, 0 if it is left out,
//!         all u16 | distance back to the vtable, i32 | fields: a number, or the distance on to a node, u32
//! vector  its length, u32 | elements: numbers, or distances on to nodes
//! text    a vector of UTF-8 bytes, and a 0 behind it
//! ```
//!
//! Everything is little-endian and stands at a multiple of its own size from the start of the file. Distances to nodes
//! point on, so a node comes behind whoever points to it, and the distance is filled in when its place is known. A
//! writer of our own, because tables of known fields are all that is needed: no schema compiler, nothing generated.
//!
//! What it does badly: vtables are not shared, some 20 bytes a table.
//!
//! # Source
//! The page "FlatBuffer Internals" of the format's documentation.

/// A table: fields by their number in the schema.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<(usize, Field)>);

/// The value of a field.
#[derive(Debug)]
enum Field {
    Byte(u8),
    Word([u8; 4]),
    Node(Node),
}

/// What a field or an element of a vector points to.
#[derive(Debug)]
pub(super) enum Node {
    Table(Table),
    Text(String),
    /// Bytes that stand at a multiple of 16, as the constants of a net do.
    Bytes(Vec<u8>),
    Int32s(Vec<i32>),
    Int64s(Vec<i64>),
    Floats(Vec<f32>),
    Nodes(Vec<Node>),
}

impl Table {
    pub(super) fn byte(mut self, number: usize, value: u8) -> Self {
        self.0.push((number, Field::Byte(value)));
        self
    }

    pub(super) fn int32(mut self, number: usize, value: i32) -> Self {
        self.0.push((number, Field::Word(value.to_le_bytes())));
        self
    }

    pub(super) fn float(mut self, number: usize, value: f32) -> Self {
        self.0.push((number, Field::Word(value.to_le_bytes())));
        self
    }

    pub(super) fn node(mut self, number: usize, node: Node) -> Self {
        self.0.push((number, Field::Node(node)));
        self
    }

    pub(super) fn text(self, number: usize, text: &str) -> Self {
        self.node(number, Node::Text(text.to_owned()))
    }

    pub(super) fn tables(self, number: usize, tables: impl IntoIterator<Item = Table>) -> Self {
        self.node(number, Node::Nodes(tables.into_iter().map(Node::Table).collect()))
    }
}

/// Returns the bytes of a file of this kind, four letters, whose root is `table`.
pub(super) fn file(table: Table, kind: &[u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(kind);
    let root = put_table(&mut bytes, table);
    point(&mut bytes, 0, root);
    bytes
}

/// Adds a table and all that it points to. Returns its place.
fn put_table(bytes: &mut Vec<u8>, Table(fields): Table) -> usize {
    let vtable_len = 4 + 2 * fields.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
    pad(bytes, 4, vtable_len);
    let vtable = bytes.len();
    bytes.resize(vtable + vtable_len, 0);
    let place = bytes.len();
    bytes.extend((vtable_len as i32).to_le_bytes());
    // Words first: a byte may stand anywhere.
    let (small, large): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|(_, field)| matches!(field, Field::Byte(_)));
    let mut nodes = Vec::new();
    for (number, field) in large.into_iter().chain(small) {
        let at = bytes.len();
        put_u16(bytes, vtable + 4 + 2 * number, at - place);
        match field {
            Field::Byte(value) => bytes.push(value),
            Field::Word(value) => bytes.extend(value),
            Field::Node(node) => {
                bytes.extend([0; 4]);
                nodes.push((at, node));
            }
        }
    }
    let len = bytes.len() - place;
    put_u16(bytes, vtable, vtable_len);
    put_u16(bytes, vtable + 2, len);
    put_nodes(bytes, nodes);
    place
}

/// Adds nodes, each with the place that points to it.
fn put_nodes(bytes: &mut Vec<u8>, nodes: Vec<(usize, Node)>) {
    for (from, node) in nodes {
        let place = put_node(bytes, node);
        point(bytes, from, place);
    }
}

fn put_node(bytes: &mut Vec<u8>, node: Node) -> usize {
    match node {
        Node::Table(table) => put_table(bytes, table),
        Node::Text(text) => {
            let place = put_vector(bytes, text.len(), 4, text.bytes());
            bytes.push(0);
            place
        }
        Node::Bytes(values) => put_vector(bytes, values.len(), 16, values),
        Node::Int32s(values) => {
            put_vector(bytes, values.len(), 4, values.iter().flat_map(|v| v.to_le_bytes()))
        }
        Node::Int64s(values) => {
            put_vector(bytes, values.len(), 8, values.iter().flat_map(|v| v.to_le_bytes()))
        }
        Node::Floats(values) => {
            put_vector(bytes, values.len(), 4, values.iter().flat_map(|v| v.to_le_bytes()))
        }
        Node::Nodes(nodes) => {
            let place = put_vector(bytes, nodes.len(), 4, nodes.iter().flat_map(|_| [0; 4]));
            let pointers = (place + 4..).step_by(4);
            put_nodes(bytes, pointers.zip(nodes).collect());
            place
        }
    }
}

/// Adds a vector whose elements start at a multiple of `align`. Returns its place, that of its length.
fn put_vector(
    bytes: &mut Vec<u8>,
    elements: usize,
    align: usize,
    values: impl IntoIterator<Item = u8>,
) -> usize {
    pad(bytes, align, 4);
    let place = bytes.len();
    bytes.extend((elements as u32).to_le_bytes());
    bytes.extend(values);
    place
}

/// Adds zeros, so that what follows the next `ahead` bytes stands at a multiple of `align`.
fn pad(bytes: &mut Vec<u8>, align: usize, ahead: usize) {
    let end = (bytes.len() + ahead).next_multiple_of(align);
    bytes.resize(end - ahead, 0);
}

fn put_u16(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 2].copy_from_slice(&(value as u16).to_le_bytes());
}

fn point(bytes: &mut [u8], from: usize, to: usize) {
    bytes[from..from + 4].copy_from_slice(&((to - from) as u32).to_le_bytes());
}
