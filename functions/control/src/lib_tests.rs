use std::cell::{Cell, RefCell};

use sluice_domain::caller::Refused;
use sluice_domain::promotion::Outcome;
use sluice_domain::settings::{Step, Then};

use super::*;

const PAUSE: &str = include_str!("../../../events/control/pause.json");
const EVENTS: [&str; 7] = [
    PAUSE,
    include_str!("../../../events/control/resume.json"),
    include_str!("../../../events/control/promote-now.json"),
    include_str!("../../../events/control/skip-bake.json"),
    include_str!("../../../events/control/emergency.json"),
    include_str!("../../../events/control/go.json"),
    include_str!("../../../events/control/override-windows.json"),
];

/// What prod's settings say of who may do what. None: there are none.
struct Settings(Option<May>);

impl Default for Settings {
    fn default() -> Self {
        Self(Some(May::default()))
    }
}

impl Environments for Settings {
    async fn may(&self, application: &str, environment: &str) -> Result<May, SettingsError> {
        assert_eq!((application, environment), ("storefront", "prod"));
        let missing = || SettingsError::Missing("/sluice/storefront/prod".to_owned());
        self.0.clone().ok_or_else(missing)
    }
}

/// A promotion at the first of two steps.
struct Promoted {
    promotion: Promotion,
    generation: Generation,
    journal: Option<Journal>,
    controls: RefCell<Controls>,
    /// How many wishes others get in first.
    others: Cell<u32>,
}

impl Records for Promoted {
    async fn promotion(&self, _: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        Ok((self.promotion.clone(), self.generation))
    }

    async fn plan(&self, _: &PromotionId) -> Result<Option<Plan>, StoreError> {
        Ok(None)
    }

    async fn journal(&self, _: &PromotionId) -> Result<Option<Journal>, StoreError> {
        Ok(self.journal.clone())
    }

    async fn controls(&self, _: &PromotionId) -> Result<Controls, StoreError> {
        Ok(self.controls.borrow().clone())
    }

    async fn note(
        &self,
        _: &PromotionId,
        generation: Generation,
        controls: &Controls,
    ) -> Result<bool, StoreError> {
        assert_eq!(generation, self.generation, "under the fence");
        if self.others.get() > 0 {
            self.others.set(self.others.get() - 1);
            let mut other = controls.asked[controls.asked.len() - 1].clone();
            (other.wish, other.by) = (Wish::Emergency, "grace".to_owned());
            self.controls.borrow_mut().asked.push(other);
            return Ok(false);
        }
        *self.controls.borrow_mut() = controls.clone();
        Ok(true)
    }
}

/// Who, key and facts, once each key.
#[derive(Default)]
struct Ledger(RefCell<Vec<(String, String, Value)>>, Cell<bool>);

impl Book for Ledger {
    async fn record(
        &self,
        person: &str,
        _: &PromotionId,
        key: &str,
        facts: Value,
    ) -> Result<u64, Fault> {
        if self.1.take() {
            return Err(Fault::other("recording", "it fails once"));
        }
        let mut all = self.0.borrow_mut();
        if !all.iter().any(|(_, known, _)| known == key) {
            all.push((person.to_owned(), key.to_owned(), facts));
        }
        Ok(all.len() as u64)
    }
}

fn control() -> Control<Settings, Promoted, Board, Ledger> {
    let promotion = json!({
        "id": "storefront/prod/1.1.0/1",
        "bundle": {
            "bucket": "artifacts", "key": "release.json", "version_id": "1",
            "digest": format!("sha256:{}", "0".repeat(64)),
        },
        "execution_arn": "execution", "opened_at": "2030-01-01T00:00:00Z",
    });
    let journal = json!({
        "functions": {}, "steps": [Step::new(10.0, 600), Step::new(100.0, 600)],
        "step": 0, "shifted_at": "2030-01-01T00:10:00Z",
    });
    Control {
        environments: Settings::default(),
        records: Promoted {
            promotion: serde_json::from_value(promotion).expect("a promotion"),
            generation: ROLLOUT,
            journal: Some(serde_json::from_value(journal).expect("a journal")),
            controls: RefCell::default(),
            others: Cell::new(0),
        },
        approvers: Board::default(),
        ledger: Ledger::default(),
    }
}

