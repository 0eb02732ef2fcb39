//! The state document: of tmkms, of ours and of CometBFT. What is read is what the document says,
//! and written again it is read as the same.
#![no_main]

use fuzz::samples;
use guard::{Knowledge, Mark};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use store::Document;

fuzz_target!(|bytes: &[u8]| {
    match Document::parse(bytes) {
        Ok(document) => {
            says_what_stands_there(bytes, &document);
            survives_being_written(bytes, &document);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn json(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    serde_json::from_str(text).expect("JSON was read, so it is JSON")
}

/// Height and round, read a second time by other code.
fn says_what_stands_there(bytes: &[u8], document: &Document) {
    let json = json(bytes);
    let number = |field: &str| -> i64 {
        match &json[field] {
            Value::String(text) => text.parse().expect("a number in a text"),
            other => other.as_i64().expect("a number"),
        }
    };
    let height = number("height");
    assert_eq!(document.is_cometbft, json["round"].is_number());
    match &document.knowledge {
        Knowledge::Mark(mark) => {
            assert_eq!(mark.hrs().height.value(), height);
            assert_eq!(i64::from(mark.hrs().round.value()), number("round"));
            let step = i64::from(mark.hrs().step.number());
            let shift = i64::from(document.is_cometbft);
            assert!(
                step >= (number("step") - shift).min(2),
                "the step is lowered"
            );
        }
        Knowledge::Nothing => assert_eq!(height, 0),
        other => panic!("no document says {other:?}"),
    }
}

fn survives_being_written(bytes: &[u8], document: &Document) {
    let chain_id = document.chain_id.clone().unwrap_or_else(samples::chain);
    let json = Document::to_json(&chain_id, &document.knowledge);
    let again = Document::parse(json.as_bytes()).expect("our own document");
    assert_eq!(again.chain_id, Some(chain_id));
    assert!(!again.is_cometbft);
    assert_eq!(again.knowledge, document.knowledge);
    // Whatever has a checksum was written by us, to the letter.
    if document.has_checksum && document.knowledge != Knowledge::Nothing {
        let checksum = |bytes| self::json(bytes)["checksum"].clone();
        assert_eq!(checksum(json.as_bytes()), checksum(bytes));
    }
    if let Knowledge::Mark(Mark::Signed(signed)) = &again.knowledge {
        assert_eq!(Some(signed.chain_id()), document.chain_id.as_ref());
    }
}
