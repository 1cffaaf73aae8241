use std::path::PathBuf;
use std::sync::OnceLock;

use icecap_data::{Cache, CacheKey, CacheKeyParts, Digest};
use icecap_weights::{PackStore, PackedName};

const VALUES: [f32; 4] = [1.0, -2.0, 3.5, 0.0];

/// A cache with one entry, and the paths of the entry and of a photo.
struct Place {
    folder: PathBuf,
    key: CacheKey,
    entry: PathBuf,
    photo: PathBuf,
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = crate::held::folder().join("cache");
        let digest = Digest::of(b"photo");
        let parts = CacheKeyParts {
            photo: digest,
            params: digest,
            preprocessing: "none",
            tap: "pooled",
            numerics: "1",
        };
        let key = CacheKey::new(&parts);
        Cache::new(&folder).put(&key, &VALUES);
        let mut open = vec![folder.clone()];
        let mut entry = None;
        while let Some(path) = open.pop() {
            match std::fs::read_dir(&path) {
                Ok(inside) => open.extend(inside.map(|inside| inside.expect("an entry").path())),
                Err(_) => entry = Some(path),
            }
        }
        let photo = folder.join("photo");
        std::fs::write(&photo, b"photo").expect("room for a file");
        Place { folder, key, entry: entry.expect("the entry that was put"), photo }
    })
}

/// What is kept in a cache, an entry of features, the stamps of photos, a packed net: what was put there, or nothing.
pub fn cache(bytes: &[u8]) {
    let Place { folder, key, entry, photo } = place();
    std::fs::write(entry, bytes).expect("room for a file");
    std::fs::write(folder.join("stamps"), bytes).expect("room for a file");
    let cache = Cache::new(folder);
    let mut values = [f32::NAN; VALUES.len()];
    match cache.get(key, &mut values) {
        true => assert_eq!(values, VALUES),
        false => assert!(values.iter().all(|value| value.is_nan())),
    }
    assert!(!cache.get(key, &mut [0.0; 5]));
    let _ = cache.known(photo);
    let store = PackStore::new(folder);
    for name in [PackedName::f32(Digest::of(b"net")), PackedName::int8(Digest::of(b"net"))] {
        let path = store.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("room for a folder");
        std::fs::write(&path, bytes).expect("room for a file");
        assert!(store.find(name).is_none(), "its checksum is not to be met by chance");
    }
}
