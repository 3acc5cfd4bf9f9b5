//! What CSS could load: a reader of its own (CSS Syntax Level 3 §4), which knows strings,
//! comments, escapes and functions, and nothing of properties.

use std::{iter::Peekable, str::Chars};

use crate::url;

/// Functions that load what they are given, under any name that ever had a meaning.
const LOADERS: &[&str] = &[
    "image",
    "image-set",
    "-webkit-image-set",
    "cross-fade",
    "-webkit-cross-fade",
    "element",
    "-moz-element",
    "paint",
    "expression",
    "url-prefix",
    "domain",
];

/// Rules that load, or change what names and URLs mean.
const LOADING_RULES: &[&str] = &["import", "namespace", "charset", "document", "-moz-document"];

/// Why a style sheet is not as it must be; `None` when it loads nothing from elsewhere.
pub(crate) fn fault(css: &str) -> Option<String> {
    fault_in(css, true)
}

/// The same of an attribute's value, where no rule can stand.
pub(crate) fn value_fault(css: &str) -> Option<String> {
    fault_in(css, false)
}

fn fault_in(css: &str, has_rules: bool) -> Option<String> {
    // As browsers do before they read (§3.3).
    let css = css.replace("\r\n", "\n").replace(['\r', '\u{c}'], "\n").replace('\0', "\u{fffd}");
    Reader { rest: css.chars().peekable(), has_rules }.read().err()
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    has_rules: bool,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '/' if self.rest.peek() == Some(&'*') => self.comment(),
                '"' | '\'' => drop(self.string(c)),
                // Numbers with their units, and `#names`: no function, whatever follows.
                '0'..='9' | '#' => drop(self.name(None)),
                '@' => {
                    let name = self.name(None);
                    if self.has_rules && LOADING_RULES.contains(&name.as_str()) {
                        return Err(format!("@{name}"));
                    }
                }
                c if starts_name(c) => {
                    let name = self.name(Some(c));
                    self.after(&name)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn comment(&mut self) {
        self.rest.next();
        let mut last = ' ';
        for c in self.rest.by_ref() {
            if last == '*' && c == '/' {
                return;
            }
            last = c;
        }
    }

    fn string(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.rest.next() {
            match c {
                c if c == quote => break,
                '\n' => break,
                '\\' if self.rest.peek() == Some(&'\n') => drop(self.rest.next()),
                '\\' => text.extend(self.escaped()),
                c => text.push(c),
            }
        }
        text
    }

    fn escaped(&mut self) -> Option<char> {
        let mut code = String::new();
        while code.len() < 6
            && let Some(digit) = self.rest.next_if(char::is_ascii_hexdigit)
        {
            code.push(digit);
        }
        if code.is_empty() {
            return self.rest.next();
        }
        self.rest.next_if(|c| c.is_ascii_whitespace());
        let code = u32::from_str_radix(&code, 16).unwrap_or(0);
        Some(char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}'))
    }

    /// A name in small letters, from its first character on.
    fn name(&mut self, first: Option<char>) -> String {
        let mut name = String::new();
        let mut next = first;
        loop {
            let c = match next.take() {
                Some(c) => c,
                None => match self.rest.next_if(|c| starts_name(*c) || c.is_ascii_digit()) {
                    Some(c) => c,
                    None => return name.to_ascii_lowercase(),
                },
            };
            match c {
                '\\' => name.extend(self.escaped()),
                c => name.push(c),
            }
        }
    }

    fn after(&mut self, name: &str) -> Result<(), String> {
        if self.rest.next_if_eq(&'(').is_some() {
            return match name {
                "url" | "src" => self.url(name),
                _ if LOADERS.contains(&name) => Err(format!("{name}()")),
                _ => Ok(()),
            };
        }
        match name {
            "behavior" | "-moz-binding" => Err(name.to_owned()),
            _ => Ok(()),
        }
    }

    fn url(&mut self, name: &str) -> Result<(), String> {
        while self.rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        let target = match self.rest.next_if(|c| matches!(c, '"' | '\'')) {
            Some(quote) => self.string(quote),
            None if name == "src" => return Err("src() of something".to_owned()),
            None => {
                let mut target = String::new();
                while let Some(c) = self.rest.next_if(|c| *c != ')') {
                    match c {
                        '\\' => target.extend(self.escaped()),
                        c => target.push(c),
                    }
                }
                target
            }
        };
        let fine = url::is_inside(&target) || url::is_pixels(&target) || url::is_font(&target);
        if fine { Ok(()) } else { Err(format!("{name}({target})")) }
    }
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '\\') || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn what_loads_is_seen_through_every_disguise() {
        for css in [
            "url(//evil)",
            "URL( 'x.png' )",
            "u\\72l(//evil)",
            "u\\000072 l(//evil)",
            "url(\\2f\\2f evil)",
            "url('\u{a0}#a')",
            "a{b:url(#c)} d{e:url(\"f\")}",
            "/* ' */url(//evil)",
            "'a\nurl(//evil)",
            "@import 'x'",
            "@\\69mport 'x'",
            "image-set('x' 1x)",
            "-WEBKIT-image-set(url(#a) 1x)",
            "src(var(--x))",
            "url(data:image/svg+xml,x)",
            "url(data:text/html,x)",
            "a{behavior:url(#x)}",
            "5.url(//evil)",
        ] {
            assert!(fault(css).is_some(), "{css}");
        }
    }

    #[test]
    fn what_does_not_load_is_let_be() {
        for css in [
            "url(#a)",
            "url( '#a' )",
            "'url(//evil)'",
            "/* url(//evil) */",
            "url(data:image/png;base64,AA==)",
            "a{src:url(data:font/woff2,x) format('woff2')}",
            "curl(//evil)",
            "0url(//evil)",
            "#url(//evil)",
            "rotate(45deg) translate(1,2)",
            "M0 0h1",
        ] {
            assert_eq!(fault(css), None, "{css}");
        }
    }
}
