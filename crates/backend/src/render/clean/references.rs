//! How much a picture comes to when what it refers to is drawn as often as it is referred to.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use roxmltree::{Document, Node, NodeId};

use super::{XLINK_NAMESPACE, css, own};

/// How many elements a picture comes to, references followed; `None` if they stand more deeply
/// than `depth` in each other.
pub(super) fn drawn(document: &Document, depth: usize) -> Option<u64> {
    let root = document.root_element();
    match may_refer(document.input_text()) {
        true => References::of(document, depth).drawn(root),
        false => standing(root, depth),
    }
}

/// Whether a picture may refer to a part of itself: by an `href`, or by a `url(…)` in capitals or
/// not, of which any letter may be written as a character reference or escaped. Most do not, and
/// are counted more cheaply.
fn may_refer(text: &str) -> bool {
    let url = |word: &[u8]| word.eq_ignore_ascii_case(b"url(");
    text.contains("href")
        || text.contains("&#")
        || text.contains('\\')
        || text.as_bytes().windows(4).any(url)
}

/// How many elements stand in a node, itself included.
fn standing(node: Node, levels_left: usize) -> Option<u64> {
    let levels_left = levels_left.checked_sub(1)?;
    let mut elements = 1;
    for child in node.children().filter(Node::is_element) {
        elements += standing(child, levels_left)?;
    }
    Some(elements)
}

/// Who draws whom.
struct References<'a, 'input> {
    targets: HashMap<&'a str, Node<'a, 'input>>,
    /// How deep one may stand in another.
    depth: usize,
}

/// What a target comes to.
#[derive(Debug, Clone, Copy)]
struct Sum {
    elements: u64,
    /// Levels, its own included.
    height: usize,
}

/// A target that is being summed up contains itself: browsers do not follow circles, but not
/// all tools are that wise.
const CIRCLE: Sum = Sum { elements: u64::MAX, height: 1 };

impl<'a, 'input: 'a> References<'a, 'input> {
    fn of(document: &'a Document<'input>, depth: usize) -> Self {
        let named = document.descendants().filter_map(|node| Some((own(node, "id")?, node)));
        let mut targets = HashMap::new();
        for (id, node) in named {
            // The first of two elements with one name is the one that counts.
            targets.entry(id).or_insert(node);
        }
        Self { targets, depth }
    }

    fn drawn(&self, node: Node<'a, 'input>) -> Option<u64> {
        self.count(node, 1, &mut HashMap::new()).map(|sum| sum.elements)
    }

    /// `known` holds the sums of whole targets, or [`CIRCLE`] while they are being made. The
    /// recursion is never deeper than what is allowed.
    fn count(
        &self,
        node: Node<'a, 'input>,
        level: usize,
        known: &mut HashMap<NodeId, Sum>,
    ) -> Option<Sum> {
        if level > self.depth {
            return None;
        }
        let mut sum = Sum { elements: 1, height: 1 };
        let mut add = |part: Sum| {
            sum.elements = sum.elements.saturating_add(part.elements);
            sum.height = sum.height.max(part.height + 1);
        };
        for target in self.drawn_by(node) {
            let part = match known.get(&target.id()) {
                Some(part) => *part,
                None => {
                    known.insert(target.id(), CIRCLE);
                    let part = self.count(target, level + 1, known)?;
                    known.insert(target.id(), part);
                    part
                }
            };
            add(part);
        }
        for child in node.children().filter(Node::is_element) {
            add(self.count(child, level + 1, known)?);
        }
        (level + sum.height - 1 <= self.depth).then_some(sum)
    }

    fn drawn_by(&self, node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
        // A link leads to what it names, and everything else draws it, or takes after it.
        let used = (node.tag_name().name() != "a")
            .then(|| own(node, "href").or_else(|| node.attribute((XLINK_NAMESPACE, "href"))))
            .flatten()
            .map(|href| href.trim().trim_start_matches('#'));
        let painted = node
            .attributes()
            .filter(|attribute| attribute.value().contains('('))
            .flat_map(|attribute| css::references(attribute.value()));
        let names: Vec<String> = used.into_iter().map(str::to_owned).chain(painted).collect();
        names.into_iter().filter_map(|name| {
            // A fragment may be written in another way than the name that it means.
            let decoded = || percent_decode_str(&name).decode_utf8().ok();
            let target = self.targets.get(name.as_str());
            target.or_else(|| self.targets.get(&*decoded()?)).copied()
        })
    }
}
