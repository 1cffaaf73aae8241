//! Folders of photos: scan, decode, orient, resize, split, feature cache.
#![forbid(unsafe_code)]
