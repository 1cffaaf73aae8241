//! Photos that cannot be read have no say in a training: the run is that of the folder without them, bit for bit.

use std::fs;

use crate::place::Place;

/// Files that are no photos, each beside photos of its class.
const BROKEN: [&str; 6] =
    ["red/0b.png", "red/4b.jpg", "red/9b.png", "blue/2b.png", "blue/3b.jpg", "blue/3c.png"];

/// Photos in `clean`, and the same with broken ones among them in `mixed`.
fn place() -> Place {
    let place = Place::new();
    for folder in ["clean", "mixed"] {
        for class in ["red", "blue"] {
            place.draw(&format!("{folder}/{class}"), class, 14);
            // A copy of a photo, among others.
            let photo = place.path(format!("{folder}/{class}/5.jpg"));
            fs::copy(&photo, photo.with_file_name("12c.jpg")).unwrap();
        }
    }
    for (number, broken) in BROKEN.iter().enumerate() {
        let whole = fs::read(place.path("clean/red/2.png")).unwrap();
        // Empty, no photo, and cut off at several places.
        let bytes =
            [&b""[..], b"no photo", &whole[..60], &whole[..whole.len() / 2], &whole[..20], b"\xff\xd8"];
        fs::write(place.path("mixed").join(broken), bytes[number]).unwrap();
    }
    place
}

fn text(place: &Place, run: &str, name: &str) -> String {
    place.text(&format!("{run}/{name}")).replace("mixed/", "clean/")
}

fn is_same(place: &Place, clean: &str, mixed: &str, words: &[&str]) {
    for name in ["split.csv", "predictions.csv"] {
        assert_eq!(text(place, mixed, name), text(place, clean, name), "{name}: {words:?}");
    }
    let model = |run: &str| fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(model(clean) == model(mixed), "{words:?}");
}

#[test]
fn a_run_among_broken_files_is_that_of_the_folder_without_them() {
    let place = place();
    fs::write(place.path("list.txt"), "red/1.jpg\nblue/4.png\nblue/3c.png\n").unwrap();
    place
        .icecap(&["train", "clean", "--exclude", "list.txt", "--epochs", "1", "--out", "earlier"])
        .succeeds();
    for (number, words) in [
        &[][..],
        &["--val-split", "0.4", "--seed", "7"],
        &["--group", "([0-9])[bc]?[.]"],
        &["--group", "duplicates"],
        &["--folds", "3"],
        &["--folds", "2", "--group", "([0-9])[bc]?[.]"],
        &["--exclude", "list.txt"],
        &["--augment", "flip,crop:0.8", "--views", "3", "--no-cache"],
        &["--augment", "flip,crop:0.8", "--views", "3"],
        &["--precision", "int8"],
        &["--try", "l2=0.01,1"],
        &["--try", "size=32,64", "--no-cache", "--precision", "int8"],
        &["--unfreeze", "Conv_1", "--tune-epochs", "1", "--augment", "flip", "--views", "2", "--no-cache"],
        &["--threshold", "recall=0.9", "--early-stop", "1"],
    ]
    .into_iter()
    .enumerate()
    {
        let [clean, mixed] = ["clean", "mixed"].map(|folder| {
            let out = format!("{folder}-{number}");
            let size =
                if words.iter().any(|word| word.starts_with("size=")) { &[][..] } else { &["--size", "64"] };
            let run =
                place.icecap(&[&["train", folder, "--epochs", "2", "--out", &out], size, words].concat());
            let run = run.succeeds();
            let listed = if words.contains(&"--exclude") { BROKEN.len() - 1 } else { BROKEN.len() };
            let skipped = run.stderr.lines().filter(|line| line.starts_with("skipped mixed/")).count();
            assert_eq!(skipped, if folder == "mixed" { listed } else { 0 }, "{words:?}: {}", run.stderr);
            assert_eq!(place.json(&format!("{out}/metrics.json"))["skipped"], skipped, "{words:?}");
            assert_eq!(place.path(&out).join("skipped.csv").exists(), skipped > 0, "{words:?}");
            out
        });
        is_same(&place, &clean, &mixed, words);
    }
}

#[test]
fn broken_files_that_came_later_change_nothing_either_and_strict_refuses_them() {
    let place = place();
    place.icecap(&["train", "clean", "--epochs", "1", "--out", "earlier"]).succeeds();
    for file in ["split.csv", "args.toml"] {
        let of_mixed = place.text(&format!("earlier/{file}")).replace("clean", "mixed");
        fs::create_dir_all(place.path("then")).unwrap();
        fs::write(place.path("then").join(file), of_mixed).unwrap();
    }
    fs::copy(place.path("earlier/model.safetensors"), place.path("then/model.safetensors")).unwrap();
    for folder in ["clean", "mixed"] {
        place.draw(&format!("{folder}/red"), "red", 20);
    }
    place.icecap(&["train", "clean", "--epochs", "1", "--since", "earlier", "--out", "a"]).succeeds();
    place.icecap(&["train", "mixed", "--epochs", "1", "--since", "then", "--out", "b"]).succeeds();
    is_same(&place, "a", "b", &["--since"]);
    let changes = |run: &str| {
        let since = &place.json(&format!("{run}/metrics.json"))["since"];
        ["photos_then", "photos_now", "new", "copies", "gone"].map(|key| since[key].as_u64().unwrap())
    };
    let [then, now, new, copies, gone] = changes("a");
    assert_eq!(changes("b"), [then, now, new, copies, gone]);
    // One that could be read then is gone.
    fs::write(place.path("clean/blue/1.jpg"), "no photo").unwrap();
    place.icecap(&["train", "clean", "--epochs", "1", "--since", "earlier", "--out", "c"]).succeeds();
    assert_eq!(changes("c"), [then, now - 1, new, copies, gone + 1]);
    for more in [&[][..], &["--try", "l2=0,1"], &["--precision", "int8"]] {
        let strict = place.icecap(&[&["train", "mixed", "--strict", "--out", "strict"], more].concat());
        assert!(strict.fails(3).contains("6 of 42 photos"), "{more:?}: {}", strict.stderr);
        let named = strict.stderr.lines().filter(|line| line.starts_with("skipped mixed/")).count();
        assert_eq!(named, BROKEN.len(), "{more:?}: {}", strict.stderr);
    }
}

#[test]
fn a_class_of_few_photos_keeps_one_to_judge_by() {
    let place = Place::new();
    place.draw("photos/red", "red", 10);
    place.draw("photos/blue", "blue", 2);
    for number in 0..4 {
        fs::write(place.path(format!("photos/blue/{number}b.png")), "no photo").unwrap();
    }
    for seed in 0..6_u32 {
        let (seed, out) = (seed.to_string(), format!("run-{seed}"));
        place.icecap(&["train", "photos", "--epochs", "1", "--seed", &seed, "--out", &out]).succeeds();
        let split = place.text(&format!("{out}/split.csv"));
        let of = |part: &str| split.lines().filter(|line| line.starts_with(&format!("{part},blue,"))).count();
        assert_eq!((of("train"), of("val")), (1, 1), "seed {seed}");
    }
}
