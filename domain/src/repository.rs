//! ECR repositories, and in which of them Lambda finds an image.

use std::fmt;

use crate::manifest::Image;
use crate::naming::region;
use crate::role::Role;

/// A repository, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The account that it belongs to.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its name, which may have slashes.
    pub name: String,
    /// What its host ends with: the partitions (China, the sovereign ones) have ends of
    /// their own.
    domain: String,
}

impl Repository {
    /// From `<account>.dkr.ecr.<region>.amazonaws.com/<name>`; None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, name) = text.split_once('/')?;
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        let (region, domain) = rest.split_once('.')?;
        let is_aws = domain.starts_with("amazonaws.");
        (is_account(account) && is_aws && !region.is_empty() && !name.is_empty()).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
            domain: domain.to_owned(),
        })
    }

    /// Where ECR's replication brings what is pushed here: the repository of the same name
    /// in this region, of this account or else of the same one.
    /// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html>
    #[must_use]
    pub fn near(&self, region: &str, registry: Option<&str>) -> Self {
        Self {
            account: registry.unwrap_or(&self.account).to_owned(),
            region: region.to_owned(),
            ..self.clone()
        }
    }
}

/// As manifests name it.
impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            region,
            name,
            domain,
        } = self;
        write!(f, "{account}.dkr.ecr.{region}.{domain}/{name}")
    }
}

impl Image {
    /// The same image where Lambda takes it from for functions of this region: in their own
    /// region only, though in any account. One that is not in ECR stays as it is.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
    #[must_use]
    pub fn near(&self, region: &str, registry: Option<&str>) -> Self {
        let there = Repository::parse(&self.repository).map(|it| it.near(region, registry));
        Self {
            repository: there.map_or_else(|| self.repository.clone(), |it| it.to_string()),
            digest: self.digest.clone(),
        }
    }

    /// The same image where Lambda takes it from for the function of this ARN, which is
    /// behind this role, if any.
    #[must_use]
    pub fn near_function(&self, arn: &str, role: Option<&Role>) -> Self {
        let registry = role.and_then(|role| role.registry.as_deref());
        let near = region(arn).map(|region| self.near(region, registry));
        near.unwrap_or_else(|| self.clone())
    }
}

/// Whether this is the ID of an account.
pub(crate) fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Digest;

    const CHECKOUT: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout";

    fn near(repository: &str, region: &str, registry: Option<&str>) -> String {
        let image = Image {
            repository: repository.to_owned(),
            digest: Digest::of(b"image"),
        };
        let near = image.near(region, registry);
        assert_eq!(near.digest, image.digest);
        near.repository
    }

    #[test]
    fn a_repository_is_taken_apart() {
        let found = Repository::parse(CHECKOUT).expect("ECR");
        assert_eq!(found.account, "123456789012");
        assert_eq!(found.region, "eu-west-1");
        assert_eq!(found.name, "shop/checkout");
    }

    #[test]
    fn registries_other_than_ecr_are_none() {
        for text in [
            "checkout",
            "docker.io/shop/checkout",
            "public.ecr.aws/shop/checkout",
            "shop.dkr.ecr.eu-west-1.amazonaws.com/checkout",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/",
            "123456789012.dkr.ecr.eu-west-1.example.com/checkout",
        ] {
            assert_eq!(Repository::parse(text), None, "{text}");
            assert_eq!(near(text, "us-east-1", Some("210987654321")), text);
        }
    }

    #[test]
    fn functions_of_another_region_find_an_image_in_the_same_account_of_their_own() {
        let expected = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/checkout";
        assert_eq!(near(CHECKOUT, "us-east-1", None), expected);
    }

    #[test]
    fn a_registry_of_another_account_has_it_in_whatever_region() {
        for region in ["eu-west-1", "us-east-1"] {
            let expected = format!("210987654321.dkr.ecr.{region}.amazonaws.com/shop/checkout");
            assert_eq!(near(CHECKOUT, region, Some("210987654321")), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_near_has_the_functions_region_the_same_name_and_the_same_partition(
            account in "[0-9]{12}", registry in proptest::option::of("[0-9]{12}"),
            region in "[a-z]{2}-[a-z]{4,9}-[1-9]", other in "[a-z]{2}-[a-z]{4,9}-[1-9]",
            domain in "amazonaws\\.(com|com\\.cn|eu)", name in "[a-z0-9]{1,9}(/[a-z0-9._-]{1,9}){0,2}",
        ) {
            let text = format!("{account}.dkr.ecr.{region}.{domain}/{name}");
            let registry = registry.as_deref();
            prop_assert_eq!(near(&text, &region, None), text.clone());
            let there = near(&text, &other, registry);
            let host = format!("{}.dkr.ecr.{other}.{domain}", registry.unwrap_or(&account));
            prop_assert_eq!(&there, &format!("{host}/{name}"));
            prop_assert_eq!(near(&there, &other, registry), there);
        }
    }
}