/// Those who approve: how far they are, and what they were asked by whom.
struct Board(Cell<State>, RefCell<Vec<(AskedWish, Option<Principal>)>>);

impl Default for Board {
    fn default() -> Self {
        Self(Cell::new(State::Approved), RefCell::default())
    }
}

impl Approvers for Board {
    async fn ask(
        &self,
        _: &PromotionId,
        wish: &AskedWish,
        requester: Option<&Principal>,
    ) -> Result<WishAnswer, Fault> {
        self.1.borrow_mut().push((wish.clone(), requester.cloned()));
        let first = self.1.borrow()[0].0.clone();
        Ok(WishAnswer {
            asked: Some(first),
            ..WishAnswer::new(self.0.get(), "0 of 1 approvals so far")
        })
    }
}

/// A wish that was noted, and whether this request made it.
fn noted(output: Output) -> (Asked, bool) {
    match output {
        Output::Noted { asked, is_new, .. } => (asked, is_new),
        Output::Waits { waits } => panic!("expected a wish that is noted: {waits}"),
    }
}

fn now() -> Timestamp {
    "2030-01-01T00:12:00Z".parse().expect("a time")
}

async fn ask(
    control: &Control<Settings, Promoted, Board, Ledger>,
    event: &str,
) -> Result<Output, Error> {
    ask_as(control, event, Ok(None)).await
}

async fn ask_as(
    control: &Control<Settings, Promoted, Board, Ledger>,
    event: &str,
    caller: Caller,
) -> Result<Output, Error> {
    let input = serde_json::from_str(event).expect("an event that is understood");
    control.handle(input, caller, now()).await
}

#[tokio::test]
async fn a_wish_is_noted_and_recorded_with_who_what_and_why() {
    let control = control();
    let output = ask(&control, PAUSE).await.expect("noted");
    assert!(noted(output).1);
    let ada = "arn:aws:iam::111122223333:user/ada";
    let (person, key, facts) = control.ledger.0.borrow()[0].clone();
    assert_eq!((person.as_str(), key.as_str()), (ada, "1"));
    assert_eq!(facts["wish"], "pause");
    assert_eq!(facts["reason"], "orders look odd");
    assert_eq!(facts["step"], 0);
    let controls = control.records.controls.borrow();
    assert_eq!(controls.paused().expect("paused").by, ada);
}

#[tokio::test]
async fn every_wish_of_the_samples_is_understood() {
    for event in EVENTS {
        let control = control();
        let output = ask(&control, event).await;
        let has_nothing_to_free = event.contains("resume") || event.contains("\"go\"");
        assert_eq!(output.is_err(), has_nothing_to_free, "{event}: {output:?}");
    }
}

#[tokio::test]
async fn asking_again_notes_nothing_and_records_what_an_earlier_try_could_not() {
    let control = control();
    control.ledger.1.set(true);
    let failed = ask(&control, PAUSE).await.expect_err("the ledger failed");
    assert_eq!(failed.name(), "AwsCallFailed");
    let again = ask(&control, PAUSE).await.expect("it stands");
    assert!(!noted(again).1);
    assert_eq!(control.records.controls.borrow().asked.len(), 1);
    assert_eq!(control.ledger.0.borrow().len(), 1);
}

#[tokio::test]
async fn a_wish_that_meets_another_is_checked_again_and_neither_is_lost() {
    let control = control();
    control.records.others.set(2);
    ask(&control, PAUSE).await.expect("noted");
    let wishes: Vec<Wish> = control
        .records
        .controls
        .borrow()
        .asked
        .iter()
        .map(|asked| asked.wish)
        .collect();
    assert_eq!(wishes, [Wish::Emergency, Wish::Emergency, Wish::Pause]);
    assert_eq!(control.ledger.0.borrow()[0].1, "3");
    control.records.others.set(9);
    let resume = EVENTS[1];
    let crowded = ask(&control, resume).await.expect_err("too many others");
    assert_eq!(crowded.name(), "Throttled");
}

