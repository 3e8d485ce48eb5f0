//! Names of ECR repositories.

/// A repository, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The account that it belongs to.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its name, which may have slashes.
    pub name: String,
}

impl Repository {
    /// From `<account>.dkr.ecr.<region>.amazonaws.com/<name>`; None for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, name) = text.split_once('/')?;
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        let (region, domain) = rest.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        // The other partitions (China, the sovereign ones) have other ends.
        let is_aws = domain.starts_with("amazonaws.");
        (is_account && is_aws && !region.is_empty() && !name.is_empty()).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn a_repository_is_taken_apart() {
        let found = Repository::parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout")
            .expect("ECR");
        assert_eq!(found.account, "123456789012");
        assert_eq!(found.region, "eu-west-1");
        assert_eq!(found.name, "shop/checkout");
        assert!(
            Repository::parse("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/checkout")
                .is_some()
        );
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
        }
    }
}
