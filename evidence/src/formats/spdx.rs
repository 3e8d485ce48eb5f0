//! SPDX 2.2 and 2.3 JSON.
//!
//! What was concluded of a package's licence counts before what it declares;
//! `NOASSERTION` and `NONE` say nothing.

use serde::Deserialize;
use sluice_domain::evidence::{Content, Format, Sbom, SbomComponent, Tool};

use crate::json::List;
use crate::text::{brief, whole};
use crate::{Error, MOST, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    creation_info: Option<CreationInfo>,
    #[serde(default, deserialize_with = "json::or_default")]
    packages: List<Package>,
}

#[derive(Deserialize)]
struct CreationInfo {
    #[serde(default, deserialize_with = "json::or_default")]
    creators: List<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: String,
    version_info: Option<String>,
    license_concluded: Option<String>,
    license_declared: Option<String>,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let document: Document = json::parse(Format::Spdx, text)?;
    if !document.spdx_version.starts_with("SPDX-2.") {
        let why = format!(
            "spdxVersion `{}`; expected SPDX-2.2 or SPDX-2.3",
            document.spdx_version
        );
        return Err(Error::broken(Format::Spdx, why));
    }
    if document.packages.len() > MOST {
        return Err(Error::TooMany("packages"));
    }
    let creators = document.creation_info.map(|info| info.creators);
    let tools = creators.unwrap_or_default();
    let tools = tools
        .iter()
        .filter_map(|creator| creator.strip_prefix("Tool:"));
    let tool = |name: &str| Tool {
        name: brief(name),
        version: None,
    };
    let components = document.packages.into_iter().map(Package::component);
    let sbom = Sbom {
        components: components.collect(),
    };
    Ok(Read::by(tools.map(tool), Content::Sbom(sbom)))
}

impl Package {
    fn component(self) -> SbomComponent {
        let says = |licence: &String| !matches!(licence.as_str(), "" | "NOASSERTION" | "NONE");
        let concluded = self.license_concluded.filter(says);
        let licence = concluded.or_else(|| self.license_declared.filter(says));
        SbomComponent {
            name: brief(&self.name),
            version: self.version_info.map(|version| brief(&version)),
            licences: licence.iter().map(|licence| whole(licence)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_concluded_counts_before_what_is_declared() {
        let document = json!({"spdxVersion": "SPDX-2.3", "creationInfo": {"creators": ["Tool: syft-1.0", "Organization: Anchore"]},
            "packages": [
                {"name": "a", "licenseConcluded": "MIT", "licenseDeclared": "GPL-2.0-only"},
                {"name": "b", "licenseConcluded": "NOASSERTION", "licenseDeclared": "GPL-2.0-only"},
                {"name": "c", "licenseConcluded": "NONE"}]});
        let read = super::read(&document.to_string()).expect("read");
        let Content::Sbom(sbom) = read.content else {
            panic!("an SBOM is expected");
        };
        let licences: Vec<_> = sbom
            .components
            .iter()
            .map(|one| one.licences.join(", "))
            .collect();
        assert_eq!(licences, ["MIT", "GPL-2.0-only", ""]);
        assert_eq!(read.tools[0].name, "syft-1.0");
    }

    #[test]
    fn spdx_3_is_refused_by_name() {
        assert!(super::read(r#"{"spdxVersion": "SPDX-3.0"}"#).is_err());
    }
}
