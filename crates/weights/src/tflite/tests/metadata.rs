use std::collections::BTreeMap;

use super::both;
use super::reader::{Seen, number, read};
use crate::Model;
use crate::onnx::tests::model;

/// The one file of the archive at the end, by the places that its directory gives.
fn archived(bytes: &[u8]) -> (&str, &[u8]) {
    let end = &bytes[bytes.len() - 22..];
    assert_eq!((&end[..4], &end[10..12]), (&b"PK\x05\x06"[..], &[1, 0][..]));
    let directory = &bytes[number(end, 16)..][..number(end, 12)];
    let (len, local) = (number(directory, 24), number(directory, 42));
    let header = &bytes[local..];
    assert_eq!((&directory[..4], &header[..4]), (&b"PK\x01\x02"[..], &b"PK\x03\x04"[..]));
    assert_eq!(directory[6..30], header[4..28], "both say the same");
    assert_eq!(&header[8..10], [0, 0], "stored");
    let name = usize::from(header[26]);
    let content = &header[30 + name..][..len];
    assert_eq!(number(header, 14), crc32fast::hash(content) as usize);
    assert_eq!(local + 30 + name + len, number(end, 16), "nothing between");
    (std::str::from_utf8(&header[30..30 + name]).unwrap(), content)
}

#[test]
fn metadata_holds_the_classes_and_how_to_feed_the_net() {
    let names = ["ants, 'red'", "bees \"\\\"", "wäsps\n😀\0", &"long ".repeat(20_000)];
    let model = Model { classes: names.map(str::to_owned).to_vec(), ..model(4) };
    for (bytes, int8) in both(&model).iter().zip([false, true]) {
        let graph = read(bytes);
        let buffers = graph.model.tables(4);
        let entries: BTreeMap<&str, &[u8]> = graph
            .model
            .tables(6)
            .iter()
            .map(|entry| (entry.text(0), buffers[entry.int(1) as usize].vector(0, 1, 16)))
            .collect();
        let own: BTreeMap<String, String> = serde_json::from_slice(entries["icecap"]).unwrap();
        let classes: Vec<String> = serde_json::from_str(&own["classes"]).unwrap();
        assert_eq!(classes, model.classes);
        assert_eq!((own["input_layout"].as_str(), own["input_size"].as_str()), ("NHWC", "96"));
        assert_eq!(own["input_shift"], if int8 { "[0, 0, 0]" } else { "[-1, -1, -1]" });
        assert_eq!(own.get("precision").map(String::as_str), int8.then_some("int8"));
        assert_eq!(own["params_sha256"], model.record.params_sha256.to_string());

        let told = Seen::root(entries["TFLITE_METADATA"], b"M001");
        let [inside] = told.tables(3)[..] else { panic!("one graph") };
        let ([pixels], [probabilities, logits]) = (&inside.tables(2)[..], &inside.tables(3)[..]) else {
            panic!("ends")
        };
        assert_eq!(pixels.table(3).unwrap().byte(0), 2, "an image");
        assert_eq!(pixels.table(3).unwrap().table(1).unwrap().byte(0), 1, "RGB");
        let scaled = pixels.tables(4);
        assert_eq!(scaled.len(), usize::from(!int8));
        if let [unit] = scaled[..] {
            assert_eq!(unit.byte(0), 1);
            let options = unit.table(1).unwrap();
            for value in options.floats(0).into_iter().chain(options.floats(1)) {
                assert!((value - 127.5).abs() < 1e-4, "{value}");
            }
            assert_eq!((options.floats(0).len(), options.floats(1).len()), (3, 3));
        }
        let stats = pixels.table(5).unwrap();
        let ends = if int8 { (vec![255.0; 3], vec![0.0; 3]) } else { (vec![1.0; 3], vec![-1.0; 3]) };
        assert_eq!((stats.floats(0), stats.floats(1)), ends);
        let [labels] = probabilities.tables(6)[..] else { panic!("one file") };
        assert_eq!((labels.text(0), labels.byte(2)), ("labels.txt", 2));
        assert!(logits.tables(6).is_empty());

        let (name, content) = archived(bytes);
        let lines: Vec<&str> = std::str::from_utf8(content).unwrap().lines().collect();
        assert_eq!((name, lines.len()), ("labels.txt", 4));
        assert_eq!(lines[2], "wäsps 😀 ");
        assert_eq!(lines[3], names[3]);
    }
}
