//! Copies that can leave a dataset: what stays then has none, as the next check would judge it; and every copy of a photo is
//! known, whatever the file is like.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use icecap::advanced::data::{self, encode_jpeg};
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::check::{Checker, Checkup, Step, Why};
use icecap::{Backbone, Settings};

use crate::textures;

/// Pixels along a side of a drawn photo.
const SIDE: usize = 160;

fn backbone() -> Backbone {
    Backbone::starter(Settings::threads(2)).unwrap()
}

fn check(checker: &Checker, folder: &Path) -> Checkup {
    checker.check(data::survey(folder, None).unwrap(), &|_| ControlFlow::Continue(())).unwrap()
}

/// Removes the files that can leave.
fn leave(checkup: &Checkup) {
    for leaving in checkup.superfluous() {
        std::fs::remove_file(&checkup.survey.photos[leaving.photo].1.path).unwrap();
    }
}

/// A window of a photo drawn at random, mirrored or not, lighter or darker, as a JPEG.
fn variant(rgb: &[u8], stream: &mut Stream) -> Vec<u8> {
    let [width, height] = [0; 2].map(|_| SIDE - stream.below(SIDE as u32 / 7) as usize);
    let [left, top] = [width, height].map(|side| stream.below((SIDE - side) as u32 + 1) as usize);
    let (mirrored, light) = (stream.below(2) == 1, stream.range(0.7, 1.2));
    let mut seen = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let x = if mirrored { width - 1 - x } else { x };
            let pixel = &rgb[((y + top) * SIDE + x + left) * 3..][..3];
            seen.extend(pixel.iter().map(|&level| (f32::from(level) * light) as u8));
        }
    }
    encode_jpeg(&seen, [width, height], 40 + stream.below(55) as u8).unwrap()
}

/// Writes `photos` drawn photos of two classes in `variants` each.
fn draw(folder: &Path, seed: u64, photos: usize, variants: usize) {
    for photo in 0..photos {
        let class = folder.join(textures::CLASSES[photo % 2]);
        std::fs::create_dir_all(&class).unwrap();
        let rgb = textures::draw(seed, photo % textures::CLASSES.len(), photo, SIDE);
        let mut stream = Stream::new(seed, Purpose::Test, 1, photo as u32);
        for number in 0..variants {
            std::fs::write(class.join(format!("{photo} {number}.jpg")), variant(&rgb, &mut stream)).unwrap();
        }
    }
}

#[test]
fn no_copies_are_told_among_the_photos_that_stay() {
    let backbone = backbone();
    let settling = Checker::new(&backbone).unwrap().settling(true);
    for seed in 0..3 {
        let place = tempfile::tempdir().unwrap();
        draw(place.path(), seed, 9, 24);
        let first = check(&settling, place.path());
        assert!(first.superfluous().len() > 9 * 12, "too few copies are found to try anything");
        leave(&first);
        let second = check(&settling, place.path());
        assert!(!second.survey.photos.is_empty());
        assert_eq!(second.pairs, [[0usize; 2]; 0], "seed {seed}");
        assert!(second.similar.is_empty() && second.superfluous().is_empty());
    }
}

/// The same pixels in files of other bytes, by the comment in them, one of them twice: one group, of which one photo stays.
#[test]
fn files_of_the_same_pixels_are_one_content() {
    let place = tempfile::tempdir().unwrap();
    draw(place.path(), 5, 6, 1);
    let class = place.path().join(textures::CLASSES[0]);
    let jpeg = std::fs::read(class.join("0 0.jpg")).unwrap();
    let with_comment = |number: u32| {
        let comment = format!("{number:06}");
        [&jpeg[..2], &[0xff, 0xfe, 0, 8], comment.as_bytes(), &jpeg[2..]].concat()
    };
    for number in 0..300 {
        std::fs::write(class.join(format!("copy {number}.jpg")), with_comment(number)).unwrap();
    }
    std::fs::write(class.join("once more.jpg"), with_comment(7)).unwrap();
    let backbone = backbone();
    let checker = Checker::new(&backbone).unwrap();
    let checkup = check(&checker, place.path());
    let sizes = |groups: &[icecap::check::Group]| -> Vec<usize> {
        groups.iter().map(|group| group.photos.len()).collect()
    };
    assert_eq!((sizes(&checkup.equal), sizes(&checkup.identical)), (vec![301], vec![2]));
    assert!(checkup.similar.is_empty() && checkup.pairs.is_empty());
    let similar = checkup.findings().iter().filter(|finding| finding.kind == "similar").count();
    assert_eq!(similar, 1);
    let leaving = checkup.superfluous();
    let kept: HashSet<usize> = leaving
        .iter()
        .map(|leaving| match leaving.why {
            Why::Copy { kept, .. } => kept,
            _ => panic!("{leaving:?}"),
        })
        .collect();
    assert_eq!((leaving.len(), kept.len()), (301, 1));

    // On one side of a split, all of them, and no other.
    let survey = data::survey(place.path(), None).unwrap();
    let groups = checker.copies(&survey, &[], &|_| ControlFlow::Continue(())).unwrap();
    let of_kept = groups[*kept.iter().next().unwrap()];
    assert_eq!(groups.iter().filter(|group| **group == of_kept).count(), 302);
    leave(&checkup);
    assert_eq!(check(&checker, place.path()).photos.len(), 6);
}

/// Nothing is done beyond its end, and who stops at any step is obeyed.
#[test]
fn steps_end_at_their_end_and_can_be_stopped() {
    let place = tempfile::tempdir().unwrap();
    draw(place.path(), 8, 4, 12);
    let backbone = backbone();
    let checker = Checker::new(&backbone).unwrap().settling(true);
    let survey = || data::survey(place.path(), None).unwrap();
    let beyond = std::sync::Mutex::new(Vec::new());
    let hear = |step: Step| {
        if let Step::Looking(now) | Step::Comparing(now) | Step::Confirming(now) = step
            && now.done > now.photos
        {
            beyond.lock().unwrap().push(step);
        }
        ControlFlow::Continue(())
    };
    checker.check(survey(), &hear).unwrap();
    checker.copies(&survey(), &[], &hear).unwrap();
    assert!(beyond.lock().unwrap().is_empty(), "{beyond:?}");
    type Is = fn(&Step) -> bool;
    let kinds: [Is; 3] = [
        |step| matches!(step, Step::Looking(_)),
        |step| matches!(step, Step::Comparing(_)),
        |step| matches!(step, Step::Confirming(_)),
    ];
    for is in kinds {
        let stop = |step: Step| if is(&step) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert!(matches!(checker.check(survey(), &stop), Err(icecap::Error::Stopped)));
        assert!(matches!(checker.copies(&survey(), &[], &stop), Err(icecap::Error::Stopped)));
    }
}
