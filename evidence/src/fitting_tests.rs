use std::collections::BTreeSet;

use sluice_domain::evidence::CheckOutcome;

use super::*;

fn on(runtime: &str, handler: &str) -> Fitting {
    Fitting {
        architecture: Some("arm64".to_owned()),
        handler: Some(handler.to_owned()),
        runtime: Some(runtime.to_owned()),
        has_layers: false,
    }
}

fn custom(mode: u32, machine: Option<Machine>) -> Package {
    let mode = Some(mode);
    Package {
        bootstrap: Some(Bootstrap { mode, machine }),
        ..Package::default()
    }
}

fn with(names: &[&str]) -> Package {
    let names = names.iter().map(ToString::to_string);
    Package {
        names: names.collect::<BTreeSet<_>>(),
        ..Package::default()
    }
}

fn of(package: Package, fitting: &Fitting) -> Check {
    fits("checkout", &Ok(package), fitting)
}

#[test]
fn a_bootstrap_must_be_there_run_and_be_compiled_for_its_machine() {
    let fitting = on("provided.al2023", "bootstrap");
    for package in [custom(0o755, Some(Machine::Arm)), custom(0o755, None)] {
        assert_eq!(of(package, &fitting).outcome, CheckOutcome::Pass);
    }
    for (package, why) in [
        (custom(0o644, Some(Machine::Arm)), "not executable"),
        (
            custom(0o755, Some(Machine::X86)),
            "compiled for x86_64, and the function runs on arm64",
        ),
        (Package::default(), "no `bootstrap`"),
    ] {
        let check = of(package, &fitting);
        assert_eq!(check.outcome, CheckOutcome::Refuse);
        assert!(check.found.contains(why), "{}", check.found);
        assert!(
            check
                .expected
                .contains("`checkout` runs (provided.al2023 on arm64)")
        );
    }
}

#[test]
fn a_handler_must_have_its_file_where_the_runtime_looks_for_it() {
    for (runtime, handler, name) in [
        ("nodejs22.x", "index.handler", "index.mjs"),
        ("nodejs22.x", "src/app.api.handler", "src/app.js"),
        ("python3.13", "shop.cart.handler", "shop/cart.py"),
        ("python3.13", "shop.handler", "shop/__init__.py"),
        (
            "python3.13",
            "shop.handler",
            "shop.cpython-313-aarch64-linux-gnu.so",
        ),
        ("ruby3.4", "shop.Cart::Handler.process", "shop.rb"),
    ] {
        let fitting = on(runtime, handler);
        let (there, none) = (of(with(&[name]), &fitting), of(with(&["other"]), &fitting));
        assert_eq!(there.outcome, CheckOutcome::Pass, "{handler}");
        assert_eq!(none.outcome, CheckOutcome::Refuse, "{handler}");
        assert!(none.found.contains(handler), "{}", none.found);
    }
}

#[test]
fn what_may_lie_elsewhere_is_not_asked_of_the_package() {
    for fitting in [
        on("java21", "shop.Cart::handle"),
        Fitting::default(),
        Fitting {
            has_layers: true,
            ..on("provided.al2023", "bootstrap")
        },
        Fitting {
            has_layers: true,
            ..on("nodejs22.x", "/opt/wrapper.handler")
        },
    ] {
        let check = of(with(&["other"]), &fitting);
        assert_eq!(check.outcome, CheckOutcome::Pass, "{fitting}");
    }
}
