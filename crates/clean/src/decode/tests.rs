//! The reader of plain records against the full parser.

#![allow(clippy::unwrap_used)]

use pinflow_pipeline::FieldType;

use super::*;

fn decoder() -> Decoder {
    let field = |name: &str, kind| Field { name: name.into(), kind, required: false, wrong_type: WrongType::Dead };
    let fields = [
        field("id", FieldType::Bigint),
        field("text", FieldType::String),
        field("ratio", FieldType::Double),
        field("yes", FieldType::Boolean),
        field("a \"quoted\" näme", FieldType::String),
    ];
    Decoder::new(&fields, &UnknownFieldPolicies::default())
}

/// What a reader found, in words; `None` where it gave up.
fn in_words(
    text: &str,
    slots: &[Slot<'_>],
    unescaped: &str,
    unknown: &Encounters<'_>,
    decoder: &Decoder,
) -> Vec<String> {
    let word = |(slot, field): (&Slot<'_>, &Field)| match slot {
        Slot::Unescaped(range) => format!("{:?}", Slot::Text(Cow::Borrowed(&unescaped[range.clone()]))),
        Slot::NumberAsText => format!("{:?}", Slot::Text(Cow::Owned(full::number_text(text, &field.name)))),
        slot => format!("{slot:?}"),
    };
    let values = slots.iter().zip(&decoder.fields).map(word);
    values.chain([format!("{:?}", unknown.counted)]).collect()
}

fn plain(text: &str, decoder: &Decoder) -> Option<Vec<String>> {
    let mut slots: Vec<Slot<'_>> = decoder.fields.iter().map(|_| Slot::Absent).collect();
    let mut unescaped = String::new();
    let mut unknown = Encounters::new(&decoder.unknown);
    let read = decoder.plain.read(text, &mut slots, &mut unescaped, &mut |name: &str| unknown.meet(name));
    assert!(read.is_some() || unknown.counted.total().met == 0, "the full parser counts them");
    read?;
    Some(in_words(text, &slots, &unescaped, &unknown, decoder))
}

fn by_full_parser(text: &str, decoder: &Decoder) -> Option<Vec<String>> {
    let mut slots: Vec<Slot<'_>> = decoder.fields.iter().map(|_| Slot::Absent).collect();
    let mut unknown = Encounters::new(&decoder.unknown);
    full::read(&decoder.fields, text, &mut slots, &mut |name: &str| unknown.meet(name)).ok()?;
    Some(in_words(text, &slots, "", &unknown, decoder))
}

/// Whether the record is read as plain, in which case both agree on it.
fn is_plain(text: &str, decoder: &Decoder) -> bool {
    match plain(text, decoder) {
        Some(found) => {
            assert_eq!(Some(found), by_full_parser(text, decoder), "{text}");
            true
        }
        None => false,
    }
}

const PLAIN: [&str; 12] = [
    r#"{"id":1,"text":"a","ratio":1.5,"yes":true}"#,
    r#"{"id": -12, "text": null, "ratio": -0.25, "yes": false}"#,
    "{ \"yes\" : true ,\n\"id\" : 999999999999999 }\r\n",
    r#"{"other":"x","text":"later","more":1.25,"nothing":null,"id":7,"no":false}"#,
    r#"{"text":"first","text":"second"}"#,
    r#"{"text":"\"quoted\" \\ \/ \b\f\n\r\t \u00e9\u0000 — 🎄","id":0}"#,
    r#"{"text":12.50,"ratio":3}"#,
    r#"{"text":true}"#,
    r#"{"yes":true,"a \"quoted\" näme":"by its member"}"#,
    r#"{"ratio":0.1,"id":3,"text":""}"#,
    r#"{"ratio":123456.789012345,"id":10}"#,
    "{}",
];

#[test]
fn plain_records_are_read_alike() {
    let decoder = decoder();
    for text in PLAIN {
        assert!(is_plain(text, &decoder), "{text}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_full_parser() {
    let decoder = decoder();
    let others = [
        "",
        "{",
        "[]",
        "1",
        "null",
        "{}x",
        "{,}",
        r#"{"id":1,}"#,
        r#"{"id":1 "text":""}"#,
        r#"{"id":"1"}"#,
        r#"{"id":1.0}"#,
        r#"{"id":01}"#,
        r#"{"id":-0}"#,
        r#"{"id":-}"#,
        r#"{"ratio":1e3}"#,
        r#"{"ratio":1.}"#,
        r#"{"ratio":-0.0}"#,
        r#"{"ratio":0.1234567890123456}"#,
        r#"{"id":9223372036854775807}"#,
        r#"{"yes":1}"#,
        r#"{"text":{}}"#,
        r#"{"text":[]}"#,
        r#"{"other":{"id":2}}"#,
        r#"{"text":"\ud83c\udf84"}"#,
        r#"{"text":"\ud83c"}"#,
        r#"{"text":"\ud83cx","id":1}"#,
        r#"{"ratio":1e999}"#,
        r#"{"other":1e999}"#,
        r#"{"other":"\ud83c"}"#,
        r#"{"text":"\x"}"#,
        r#"{"text":"\u00+1"}"#,
        "{\"text\":\"a\nb\"}",
        r#"{"text":"open}"#,
        r#"{"other":"\n"}"#,
        r#"{"i\u0064":1}"#,
        r#"{"id":tru}"#,
        r#"{"yes":truex}"#,
        "{\"id\":1}\u{0}",
    ];
    for text in others {
        assert!(!is_plain(text, &decoder), "{text}");
    }
}

/// Records with a few bytes changed: whatever the plain reader takes, the full parser reads the same.
#[test]
fn damaged_records_are_read_alike() {
    const BYTES: [&str; 20] =
        ["{", "}", "\"", "\\", ":", ",", " ", "\n", "0", "1", "9", "-", ".", "e", "null", "true", "u", "é", "[", "id"];
    let decoder = decoder();
    let mut state = 7u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut read = 0;
    for _ in 0..20_000 {
        let mut text: Vec<char> = PLAIN[below(PLAIN.len())].chars().collect();
        for _ in 0..=below(2) {
            let at = below(text.len());
            let removed = below(3).min(text.len() - at);
            text.splice(at..at + removed, BYTES[below(BYTES.len())].chars());
        }
        read += usize::from(is_plain(&text.iter().collect::<String>(), &decoder));
    }
    assert!((1_000..15_000).contains(&read), "{read} of them were plain");
}

#[test]
fn a_batch_of_both_kinds_keeps_its_order() {
    let records = [r#"{"id":1,"text":"a\nb"}"#, r#"{"id":2e0}"#, r#"{"id":3,"text":"\ud83c\udf84"}"#, r#"{"id":4}"#];
    let records: Vec<Option<&[u8]>> = records.iter().map(|text| Some(text.as_bytes())).collect();
    let decoded = decoder().decode(&records);
    assert_eq!((decoded.origin, decoded.rejects.len()), (vec![0, 2, 3], 1));
    let texts: Vec<Option<String>> = {
        use arrow::array::AsArray;
        decoded.rows.column(1).as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    };
    assert_eq!(texts, [Some("a\nb".to_owned()), Some("🎄".to_owned()), None]);
}

/// The reasons for which records are rejected; empty for one that is not.
fn reasons(decoder: &Decoder, records: &[&str]) -> Vec<String> {
    let records: Vec<Option<&[u8]>> = records.iter().map(|text| Some(text.as_bytes())).collect();
    let rejects = decoder.decode(&records).rejects;
    let reason = |index| rejects.iter().find(|reject| reject.index == index).map(|reject| reject.cause.to_string());
    (0..records.len()).map(|index| reason(index).unwrap_or_default()).collect()
}

#[test]
fn values_that_cannot_be_held_are_wrong_values_of_their_fields() {
    let records = [
        r#"{"id":1,"ratio":1e999}"#,
        r#"{"id":2,"ratio":-1e999,"text":"\n"}"#,
        r#"{"id":3,"text":"\ud800"}"#,
        r#"{"id":4,"text":"\udc00\ud800 more","yes":true}"#,
        r#"{"id":1e999}"#,
        r#"{"id":6,"yes":1e999}"#,
        r#"{"id":7,"yes":"\ud800"}"#,
        r#"{"id":8,"ratio":{"\ud800":1}}"#,
        r#"{"id":9,"ratio":[{"\ud800":1}]}"#,
        r#"{"id":10,"text":1e999}"#,
        r#"{"id":11,"other":1e999,"more":"\ud800","most":{"\ud800":[1e999]}}"#,
    ];
    let expected = [
        "field `ratio` is a number out of range, not a double",
        "field `ratio` is a number out of range, not a double",
        "field `text` is a string with half of a surrogate pair, not a string",
        "field `text` is a string with half of a surrogate pair, not a string",
        "field `id` is a number that is not a whole one of 64 bits, not a bigint",
        "field `yes` is a number that is not a whole one of 64 bits, not a boolean",
        "field `yes` is a string, not a boolean",
        "field `ratio` is an object, not a double",
        "field `ratio` is an array, not a double",
        "",
        "",
    ];
    assert_eq!(reasons(&decoder(), &records), expected);

    let mut lenient = decoder().fields;
    lenient.iter_mut().for_each(|field| field.wrong_type = WrongType::Null);
    let lenient = Decoder::new(&lenient, &UnknownFieldPolicies::default());
    let records: Vec<Option<&[u8]>> = records.iter().map(|text| Some(text.as_bytes())).collect();
    let decoded = lenient.decode(&records);
    assert_eq!((decoded.rejects.len(), decoded.nulled), (0, vec![1, 2, 4, 2, 0]));
    assert_eq!(decoded.unknown.total().met, 3, "each is counted once");
    use arrow::array::{Array, AsArray};
    let texts = decoded.rows.column(1).as_string::<i32>();
    assert!(texts.value(1) == "\n" && texts.is_null(2) && texts.value(9) == "1e999");
}

#[test]
fn broken_records_stay_broken() {
    let records = [r#"{"id":1,"ratio":1e999"#, r#"{"ratio":1e999,"text":"\x"}"#, r#"{"other":1,"id":1e999}x"#, "1e999"];
    let reasons = reasons(&decoder(), &records);
    assert!(reasons[..3].iter().all(|reason| reason.starts_with("not JSON: ")), "{reasons:?}");
    assert_eq!(reasons[3], "not a JSON object");
}