#[tokio::test]
async fn what_can_not_be_asked_is_refused_with_why_and_leaves_no_trace() {
    let mut control = control();
    let refused = ask(&control, EVENTS[1])
        .await
        .expect_err("nothing to resume");
    assert_eq!(refused.name(), "ControlRefused");
    assert_eq!(
        refused.to_string(),
        "resume can't be asked of storefront/prod/1.1.0/1: it is neither paused nor at a step that \
         waits for a person: there is nothing to resume"
    );
    control.records.promotion.outcome = Some(Outcome::RolledBack);
    let ended = ask(&control, PAUSE).await.expect_err("it has ended");
    assert!(
        ended.to_string().contains("has ended: RolledBack"),
        "{ended}"
    );
    assert!(control.ledger.0.borrow().is_empty());
    assert!(control.records.controls.borrow().asked.is_empty());
}

#[tokio::test]
async fn a_resume_that_is_sent_twice_takes_a_pause_back_and_moves_nothing() {
    let mut control = control();
    let journal = control.records.journal.as_mut().expect("a journal");
    (journal.steps[0].then, journal.steps[0].bake_seconds) = (Some(Then::Pause), 0);
    ask(&control, PAUSE).await.expect("noted");
    assert!(noted(ask(&control, EVENTS[1]).await.expect("noted")).1);
    for person in ["ada", "grace"] {
        let again = EVENTS[1].replace("ada", person);
        let again = ask(&control, &again).await.expect("it stands");
        assert!(!noted(again).1, "{person}");
    }
    assert_eq!(control.records.controls.borrow().go(0), None);
    assert!(noted(ask(&control, EVENTS[5]).await.expect("the go")).1);
    assert!(!noted(ask(&control, EVENTS[5]).await.expect("it stands")).1);
    assert!(control.records.controls.borrow().go(0).is_some());
}

