//! CycloneDX JSON, 1.2 to 1.7.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sluice_domain::evidence::{Content, Format, Sbom, SbomComponent, Tool};

use crate::json::List;
use crate::text::{brief, whole};
use crate::{Error, MOST, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    bom_format: String,
    #[serde(default, deserialize_with = "json::or_default")]
    components: List<Component>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "json::or_default")]
    tools: Tools,
}

/// Up to 1.4 a list of tools, later an object with `components`.
#[derive(Default)]
struct Tools(List<Itself>);

/// A tool, or anything else that stands where one is expected.
#[derive(Deserialize)]
struct Itself {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    version: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    licenses: List<Choice>,
    #[serde(default, deserialize_with = "json::or_default")]
    components: List<Component>,
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

#[derive(Default, Deserialize)]
struct Newer {
    #[serde(default, deserialize_with = "json::or_default")]
    components: List<Itself>,
}

impl<'de> Deserialize<'de> for Tools {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToolsVisitor)
    }
}

struct ToolsVisitor;

impl<'de> Visitor<'de> for ToolsVisitor {
    type Value = Tools;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tools, or an object with `components`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<Tools, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(entries)).map(Tools)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Tools, A::Error> {
        let newer = Newer::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(Tools(newer.components))
    }
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let bom: Bom = json::parse(Format::Cyclonedx, text)?;
    if bom.bom_format != "CycloneDX" {
        let why = format!("bomFormat `{}`; expected `CycloneDX`", bom.bom_format);
        return Err(Error::broken(Format::Cyclonedx, why));
    }
    let mut sbom = Sbom::default();
    add(bom.components, &mut sbom)?;
    let tools = bom.metadata.map(|metadata| metadata.tools.0);
    let tools = tools.unwrap_or_default().into_iter();
    let tools = tools.filter_map(Itself::tool);
    Ok(Read::by(tools, Content::Sbom(sbom)))
}

fn add(components: List<Component>, sbom: &mut Sbom) -> Result<(), Error> {
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
            licences: licences.map(|licence| whole(&licence)).collect(),
        });
        // Components may hold components: their depth is bounded by that of JSON.
        add(component.components, sbom)?;
    }
    Ok(())
}

impl Itself {
    fn tool(self) -> Option<Tool> {
        Some(Tool {
            name: brief(&self.name?),
            version: self.version.map(|version| brief(&version)),
        })
    }
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
