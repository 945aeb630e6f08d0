//! The kernel's XML: the invocations of each kind of capability, and the system calls.

use roxmltree::{Document, Node};
use sel4_kernel::Configuration;

/// An invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The kind of capability, such as `seL4_TCB`.
    pub interface: String,
    /// Its name there.
    pub name: String,
    /// Its name among the labels.
    pub id: String,
    /// Its label.
    pub label: u64,
    /// What it is given, in the order of the XML.
    pub inputs: Vec<Parameter>,
    /// What it gives back, in the order of the XML.
    pub outputs: Vec<Parameter>,
}

/// A parameter of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its C type.
    pub kind: String,
}

/// The label of no invocation. Counting starts after it.
const INVALID_INVOCATION: u64 = 0;

/// Appends what one interface file defines; labels go on from the last one.
pub fn read(
    xml: &str,
    configuration: Configuration,
    methods: &mut Vec<Method>,
    structures: &mut Vec<(String, Vec<String>)>,
) -> Result<(), String> {
    let document = Document::parse(xml).map_err(|error| error.to_string())?;
    for structure in elements(document.root(), "struct") {
        let members = elements(structure, "member")
            .map(|member| attribute(member, "name"))
            .collect::<Result<_, _>>()?;
        structures.push((attribute(structure, "name")?, members));
    }
    for interface in elements(document.root(), "interface") {
        let interface_name = attribute(interface, "name")?;
        for method in elements(interface, "method") {
            if !holds(method, configuration)? {
                continue;
            }
            let mut inputs = Vec::new();
            let mut outputs = Vec::new();
            for parameter in elements(method, "param") {
                let described = Parameter {
                    name: attribute(parameter, "name")?,
                    kind: attribute(parameter, "type")?,
                };
                match attribute(parameter, "dir")?.as_str() {
                    "in" => inputs.push(described),
                    "out" => outputs.push(described),
                    other => return Err(format!("a parameter that goes {other}")),
                }
            }
            let last = methods
                .last()
                .map_or(INVALID_INVOCATION, |method: &Method| method.label);
            methods.push(Method {
                interface: interface_name.clone(),
                name: attribute(method, "name")?,
                id: attribute(method, "id")?,
                label: last.checked_add(1).ok_or("too many labels")?,
                inputs,
                outputs,
            });
        }
    }
    Ok(())
}

/// The system calls: numbered downwards from -1, in order, those left out not counted.
pub fn system_calls(xml: &str, configuration: Configuration) -> Result<Vec<(String, i64)>, String> {
    let document = Document::parse(xml).map_err(|error| error.to_string())?;
    let mut number: i64 = 0;
    let mut found = Vec::new();
    for config in elements(document.root(), "config") {
        if !holds(config, configuration)? {
            continue;
        }
        for call in elements(config, "syscall") {
            number = number.checked_sub(1).ok_or("too many system calls")?;
            found.push((attribute(call, "name")?, number));
        }
    }
    Ok(found)
}

fn holds(node: Node<'_, '_>, configuration: Configuration) -> Result<bool, String> {
    let condition = node.attribute("condition").unwrap_or_default();
    configuration
        .holds(condition)
        .ok_or_else(|| format!("a condition of an unknown form: {condition}"))
}

fn elements<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.descendants()
        .filter(move |node| node.has_tag_name(name))
}

fn attribute(node: Node<'_, '_>, name: &str) -> Result<String, String> {
    let value = node.attribute(name).map(str::to_owned);
    value.ok_or_else(|| format!("a {} without {name}", node.tag_name().name()))
}
