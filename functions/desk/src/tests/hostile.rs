//! What others wrote, in every place that is shown: it is text and nothing else.

use sluice_hostile::{HARMLESS, TEXTS, hides, skeleton, variants};

use super::*;

/// The page of the request, changed like this.
fn page(change: impl FnOnce(&mut Desk<World>)) -> String {
    let mut desk = desk();
    change(&mut desk);
    run(&desk, event(SHOW, as_sent), 0).body
}

/// A browser makes the same of both, and nothing in the text moves or hides anything.
fn is_text(harmless: &str, hostile: &str) {
    assert_eq!(skeleton(harmless), skeleton(hostile), "{hostile}");
    assert_eq!(hides(hostile), None, "{hostile}");
}

/// Tries all that a document may say, where its reader takes it. Answers how much that was.
fn tries<T>(
    document: &Value,
    read: impl Fn(&Value) -> Option<T>,
    show: impl Fn(T) -> String,
) -> usize {
    let taken = variants(document).filter_map(|(harmless, hostile)| {
        let hostile = read(&hostile)?;
        let harmless = read(&harmless).or_else(|| read(document))?;
        is_text(&show(harmless), &show(hostile));
        Some(())
    });
    taken.count()
}

fn valid<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

#[test]
fn a_manifest_is_text_on_the_page_whatever_it_says() {
    let read = |value: &Value| Manifest::parse("release.json", value.to_string().as_bytes()).ok();
    let show = |manifest| page(|desk| desk.ports.subject.get_mut().manifest = Some(manifest));
    let taken = tries(&manifest(), read, show);
    assert!(taken > 5 * TEXTS.len(), "{taken} texts were shown");
}

#[test]
fn a_plan_is_text_on_the_page_whatever_it_says() {
    let mut plan = serde_json::to_value(plan()).expect("json");
    plan["migrations"] = migrations();
    let show = |plan: Plan| page(|desk| desk.ports.subject.get_mut().plan = plan);
    let taken = tries(&plan, valid, show);
    assert!(taken > 10 * TEXTS.len(), "{taken} texts were shown");
}

#[test]
fn a_request_is_text_on_the_page_whatever_it_says() {
    let mut request = serde_json::to_value(desk().ports.request).expect("json");
    request["policy"]["checklist"] = json!([{"name": "told", "text": "Support was told"}]);
    request["wish"] = json!({"wish": "emergency", "by": "carol", "reason": "it burns"});
    let show = |request: Request| page(|desk| desk.ports.request = request);
    let taken = tries(&request, valid, show);
    assert!(taken > 5 * TEXTS.len(), "{taken} texts were shown");
}

#[test]
fn a_vote_is_text_on_the_page_whatever_it_says() {
    let vote = json!({
        "person": "ada", "choice": "approve", "comment": "fine", "at": at(1), "method": "totp",
        "attested": ["told"],
    });
    let show = |vote: Vote| page(|desk| desk.ports.votes.get_mut().push(vote));
    let taken = tries(&vote, valid, show);
    assert!(taken >= 2 * TEXTS.len(), "{taken} texts were shown");
}

#[test]
fn what_somebody_sends_comes_back_as_text() {
    let sent = |path: &str, fields: &[(&str, &str)]| {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = event(VOTE, |event| {
            form(&body)(event);
            if !path.is_empty() {
                event["rawPath"] = json!(path);
            }
        });
        run(&desk(), request, 60).body
    };
    let with = |path: &str, field: &'static str, text: &str| {
        let right = [
            ("person", "bob"),
            ("code", "000000"),
            ("choice", "reject"),
            ("comment", "no"),
        ];
        let of_page = if path.is_empty() { 4 } else { 2 };
        let mut form = right[..of_page].to_vec();
        form.retain(|(name, _)| *name != field);
        form.push((field, text));
        sent(path, &form)
    };
    let of_page = [
        "person", "code", "choice", "comment", "version", "shown", "attest",
    ];
    let fields = of_page.map(|field| ("", field)).into_iter();
    let fields = fields.chain(["person", "code"].map(|field| ("/sign-in", field)));
    let fields: Vec<_> = fields.collect();
    // What somebody harmless may be answered: with the page, or why that is no form.
    let shapes = fields.iter().flat_map(|(path, field)| {
        ["", "1", HARMLESS].map(|text| skeleton(&with(path, field, text)))
    });
    let shapes: std::collections::BTreeSet<_> = shapes.collect();
    for text in TEXTS {
        for (path, field) in &fields {
            let answer = with(path, field, text);
            assert!(shapes.contains(&skeleton(&answer)), "{field}: {answer}");
            assert_eq!(hides(&answer), None, "{field}: {answer}");
        }
        let path = |text: &str| sent(&format!("/{text}"), &[]);
        is_text(&path(HARMLESS), &path(text));
    }
}
