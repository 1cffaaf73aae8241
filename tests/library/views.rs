//! Views of photos: the plain one is the photo, each is computed once, and none depends on what else is asked for.

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap::advanced::data::{Augment, Cache, Views};
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::advanced::weights::starter;
use icecap::model::{Extractor, Preprocessing};
use icecap::{Backbone, Settings, Source};

/// A photo of noise as the bytes of a PNG.
fn photo(number: u32) -> Vec<u8> {
    let mut stream = Stream::new(11, Purpose::Test, 0, number);
    let pixels =
        image::RgbImage::from_fn(60, 40, |_, _| image::Rgb([0; 3].map(|_: u8| stream.next_u32() as u8)));
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The rows of each photo, and how many of them came from the cache.
fn rows(
    photos: &[Vec<u8>],
    views: Views,
    threads: usize,
    cache: Option<Arc<Cache>>,
) -> (Vec<Vec<f32>>, usize) {
    let settings = Settings { threads, ..Settings::default() };
    let backbone = Backbone::new(starter().unwrap(), settings).unwrap();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    let mut extractor = Extractor::new(&backbone, preprocessing, icecap::advanced::graph::Tap::Pooled)
        .unwrap()
        .with_views(views)
        .with_cache(cache);
    let len = extractor.row_len() * extractor.views();
    let mut rows = vec![f32::NAN; photos.len() * len];
    let sources: Vec<_> = photos.iter().map(|bytes| Source::Bytes(bytes)).collect();
    let outcomes = extractor.extract(&sources, &mut rows, &|_| ControlFlow::Continue(())).unwrap();
    let cached = outcomes.into_iter().filter(|outcome| outcome.as_ref().unwrap().cached).count();
    (rows.chunks_exact(len).map(<[f32]>::to_vec).collect(), cached)
}

#[test]
fn the_first_view_is_the_photo_and_the_others_are_not() {
    let photos: Vec<_> = (0..5).map(photo).collect();
    let (plain, _) = rows(&photos, Views::Plain, 2, None);
    let all: Augment = "flip,crop,rotate,color".parse().unwrap();
    for views in [Views::Mirrored, Views::drawn(all, 0, 4).unwrap()] {
        for (rows, plain) in rows(&photos, views, 2, None).0.iter().zip(&plain) {
            let views: Vec<_> = rows.chunks_exact(plain.len()).collect();
            assert_eq!(views[0], plain);
            for (number, view) in views.iter().enumerate() {
                assert!(!views[..number].contains(view), "view {number} stands twice");
            }
        }
    }
}

#[test]
fn views_are_kept_each_for_itself_and_have_the_same_bits_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Some(Arc::new(Cache::new(folder.path())));
    let photos: Vec<_> = (0..4).map(photo).collect();
    let augment: Augment = "flip,crop:0.6".parse().unwrap();
    let views = |count| Views::drawn(augment, 3, count).unwrap();
    let (expected, _) = rows(&photos, views(4), 1, None);
    // The plain photos first, then half of the views, then all of them: each finds what the ones before have left.
    let (_, cached) = rows(&photos[..2], Views::Plain, 2, cache());
    assert_eq!(cached, 0);
    let (half, cached) = rows(&photos, views(2), 3, cache());
    assert_eq!(cached, 0, "the second view was there for nobody");
    let (whole, _) = rows(&photos, views(4), 2, cache());
    assert_eq!(whole, expected);
    let len = expected[0].len() / 4;
    assert!(half.iter().zip(&expected).all(|(half, whole)| half[..] == whole[..2 * len]));
    assert_eq!(rows(&photos, views(4), 2, cache()), (expected, 4));
    assert_eq!(rows(&photos, Views::Plain, 2, cache()).1, 4);
    // Another seed is another view.
    assert_eq!(rows(&photos, Views::drawn(augment, 4, 2).unwrap(), 2, cache()).1, 0);
}
