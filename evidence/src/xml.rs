//! Walking through the XML of a report: no entity is expanded, no definition is
//! followed, depth is bounded, and a document that ends too early is an error.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use sluice_domain::evidence::Format;

use crate::{DEEPEST, Error};

/// An element's start.
pub(crate) struct Element<'x> {
    start: BytesStart<'x>,
    format: Format,
}

impl Element<'_> {
    /// Its name without a namespace's prefix.
    pub(crate) fn name(&self) -> String {
        self.start.local_name().into_inner().to_string()
    }

    /// The value of an attribute, if it has it.
    pub(crate) fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let broken = |error: &dyn std::fmt::Display| Error::broken(self.format, error);
        let attribute = self
            .start
            .try_get_attribute(name)
            .map_err(|error| broken(&error))?;
        let value = attribute.map(|attribute| {
            attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| broken(&error))
        });
        value.transpose()
    }

    /// The value of an attribute that counts something. None where it has none; some
    /// write an empty one for that.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, Error> {
        let value = self.get(name)?.filter(|value| !value.trim().is_empty());
        let count = value.map(|value| {
            value.trim().parse().map_err(|_| {
                let element = self.name();
                let why =
                    format!("`{name}` of a `{element}` is `{value}`; expected a whole number");
                Error::broken(self.format, why)
            })
        });
        count.transpose()
    }
}

/// What is met on the way.
pub(crate) trait Visitor {
    /// An element begins. `above` are the names of those that it lies in, the root first.
    fn start(&mut self, element: &Element<'_>, above: &[String]) -> Result<(), Error>;

    /// An element ends.
    fn end(&mut self, name: &str, above: &[String]) -> Result<(), Error>;
}

/// Walks through a whole document.
pub(crate) fn walk(format: Format, text: &str, visitor: &mut impl Visitor) -> Result<(), Error> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut above: Vec<String> = Vec::new();
    let mut has_root = false;
    loop {
        let event = reader.read_event().map_err(|error| {
            Error::broken(
                format,
                format!("{error} at byte {}", reader.error_position()),
            )
        })?;
        match event {
            Event::Start(start) => {
                has_root = true;
                let element = Element { start, format };
                visitor.start(&element, &above)?;
                if above.len() == DEEPEST {
                    return Err(Error::TooDeep);
                }
                above.push(element.name());
            }
            Event::Empty(start) => {
                has_root = true;
                let element = Element { start, format };
                visitor.start(&element, &above)?;
                visitor.end(&element.name(), &above)?;
            }
            Event::End(_) => {
                if let Some(name) = above.pop() {
                    visitor.end(&name, &above)?;
                }
            }
            Event::DocType(definition) if definition.contains('[') => {
                let why = "it defines entities or types of its own, which is not allowed";
                return Err(Error::broken(format, why));
            }
            Event::Eof if has_root && above.is_empty() => return Ok(()),
            Event::Eof => {
                let open = above.pop().unwrap_or_default();
                let why = format!("it ends within `{open}`: the file is cut off");
                return Err(Error::broken(format, why));
            }
            _ => {}
        }
    }
}

/// The name of the root element, if the text is XML.
pub(crate) fn root(text: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => {
                return Some(start.local_name().into_inner().to_string());
            }
            Event::Text(text) if !text.trim().is_empty() => return None,
            Event::Eof => return None,
            _ => {}
        }
    }
}
