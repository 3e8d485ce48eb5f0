//! The example application, as the demo and the tests use it: its stack, its
//! aliases, and the orders of its customers.
//!
//! Only the demo and the command know this module, and Sluice itself knows
//! nothing of the application at all.

use std::path::PathBuf;
use std::sync::Arc;

use rand::RngExt;
use serde_json::json;

use crate::{
    load::{Payload, Target},
    sam::Stack,
    workspace::Workspace,
};

/// Its name, as manifests and settings carry it.
pub const APPLICATION: &str = "storefront";
/// The alias that customers invoke.
pub const ALIAS: &str = "live";
/// Its functions, as manifests carry them.
pub const FUNCTIONS: [&str; 2] = ["checkout", "catalog"];
/// The ARN pattern of its functions in all environments.
pub const MANAGED_FUNCTIONS: &str = "arn:aws:lambda:*:*:function:storefront-*";

/// Out of 100 customers, how many pay in yen: what version 1.2.0 can't do.
const IN_YEN: u32 = 8;
const IN_DOLLARS: u32 = 32;

/// The folder of its template, its versions and its settings.
#[must_use]
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("examples/storefront")
}

/// The stack that creates its functions at 1.0.0 for every environment.
#[must_use]
pub fn stack(workspace: &Workspace) -> Stack {
    Stack {
        name: APPLICATION.to_owned(),
        template: folder(workspace).join("template.yaml"),
        parameters: Vec::new(),
    }
}

/// The name of one of its functions in an environment.
#[must_use]
pub fn function_name(function: &str, environment: &str) -> String {
    format!("{APPLICATION}-{function}-{environment}")
}

/// The aliases that customers of an environment invoke.
#[must_use]
pub fn targets(environment: &str) -> Vec<Target> {
    FUNCTIONS
        .iter()
        .map(|function| Target::new(function_name(function, environment), ALIAS))
        .collect()
}

/// What customers send: an order, numbered, with drawn amount and currency.
#[must_use]
pub fn orders() -> Payload {
    Arc::new(|_, order, rng| {
        let currency = match rng.random_range(0..100) {
            draw if draw < IN_YEN => "JPY",
            draw if draw < IN_YEN + IN_DOLLARS => "USD",
            _ => "EUR",
        };
        json!({
            "order": order,
            "amount_cents": rng.random_range(500..20_000),
            "currency": currency,
            "voucher": rng.random_bool(0.25),
            "max_price_cents": rng.random_range(1_000..6_000),
        })
    })
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn eight_of_a_hundred_orders_are_in_yen() {
        let target = &targets("prod")[0];
        let mut rng = StdRng::seed_from_u64(1);
        let orders = orders();
        let in_yen = (0..10_000)
            .filter(|order| orders(target, *order, &mut rng)["currency"] == "JPY")
            .count();
        assert!((700..900).contains(&in_yen), "{in_yen} of 10000");
    }

    #[test]
    fn customers_invoke_the_live_aliases_of_all_functions() {
        let targets = targets("prod");
        assert_eq!(targets[0], Target::new("storefront-checkout-prod", "live"));
        assert_eq!(targets[1], Target::new("storefront-catalog-prod", "live"));
    }
}
