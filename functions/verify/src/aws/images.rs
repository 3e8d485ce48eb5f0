//! Images in ECR, and what its scans found.

use std::collections::BTreeSet;

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::types::{
    EnhancedImageScanFinding, FindingSeverity, ImageDetail, ImageIdentifier, ImageScanFinding,
    ImageScanFindings, ScanStatus, VulnerablePackage,
};
use sluice_domain::digest::Digest;
use sluice_domain::evidence::{Finding, Findings, Severity};
use sluice_domain::promotion::PromotionId;
use sluice_domain::repository::Repository;
use sluice_domain::role::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;

use crate::{Images, Scan};

/// Images in the registries of any account and region.
pub struct Registries {
    config: SdkConfig,
    own: aws_sdk_ecr::Client,
    there: PerAccount<aws_sdk_ecr::Client>,
}

impl Registries {
    /// Builds the clients of the own region.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            own: aws_sdk_ecr::Client::new(config),
            there: PerAccount::new(config, aws_sdk_ecr::Client::new),
        }
    }

    fn client(&self, region: &str) -> aws_sdk_ecr::Client {
        if self
            .config
            .region()
            .is_some_and(|own| own.as_ref() == region)
        {
            return self.own.clone();
        }
        let there =
            aws_sdk_ecr::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        aws_sdk_ecr::Client::from_conf(there.build())
    }

    /// What the repository holds under this digest or tag; None if nothing.
    async fn describe(
        &self,
        repository: &Repository,
        image: ImageIdentifier,
    ) -> Result<Option<ImageDetail>, Fault> {
        describe(&self.client(&repository.region), repository, image).await
    }
}

async fn describe(
    client: &aws_sdk_ecr::Client,
    repository: &Repository,
    image: ImageIdentifier,
) -> Result<Option<ImageDetail>, Fault> {
    let name = image.image_digest().or(image.image_tag());
    let name = name.unwrap_or_default();
    let operation = format!("ecr:DescribeImages of {name} in {repository}");
    let request = client
        .describe_images()
        .registry_id(&repository.account)
        .repository_name(&repository.name)
        .image_ids(image);
    match request.send().await {
        Ok(answer) => Ok(answer.image_details.unwrap_or_default().pop()),
        Err(error) => {
            let fault = Fault::new(operation, error);
            let is_missing =
                fault.is("ImageNotFoundException") || fault.is("RepositoryNotFoundException");
            if is_missing { Ok(None) } else { Err(fault) }
        }
    }
}

fn by_digest(digest: &Digest) -> ImageIdentifier {
    let image = ImageIdentifier::builder().image_digest(digest.to_string());
    image.build()
}

impl Images for Registries {
    async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, Fault> {
        let image = self.describe(repository, by_digest(digest)).await?;
        Ok(image.is_some())
    }

    async fn is_near(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, Fault> {
        let client = self.there.of(role, id).await;
        let image = describe(&client, repository, by_digest(digest)).await?;
        Ok(image.is_some())
    }

    async fn tags(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<BTreeSet<String>, Fault> {
        let image = self.describe(repository, by_digest(digest)).await?;
        let tags = image.and_then(|image| image.image_tags).unwrap_or_default();
        Ok(tags.into_iter().collect())
    }

    async fn tagged(&self, repository: &Repository, tag: &str) -> Result<Option<Digest>, Fault> {
        let image = ImageIdentifier::builder().image_tag(tag).build();
        let Some(image) = self.describe(repository, image).await? else {
            return Ok(None);
        };
        let digest = image.image_digest().unwrap_or_default();
        let operation = || format!("reading the digest of {tag} in {}", repository.name);
        let digest = digest.parse();
        digest
            .map(Some)
            .map_err(|error| Fault::other(operation(), error))
    }

    async fn scan(&self, repository: &Repository, digest: &Digest) -> Result<Scan, Fault> {
        let operation = format!(
            "ecr:DescribeImageScanFindings of {}@{digest}",
            repository.name
        );
        let mut pages = self
            .client(&repository.region)
            .describe_image_scan_findings()
            .registry_id(&repository.account)
            .repository_name(&repository.name)
            .image_id(by_digest(digest))
            .max_results(MOST_ON_A_PAGE)
            .into_paginator()
            .send();
        let mut all = Findings {
            findings: Vec::new(),
            suppressed: 0,
        };
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| Fault::new(&operation, error)) {
                // Just after a push the scan may not be there yet.
                Err(fault) if fault.is("ScanNotFoundException") => return Ok(Scan::Running),
                page => page?,
            };
            let status = page.image_scan_status();
            match status.and_then(|status| status.status()) {
                Some(ScanStatus::Complete | ScanStatus::Active) => {}
                Some(ScanStatus::InProgress | ScanStatus::Pending) => return Ok(Scan::Running),
                other => {
                    let word = other.map_or("no status", ScanStatus::as_str);
                    let why = status.and_then(|status| status.description());
                    return Ok(Scan::None(format!(
                        "{word}: {}",
                        why.unwrap_or("no reason")
                    )));
                }
            }
            if let Some(found) = page.image_scan_findings() {
                add(found, &mut all);
            }
        }
        Ok(Scan::Complete(all))
    }
}

/// The most findings that ECR answers at once.
const MOST_ON_A_PAGE: i32 = 1000;

