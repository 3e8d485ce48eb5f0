//! CycloneDX JSON, 1.2 to 1.6.

use serde::Deserialize;
use serde_json::Value;
use sluice_domain::evidence::{Content, Format, Sbom, SbomComponent, Tool};

use crate::text::brief;
use crate::{Error, MOST, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    bom_format: String,
    #[serde(default)]
    components: Vec<Component>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    tools: Option<Value>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    version: Option<String>,
    #[serde(default)]
    licenses: Vec<Choice>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Choice {
    expression: Option<String>,
    license: Option<License>,
}

#[derive(Deserialize)]
struct License {
    id: Option<String>,
    name: Option<String>,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let bom: Bom = json::parse(Format::Cyclonedx, text)?;
    if bom.bom_format != "CycloneDX" {
        let why = format!("bomFormat `{}`; expected `CycloneDX`", bom.bom_format);
        return Err(Error::broken(Format::Cyclonedx, why));
    }
    let mut sbom = Sbom::default();
    add(bom.components, &mut sbom)?;
    let tools = bom.metadata.and_then(|metadata| metadata.tools);
    Ok(Read {
        tools: tools.as_ref().map(tools_of).unwrap_or_default(),
        content: Content::Sbom(sbom),
    })
}

fn add(components: Vec<Component>, sbom: &mut Sbom) -> Result<(), Error> {
    for component in components {
        if sbom.components.len() == MOST {
            return Err(Error::TooMany("components"));
        }
        let licences = component.licenses.into_iter().filter_map(|choice| {
            let license = choice.license.and_then(|one| one.id.or(one.name));
            choice.expression.or(license)
        });
        sbom.components.push(SbomComponent {
            name: brief(&component.name),
            version: component.version.map(|version| brief(&version)),
            licences: licences.map(|licence| brief(&licence)).collect(),
        });
        // Components may hold components: their depth is bounded by that of JSON.
        add(component.components, sbom)?;
    }
    Ok(())
}

/// Up to 1.4 a list of tools, later an object with `components`.
fn tools_of(tools: &Value) -> Vec<Tool> {
    let listed = tools.as_array().or_else(|| tools["components"].as_array());
    let tool = |entry: &Value| {
        Some(Tool {
            name: brief(entry["name"].as_str()?),
            version: entry["version"].as_str().map(brief),
        })
    };
    listed.into_iter().flatten().filter_map(tool).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn components_within_components_are_counted() {
        let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.5",
            "metadata": {"tools": {"components": [{"name": "syft", "version": "1.0"}]}},
            "components": [
                {"type": "library", "name": "a", "version": "1", "licenses": [{"expression": "MIT OR Apache-2.0"}],
                 "components": [{"type": "library", "name": "b", "licenses": [{"license": {"id": "GPL-3.0-only"}}, {"license": {"name": "ours"}}]}]}]});
        let read = super::read(&bom.to_string()).expect("read");
        let Content::Sbom(sbom) = read.content else {
            panic!("an SBOM is expected");
        };
        let told: Vec<_> = sbom
            .components
            .iter()
            .map(|one| (one.name.as_str(), one.licences.join(", ")))
            .collect();
        assert_eq!(
            told,
            [
                ("a", "MIT OR Apache-2.0".to_owned()),
                ("b", "GPL-3.0-only, ours".to_owned())
            ]
        );
        assert_eq!(read.tools[0].name, "syft");
    }
}
