//! Graphs of our own export in which a setting is changed: each is followed, or refused by the operator that has it.

use std::borrow::Cow;

use icecap_graph::int8::IntegerNet;

use super::super::graph_hostile::tiny;
use super::message::Operator;
use super::*;
use crate::dense_head::FileHead;
use crate::onnx::tests::params;
use crate::traced::Constant;

const FLOAT32: u8 = 0;
const INT32: u8 = 2;

/// What is read of a graph with a change: the head, or one line.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Model<'_>)) -> Result<FileHead, String> {
    let mut model = message::model(bytes).unwrap();
    change(&mut model);
    let path = Path::new("file");
    let read = file(&model, bytes, path).map_err(|stop| match stop {
        Stop::Damage(damage) => damage.reason,
        Stop::Refusal(refusal) => refusal.error(path).to_string(),
    })?;
    Ok(read.container(path, ContainerKind::Tflite).told().head.clone().unwrap())
}

fn float() -> Vec<u8> {
    tiny().to_tflite().unwrap()
}

fn integers() -> Vec<u8> {
    let model = tiny();
    model.to_tflite_int8(&IntegerNet::from_weights(params(&model)).unwrap()).unwrap()
}

fn tensor(element: u8, shape: &[i32]) -> Tensor<'static> {
    let (shape, signature) = (shape.to_vec(), Vec::new());
    Tensor { name: "new", element, shape, signature, steps: None, constant: None }
}

fn list(numbers: &[i32]) -> Tensor<'static> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let constant = Constant::new(vec![numbers.len()], Stored::I32, Cow::Owned(bytes), 0);
    Tensor { constant: Some(constant), ..tensor(INT32, &[numbers.len() as i32]) }
}

/// Puts an operator in that reads what the last one of a code gives, and `more`; whoever read that reads the new one.
fn insert_behind<'a>(
    model: &mut Model<'a>,
    behind: i32,
    code: i32,
    given: Tensor<'a>,
    more: &[Tensor<'static>],
) {
    let place = model.operators.iter().rposition(|operator| operator.code == behind).unwrap();
    let from = model.operators[place].outputs[0];
    let to = model.tensors.len() as i32;
    model.tensors.push(given);
    let mut inputs = vec![from];
    for constant in more {
        inputs.push(model.tensors.len() as i32);
        let Tensor { name, element, shape, .. } = constant;
        let values = constant.constant.clone();
        let one = Tensor {
            name,
            element: *element,
            shape: shape.clone(),
            signature: Vec::new(),
            steps: None,
            constant: values,
        };
        model.tensors.push(one);
    }
    let readers = model.operators.iter_mut().flat_map(|operator| &mut operator.inputs);
    readers.chain(&mut model.outputs).filter(|index| **index == from).for_each(|index| *index = to);
    model
        .operators
        .insert(place + 1, Operator { code, custom: "", inputs, outputs: vec![to], options: None });
}

#[test]
fn casts_and_forms_that_change_values_make_a_head_unreadable() {
    let float = float();
    for (code, element, more, words) in [
        (code::CAST, INT32, vec![], "(CAST): it cuts values down"),
        (code::RESHAPE, FLOAT32, vec![list(&[-1, 1])], "(RESHAPE): it gives 3 channels the shape [-1, 1]"),
    ] {
        let read = changed(&float, |model| {
            insert_behind(model, code::FULLY_CONNECTED, code, tensor(element, &[1, 3]), &more);
        });
        let told = read.unwrap().unreadable().unwrap().to_owned();
        assert!(told.contains(words), "{told}");
    }
    const ARG_MAX: i32 = 56;
    for (behind, code, element, more) in [
        (code::FULLY_CONNECTED, code::CAST, FLOAT32, vec![]),
        (code::FULLY_CONNECTED, code::RESHAPE, FLOAT32, vec![list(&[1, 3])]),
        (code::SOFTMAX, ARG_MAX, INT32, vec![list(&[1])]),
    ] {
        let read =
            changed(&float, |model| insert_behind(model, behind, code, tensor(element, &[1, 3]), &more));
        assert!(matches!(read, Ok(FileHead::Top)), "{code}: {read:?}");
    }
}

#[test]
fn whole_numbers_without_a_scale_are_refused_where_they_are_needed() {
    let integers = integers();
    let told = changed(&integers, |model| {
        let conv = model.operators.iter().find(|operator| operator.code == code::CONV_2D).unwrap();
        let bias = &mut model.tensors[conv.inputs[2] as usize];
        bias.constant.as_mut().unwrap().as_mut().unwrap().steps = None;
    });
    assert!(told.unwrap_err().contains("its bias is of whole numbers, and the file states no scale"));
    // A constant of a type that is not read.
    let head = changed(&float(), |model| {
        let dense = model.operators.iter().find(|operator| operator.code == code::FULLY_CONNECTED).unwrap();
        model.tensors[dense.inputs[1] as usize].constant =
            Some(Err("its values are of type INT4".to_owned()));
    });
    let told = head.unwrap().unreadable().unwrap().to_owned();
    assert!(told.contains("(FULLY_CONNECTED): the constant") && told.contains("INT4"), "{told}");
}

/// Opens: other files of weights | TFLite of a net of PyTorch's, which reads colors first and turns them around | as the graph does
#[test]
fn an_input_with_its_colors_first_is_read_as_it_is_turned_around() {
    let float = float();
    let turned = |order: &[i32]| {
        changed(&float, |model| {
            let input = model.inputs[0];
            let index = model.tensors.len() as i32;
            model.tensors.push(tensor(FLOAT32, &[1, 96, 96, 3]));
            let readers = model.operators.iter_mut().flat_map(|operator| &mut operator.inputs);
            readers.filter(|read| **read == input).for_each(|read| *read = index);
            model.tensors[input as usize].shape = vec![1, 3, 96, 96];
            model.tensors[input as usize].signature.clear();
            model.tensors.push(list(order));
            let (inputs, outputs) = (vec![input, index + 1], vec![index]);
            let code = code::TRANSPOSE;
            model.operators.insert(0, Operator { code, custom: "", inputs, outputs, options: None });
        })
    };
    assert!(matches!(turned(&[0, 2, 3, 1]), Ok(FileHead::Top)));
    // Rows for columns.
    assert!(turned(&[0, 3, 2, 1]).unwrap_err().contains("no image with its axes in the usual order"));
}