/// Adds what basic scanning found, or what Amazon Inspector did, which ECR calls enhanced.
///
/// Inspector's `FindingStatus` says which findings still hold. ECR hands it on as text, so
/// that a word which nobody knows yet counts as one that does.
fn add(page: &ImageScanFindings, all: &mut Findings) {
    all.findings.extend(page.findings().iter().map(basic));
    for found in page.enhanced_findings() {
        let found_in = enhanced(found);
        match found.status() {
            // What it found is gone: mended, or its package was removed.
            Some("CLOSED") => {}
            Some("SUPPRESSED") => {
                all.suppressed = all.suppressed.saturating_add(found_in.len() as u64);
            }
            _ => all.findings.extend(found_in),
        }
    }
}

fn basic(found: &ImageScanFinding) -> Finding {
    let attribute = |key: &str| {
        let named = found.attributes().iter().find(|one| one.key() == key);
        named.and_then(|one| one.value()).unwrap_or_default()
    };
    let severity = found.severity().map_or("", FindingSeverity::as_str);
    finding(
        found.name(),
        severity,
        (attribute("package_name"), attribute("package_version")),
        found.description(),
    )
}

/// A finding in several packages is one in each of them: they are waived one by one.
fn enhanced(found: &EnhancedImageScanFinding) -> Vec<Finding> {
    let details = found.package_vulnerability_details();
    let id = details.and_then(|details| details.vulnerability_id());
    let at = |package: (&str, &str)| {
        let severity = found.severity().unwrap_or_default();
        finding(id.or(found.title()), severity, package, found.title())
    };
    let packages = details.map_or(&[][..], |details| details.vulnerable_packages());
    if packages.is_empty() {
        return vec![at(("", ""))];
    }
    let named = |package: &VulnerablePackage| {
        let name = package.name().unwrap_or_default();
        at((name, package.version().unwrap_or_default()))
    };
    packages.iter().map(named).collect()
}

fn finding(
    id: Option<&str>,
    severity: &str,
    (package, version): (&str, &str),
    title: Option<&str>,
) -> Finding {
    Finding {
        id: id.unwrap_or("unnamed").to_owned(),
        severity: Severity::of_word(severity),
        place: format!("{package} {version}").trim().to_owned(),
        title: title.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecr::types::{Attribute, PackageVulnerabilityDetails};

    use super::*;

    fn read(page: &ImageScanFindings) -> Findings {
        let mut all = Findings {
            findings: Vec::new(),
            suppressed: 0,
        };
        add(page, &mut all);
        all
    }

    #[test]
    fn what_inspector_closed_or_suppressed_does_not_count_and_all_else_does() {
        let finding = |title: &str, status: Option<&str>| {
            let finding = EnhancedImageScanFinding::builder().title(title);
            finding.set_status(status.map(str::to_owned)).build()
        };
        let several = PackageVulnerabilityDetails::builder()
            .vulnerable_packages(VulnerablePackage::builder().name("openssl").build())
            .vulnerable_packages(VulnerablePackage::builder().name("libssl").build());
        let suppressed = EnhancedImageScanFinding::builder()
            .status("SUPPRESSED")
            .package_vulnerability_details(several.build());
        let page = ImageScanFindings::builder()
            .enhanced_findings(finding("active", Some("ACTIVE")))
            .enhanced_findings(finding("closed", Some("CLOSED")))
            .enhanced_findings(suppressed.build())
            .enhanced_findings(finding("without", None))
            .enhanced_findings(finding("other", Some("REOPENED")));
        let found = read(&page.build());
        let counted: Vec<&str> = found.findings.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(counted, ["active", "without", "other"]);
        assert_eq!(found.suppressed, 2, "in each of its packages");
    }

    #[test]
    fn findings_of_both_kinds_of_scanning_are_read_alike() {
        let attribute = |key: &str, value: &str| {
            let attribute = Attribute::builder().key(key).value(value);
            attribute.build().expect("an attribute")
        };
        let basic = ImageScanFinding::builder()
            .name("CVE-2024-1")
            .severity(FindingSeverity::High)
            .attributes(attribute("package_version", "3.0.1"))
            .attributes(attribute("package_name", "openssl"));
        let package = VulnerablePackage::builder()
            .name("openssl")
            .version("3.0.1");
        let details = PackageVulnerabilityDetails::builder()
            .vulnerability_id("CVE-2024-1")
            .vulnerable_packages(package.build());
        let enhanced = EnhancedImageScanFinding::builder()
            .severity("HIGH")
            .package_vulnerability_details(details.build());
        let page = ImageScanFindings::builder()
            .findings(basic.build())
            .enhanced_findings(enhanced.build());
        let found = read(&page.build());
        assert_eq!(found.findings.len(), 2);
        for one in found.findings {
            let (id, place) = (one.id.as_str(), one.place.as_str());
            assert_eq!(
                (id, one.severity, place),
                ("CVE-2024-1", Severity::High, "openssl 3.0.1")
            );
        }
        let untriaged = EnhancedImageScanFinding::builder().severity("UNTRIAGED");
        assert_eq!(
            super::enhanced(&untriaged.build())[0].severity,
            Severity::Unknown
        );
    }

    #[test]
    fn a_finding_in_several_packages_is_one_in_each() {
        let package = |name: &str| VulnerablePackage::builder().name(name).version("3.0.1");
        let details = PackageVulnerabilityDetails::builder()
            .vulnerability_id("CVE-2024-1")
            .vulnerable_packages(package("openssl").build())
            .vulnerable_packages(package("libssl").build());
        let found = EnhancedImageScanFinding::builder()
            .package_vulnerability_details(details.build())
            .build();
        let places = super::enhanced(&found).into_iter().map(|one| one.place);
        let places: Vec<String> = places.collect();
        assert_eq!(places, ["openssl 3.0.1", "libssl 3.0.1"]);
    }
}
