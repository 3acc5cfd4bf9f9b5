//! Reads the source of a template as the engine does: where its tags are, and of what words
//! and signs each is made. The engine gives away nothing of what it has parsed.

/// What a tag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagKind {
    /// `{{ … }}`: prints.
    Print,
    /// `{% … %}`: does something else.
    Statement,
}

/// A tag: `{{ … }}` or `{% … %}`.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    pub(super) kind: TagKind,
    pub(super) tokens: Vec<Token<'a>>,
    /// The byte of the minus before its end, if white space behind it is taken off.
    pub(super) trims_at: Option<usize>,
    /// The byte behind it.
    pub(super) after: usize,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a word of the language.
    Word,
    /// A string or a number.
    Literal,
    /// Anything else.
    Sign,
}

/// A word, a literal or a sign in a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    /// Its first byte.
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text == word
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }

    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// All tags of a source; `None` for one that the engine does not take either.
pub(super) fn tags(source: &str) -> Option<Vec<Tag<'_>>> {
    let mut reader = Reader { source, at: 0 };
    let mut tags = Vec::new();
    while let Some(kind) = reader.next_start()? {
        tags.push(reader.tag(kind)?);
    }
    Some(tags)
}

const SIGNS: &[&str] = &["...", "//", "**", "==", "!=", ">=", "<=", "</", "?.", "?["];

struct Reader<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Goes behind the start of the next tag. The inner `None` is the end of the source, the
    /// outer one a comment or a raw block without an end.
    fn next_start(&mut self) -> Option<Option<TagKind>> {
        loop {
            let starts = ["{{", "{%", "{#"].map(|start| self.rest().find(start));
            let Some(start) = starts.into_iter().flatten().min() else {
                return Some(None);
            };
            let kind = self.rest().as_bytes()[start + 1];
            self.at += start + 2;
            // A minus there takes off white space, whatever follows.
            if self.rest().starts_with('-') {
                self.at += 1;
            }
            match kind {
                b'{' => return Some(Some(TagKind::Print)),
                b'#' => self.at += self.rest().find("#}")? + 2,
                _ => match skip_tag(self.rest(), "raw") {
                    None => return Some(Some(TagKind::Statement)),
                    Some(opening) => {
                        self.at += opening;
                        self.skip_raw()?;
                    }
                },
            }
        }
    }

    fn skip_raw(&mut self) -> Option<()> {
        loop {
            self.at += self.rest().find("{%")? + 2;
            if let Some(closing) = skip_tag(self.rest(), "endraw") {
                self.at += closing;
                return Some(());
            }
        }
    }

    fn tag(&mut self, kind: TagKind) -> Option<Tag<'a>> {
        let (end, trimming_end) = match kind {
            TagKind::Print => ("}}", "-}}"),
            TagKind::Statement => ("%}", "-%}"),
        };
        let mut tokens = Vec::new();
        loop {
            let rest = self.rest();
            self.at +=
                rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
            let rest = self.rest();
            if rest.starts_with(end) {
                self.at += end.len();
                return Some(Tag { kind, tokens, trims_at: None, after: self.at });
            }
            if rest.starts_with(trimming_end) {
                let trims_at = Some(self.at);
                self.at += trimming_end.len();
                return Some(Tag { kind, tokens, trims_at, after: self.at });
            }
            let (kind, length) = token(rest)?;
            tokens.push(Token { kind, text: &rest[..length], at: self.at });
            self.at += length;
        }
    }
}

/// The bytes up to the end of a tag that is nothing but `name`.
fn skip_tag(rest: &str, name: &str) -> Option<usize> {
    let white = |c: char| c.is_ascii_whitespace();
    let inside = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches(white);
    let behind = inside.strip_prefix(name)?.trim_start_matches(white);
    let behind = behind.strip_prefix('-').unwrap_or(behind).strip_prefix("%}")?;
    Some(rest.len() - behind.len())
}

/// The kind and the length of the token that `rest` begins with.
fn token(rest: &str) -> Option<(TokenKind, usize)> {
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Some((TokenKind::Sign, sign.len()));
    }
    let first = *rest.as_bytes().first()?;
    match first {
        b'\'' | b'"' | b'`' => Some((TokenKind::Literal, string(rest.as_bytes(), first)?)),
        b'0'..=b'9' => Some((TokenKind::Literal, number(rest.as_bytes()))),
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
            let length = rest.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric());
            Some((TokenKind::Word, length.count()))
        }
        b if b"+-*/%!.,:~|=><()[]{}@".contains(&b) => Some((TokenKind::Sign, 1)),
        _ => None,
    }
}

fn string(rest: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    let end = rest.iter().skip(1).position(|b| {
        let ends = !escaped && *b == quote;
        escaped = !escaped && *b == b'\\';
        ends
    });
    end.map(|end| end + 2)
}

fn number(rest: &[u8]) -> usize {
    let mut dotted = false;
    let belongs = |b: &&u8| match **b {
        b'.' if !dotted => {
            dotted = true;
            true
        }
        b => b.is_ascii_digit(),
    };
    rest.iter().take_while(belongs).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Option<Vec<String>> {
        let text = |tag: Tag| {
            let words: Vec<_> = tag.tokens.iter().map(|token| token.text).collect();
            words.join(" ")
        };
        tags(source).map(|tags| tags.into_iter().map(text).collect())
    }

    #[test]
    fn tags_are_found_and_nothing_else() {
        for (source, found) in [
            ("plain { } %} }}", &[][..]),
            ("{{ a }}{% if b %}", &["a", "if b"]),
            ("{{- a -}} {%- if b -%}", &["a", "if b"]),
            ("{{-1}}", &["1"]),
            ("{# {{ a }} #}{{ b }}{#- {% -#}", &["b"]),
            ("{% raw %}{{ a }}{% if %}{% endraw %}{{ b }}", &["b"]),
            ("{%- raw -%}{% endraw x %}{%-endraw-%}{{ b }}", &["b"]),
            ("{{ '}}' ~ \"%}\" ~ `{{` ~ 'a\\'}}' }}", &["'}}' ~ \"%}\" ~ `{{` ~ 'a\\'}}'"]),
            ("{{ {'a': 1} }}", &["{ 'a' : 1 }"]),
            ("{{ a?.b?[1.5:-2]//3 }}", &["a ?. b ?[ 1.5 : - 2 ] // 3"]),
            ("{{ [...a, 1] }}{% </X> %}", &["[ ... a , 1 ]", "</ X >"]),
            ("{{{a}}}", &["{ a"]),
        ] {
            assert_eq!(words(source).unwrap(), found, "{source}");
        }
    }

    #[test]
    fn what_has_no_end_is_no_tag() {
        for source in ["{{ a", "{% if", "{# a", "{% raw %}a", "{{ 'a }}", "{{ \u{e4} }}", "{{ $ }}"]
        {
            assert!(words(source).is_none(), "{source}");
        }
    }
}
