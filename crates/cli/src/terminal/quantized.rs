//! How a net in int8 came to be and how near it is to f32, in words: the same for a training, `weights inspect` and
//! `weights verify`.

use icecap::model::Quantization;

use crate::terminal::wording::counted;

/// Returns what gave the integers, and as far as it is known, how far their features are off those in f32 and for how many
/// photos the head says the same class.
pub(crate) fn text(quantization: &Quantization) -> String {
    let told = [Some(made(quantization)), off(quantization), agreement(quantization)];
    told.into_iter().flatten().collect::<Vec<String>>().join("; ")
}

fn made(quantization: &Quantization) -> String {
    match quantization.photos {
        0 => "quantized by the weights alone".to_owned(),
        photos => format!("quantized with {}", counted(photos, "training photo")),
    }
}

fn off(quantization: &Quantization) -> Option<String> {
    let error = quantization.error?;
    let on = match (quantization.judged, quantization.on_others) {
        (0, _) => "photos that it does not tell the number of".to_owned(),
        (judged, true) => format!("{judged} others"),
        (_, false) => "these, too few to keep others back".to_owned(),
    };
    Some(format!("features {:.1} % off those in f32 on {on}", 100.0 * error))
}

fn agreement(quantization: &Quantization) -> Option<String> {
    let share = quantization.agreement?;
    Some(format!("the same class as in f32 for {:.1} % of them all", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_net_is_told_and_nothing_else() {
        let alone = Quantization::default();
        assert_eq!(text(&alone), "quantized by the weights alone");
        let photos =
            Quantization { photos: 39, judged: 9, on_others: true, error: Some(0.0123), agreement: None };
        assert_eq!(
            text(&photos),
            "quantized with 39 training photos; features 1.2 % off those in f32 on 9 others"
        );
        let same = Quantization { photos: 1, judged: 1, on_others: false, agreement: Some(1.0), ..photos };
        assert!(text(&same).contains("with 1 training photo; ") && text(&same).contains("on these, too few"));
        assert!(text(&same).ends_with("the same class as in f32 for 100.0 % of them all"));
        let uncounted = text(&Quantization { judged: 0, ..photos });
        assert!(uncounted.ends_with("in f32 on photos that it does not tell the number of"), "{uncounted}");
    }
}