#[tokio::test]
async fn nothing_can_be_asked_once_the_fence_was_raised() {
    let mut control = control();
    control.records.generation = Generation(1);
    for event in EVENTS {
        let refused = ask(&control, event).await.expect_err("it goes back");
        assert_eq!(refused.name(), "ControlRefused");
        assert!(
            refused.to_string().contains("is being rolled back"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn nobody_asks_without_a_name_and_a_reason() {
    for (field, text) in [
        ("reason", " "),
        ("by", ""),
        ("by", "\u{1b}\n"),
        ("reason", &*"é".repeat(251)),
    ] {
        let mut event: Value = serde_json::from_str(PAUSE).expect("JSON");
        event[field] = json!(text);
        let refused = ask(&control(), &event.to_string())
            .await
            .expect_err("refused");
        assert!(
            refused
                .to_string()
                .starts_with(&format!("`{field}`: found ")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn what_could_move_a_cursor_is_kept_nowhere() {
    let control = control();
    let event = PAUSE.replace("orders look odd", "orders\\u001b[2J\\n look odd");
    let output = ask(&control, &event).await.expect("noted");
    assert_eq!(noted(output).0.reason, "orders[2J  look odd");
    let facts = control.ledger.0.borrow()[0].2.clone();
    assert_eq!(facts["reason"], "orders[2J  look odd");
}

#[tokio::test]
async fn nothing_is_noted_that_codedeploy_would_not_heed_while_it_shifts() {
    let mut control = control();
    let journal = json!({
        "functions": {"api": {
            "name": "shop-api", "alias": "live", "stable": "1", "canary": "2", "revision": "r",
            "deployment": {"application": "shop", "deployment_group": "api-prod", "id": "d-1"},
        }},
        "steps": [Step::new(100.0, 1800)], "step": 0, "begun_at": "2030-01-01T00:10:00Z",
    });
    control.records.journal = Some(serde_json::from_value(journal).expect("a journal"));
    for event in [PAUSE, EVENTS[2], EVENTS[3], EVENTS[4]] {
        let refused = ask(&control, event).await.expect_err("CodeDeploy shifts");
        assert_eq!(refused.name(), "ControlRefused");
        assert!(refused.to_string().contains("`sluice abort`"), "{refused}");
    }
    assert!(control.records.controls.borrow().asked.is_empty());
    assert!(control.ledger.0.borrow().is_empty());
}

#[test]
fn unknown_fields_are_refused() {
    let event = PAUSE.replace("\"by\"", "\"force\": true, \"by\"");
    let refused = serde_json::from_str::<Input>(&event).expect_err("refused");
    assert!(refused.to_string().contains("force"), "{refused}");
}

fn by(arn: &str) -> Caller {
    Ok(Some(Principal::of_arn(arn)?))
}

const MANAGER: &str = "arn:aws:sts::123456789012:assumed-role/managers/grace";

#[tokio::test]
async fn who_may_operate_is_noted_as_sts_names_them_and_others_are_refused_every_wish() {
    let mut control = control();
    let managers = json!({"operate": ["arn:aws:sts::123456789012:assumed-role/managers/*"]});
    control.environments.0 = Some(serde_json::from_value(managers).expect("settings"));
    for event in EVENTS {
        for (caller, said) in [
            (by("arn:aws:iam::123456789012:user/bob"), "user/bob may not"),
            (Ok(None), "newer `sluice`"),
        ] {
            let refused = ask_as(&control, event, caller).await;
            let refused = refused.expect_err("refused");
            assert_eq!(refused.name(), "NotAllowed");
            assert!(refused.to_string().contains(said), "{refused}");
        }
    }
    assert!(control.records.controls.borrow().asked.is_empty());
    assert!(control.ledger.0.borrow().is_empty());
    let output = ask_as(&control, PAUSE, by(MANAGER)).await.expect("noted");
    assert_eq!(noted(output).0.by, MANAGER);
    assert_eq!(control.ledger.0.borrow()[0].0, MANAGER);
}

#[tokio::test]
async fn a_proof_that_proves_nothing_is_refused_also_where_anybody_may() {
    let control = control();
    let code = "SignatureDoesNotMatch".to_owned();
    let refused = Refused::BySts { code };
    let refused = ask_as(&control, PAUSE, Err(refused.into())).await;
    assert_eq!(refused.expect_err("refused").name(), "ProofRefused");
    let output = ask_as(&control, PAUSE, by(MANAGER)).await.expect("noted");
    assert_eq!(noted(output).0.by, MANAGER);
}

#[tokio::test]
async fn without_settings_nobody_knows_who_may() {
    let mut control = control();
    control.environments.0 = None;
    let refused = ask_as(&control, PAUSE, by(MANAGER)).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.name(), "InvalidSettings");
    assert!(
        refused.to_string().contains("/sluice/storefront/prod"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_takes_away_a_protection_is_noted_once_people_have_approved_it() {
    let control = control();
    control.approvers.0.set(State::Pending);
    let emergency = EVENTS.iter().find(|event| event.contains("\"emergency\""));
    let emergency = emergency.expect("an event");
    for _ in 0..2 {
        let output = ask_as(&control, emergency, by(MANAGER)).await;
        let waits = "0 of 1 approvals so far".to_owned();
        assert_eq!(output.expect("people are asked"), Output::Waits { waits });
    }
    assert!(control.records.controls.borrow().asked.is_empty());
    assert!(control.ledger.0.borrow().is_empty());
    let (wish, requester) = control.approvers.1.borrow()[0].clone();
    assert_eq!((wish.wish, wish.by.as_str()), (Wish::Emergency, MANAGER));
    assert_eq!(requester.expect("who asks").as_str(), MANAGER);

    control.approvers.0.set(State::Approved);
    let other = "arn:aws:sts::123456789012:assumed-role/release-managers/bob";
    let output = ask_as(&control, emergency, by(other)).await;
    let (asked, is_new) = noted(output.expect("noted"));
    assert!(is_new);
    assert_eq!(asked.by, MANAGER, "what people approved, not who asks last");
    assert!(control.records.controls.borrow().emergency().is_some());
}

#[tokio::test]
async fn what_people_did_not_approve_is_refused_and_what_slows_down_asks_nobody() {
    let control = control();
    let emergency = EVENTS.iter().find(|event| event.contains("\"emergency\""));
    for state in [State::Rejected, State::Expired] {
        control.approvers.0.set(state);
        let refused = ask(&control, emergency.expect("an event")).await;
        assert_eq!(refused.expect_err("not granted").name(), "ControlRefused");
    }
    control.approvers.1.borrow_mut().clear();
    ask(&control, PAUSE).await.expect("noted");
    assert!(control.approvers.1.borrow().is_empty());
}
