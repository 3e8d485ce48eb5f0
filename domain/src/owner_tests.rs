use super::*;

fn id(version: &str) -> PromotionId {
    format!("shop/prod/{version}/1").parse().expect("an id")
}

#[test]
fn a_signature_names_its_promotion_and_other_descriptions_name_none() {
    let cases = [
        (Deed::Step(12.5, Generation(3)), "step 12.5 generation 3", false),
        (Deed::RolledBack(Generation(4)), "rolled back generation 4", true),
        (Deed::TakenBack, "taken back directly", true),
    ];
    for (deed, text, is_back) in cases {
        let signed = sign(&id("1.1.0"), deed);
        assert_eq!(signed, format!("sluice shop/prod/1.1.0/1 {text}"));
        let promotion = id("1.1.0");
        let expected = Signature { promotion, is_back };
        assert_eq!(signature(&signed), Some(expected));
    }
    for foreign in [
        "",
        "sluice",
        "sluice is great",
        "moved by hand",
        "shop/prod/1.1.0/1",
    ] {
        assert_eq!(signature(foreign), None, "{foreign}");
    }
}

#[test]
fn who_moved_an_alias_is_told_as_far_as_its_description_tells() {
    let own = id("1.2.0");
    let signed = |version| sign(&id(version), Deed::Step(50.0, Generation(0)));
    let other = mover(Some(&signed("1.3.0")), &own);
    assert!(
        other.starts_with("promotion shop/prod/1.3.0/1 of Sluice"),
        "{other}"
    );
    assert!(mover(Some(&signed("1.2.0")), &own).contains("not Sluice"));
    assert!(mover(Some("hot fix"), &own).contains("`hot fix`"));
    for nothing in [None, Some("")] {
        assert!(mover(nothing, &own).contains("no description"));
    }
}
