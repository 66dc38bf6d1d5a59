//! Whatever the text, the static model answers, and answers sanely.

use embedding::{StaticModel, Table, Vocabulary};
use proptest::prelude::*;

fn check(text: &str) {
    let model = StaticModel::shared();
    let vector = model.embed(text);
    assert_eq!(vector.len(), 256);
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!(length == 0.0 || (length - 1.0).abs() < 1e-4, "{length} for {text:?}");
    assert!(
        model.wordpiece().pieces(text).iter().all(|p| model.wordpiece().vocabulary().piece(*p).is_some())
    );
}

proptest! {
    #[test]
    fn any_string_has_a_vector(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_mixture_of_scripts_has_a_vector(
        words in proptest::collection::vec("[a-z]{1,12}|\\PC{1,6}|[\u{300}-\u{36f}]{1,4}|[一-龥]{1,3}|[\\x00-\\x20]", 0..40)
    ) {
        check(&words.concat());
        check(&words.join(" "));
    }

    #[test]
    fn case_makes_no_difference(text in "[a-zA-Z ,.']{0,80}") {
        let model = StaticModel::shared();
        assert_eq!(model.embed(&text), model.embed(&text.to_uppercase()));
    }

    #[test]
    fn any_bytes_are_a_table_or_a_refusal(header in any::<[u8; 8]>(), rest in any::<Vec<u8>>()) {
        let bytes = [b"STATEMB1".as_slice(), &header, &rest].concat();
        if let Ok(table) = Table::parse(bytes) {
            table.add_row(0, &mut vec![0.0; table.dimensions()]);
        }
    }

    #[test]
    fn any_text_is_a_vocabulary_or_a_refusal(text in any::<String>()) {
        if let Ok(vocabulary) = Vocabulary::new(text.clone() + "\n[UNK]\n") {
            assert_eq!(vocabulary.piece(vocabulary.unknown()), Some("[UNK]"));
        }
        let _ = Vocabulary::new(text);
    }
}

#[test]
fn huge_texts_are_cut_not_feared() {
    check(&"a".repeat(1_000_000));
    check(&"a ".repeat(200_000));
    check(&"\u{301}".repeat(50_000));
    check(&"\0".repeat(200_000));
    check(&"漢".repeat(50_000));
}
