//! What others wrote, in mail: it stays on its line, and says nothing in Sluice's name.

use sluice_domain::approval::Request;
use sluice_hostile::{TEXTS, hides, variants};

use super::*;
use crate::message::{Draft, ask};

fn valid<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// Mail about the documents of this: `request`, `plan`, `manifest`. None: they are no such.
fn mail(documents: &Value) -> Option<Message> {
    let manifest = documents["manifest"].to_string();
    let draft = Draft {
        request: valid::<Request>(&documents["request"])?,
        plan: valid(&documents["plan"])?,
        manifest: Manifest::parse("release.json", manifest.as_bytes()).ok()?,
        starts: None,
        topic: None,
    };
    Some(ask(&draft))
}

fn documents(more: &Value) -> Value {
    let approval = world(1, &["ada", "bob"]);
    run(&approval, input(REQUEST), 10).expect("asked");
    let mut request = serde_json::to_value(approval.ports.opened().request).expect("json");
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    json!({"request": request, "plan": plan(), "manifest": manifest()})
}

#[test]
fn each_text_of_others_stays_on_its_line_of_the_mail() {
    let wish = json!({"wish": {"wish": "emergency", "by": "carol", "reason": "it burns"}});
    let step = json!({"step": {"index": 0, "of": 2, "weight": 10.0, "verdict": "all is well"}});
    let mut taken = 0;
    for documents in [json!({}), wish, step].map(|more| documents(&more)) {
        assert!(mail(&documents).is_some(), "{documents}");
        for (harmless, hostile) in variants(&documents) {
            let Some(hostile) = mail(&hostile) else {
                continue;
            };
            let harmless = mail(&harmless).or_else(|| mail(&documents)).expect("mail");
            let lines = |message: &Message| message.body.lines().count();
            assert_eq!(lines(&harmless), lines(&hostile), "{}", hostile.body);
            assert_eq!(hides(&hostile.body), None, "{:?}", hostile.body);
            assert!(!hostile.subject.contains('\n'), "{:?}", hostile.subject);
            assert_eq!(hides(&hostile.subject), None, "{:?}", hostile.subject);
            taken += 1;
        }
    }
    assert!(taken > 10 * TEXTS.len(), "{taken} mails");
}
