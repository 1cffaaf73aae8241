//! What another binary writes to use a trained model: open it, show it a photo.
//!
//! ```text
//! cargo run --release -p icecap --example embed -- model.safetensors photo.jpg
//! ```

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(model), Some(photo)) = (arguments.next(), arguments.next()) else {
        return Err("usage: embed MODEL PHOTO".into());
    };
    let classifier = icecap::Classifier::open(model)?;
    let prediction = classifier.predict_file(photo)?;
    println!("{} ({:.1} %)", prediction.label, 100.0 * prediction.probability);
    Ok(())
}
