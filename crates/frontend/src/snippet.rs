//! Ready-made lines for using a session elsewhere. Pure text: ids need no escaping in
//! URLs, HTML or a shell, since their alphabet has nothing that any of these reads.

use common::{
    SessionAddress,
    api::{Args, Visibility},
    path,
};

/// Something to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    /// A short name without spaces, for anchors.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) title: &'static str,
    /// What to know before using it.
    pub(crate) hint: &'static str,
    /// The text itself.
    pub(crate) text: String,
}

/// All that one can do with the session at `address` on the server that the world knows
/// as `base`.
pub(crate) fn all(
    base: &str,
    address: &SessionAddress,
    args: &Args,
    visibility: Visibility,
) -> Vec<Snippet> {
    let base = base.trim_end_matches('/');
    let stream = format!("{base}{}", path::stream(address));
    let update = Snippet {
        name: "update",
        title: "Change it from a program",
        hint: "The values replace the present ones. The token goes into EASEL_TOKEN.",
        text: update(base, address, args),
    };
    match visibility {
        Visibility::Public => in_public(&stream, address.id.as_str(), update),
        Visibility::Private => in_private(base, &stream, address, update),
    }
}

fn in_public(stream: &str, name: &str, update: Snippet) -> Vec<Snippet> {
    vec![
        Snippet {
            name: "image",
            title: "In a web page, as an image",
            hint: "The picture changes by itself; no script is needed.",
            text: format!(r#"<img src="{stream}" alt="{name}">"#),
        },
        Snippet {
            name: "page",
            title: "In a web page, with a script",
            hint: "A whole page that comes back after a lost connection. It may stand on any site.",
            text: html_page(stream, name),
        },
        update,
        Snippet {
            name: "watch",
            title: "Watch it in a terminal",
            hint: "Every change arrives as a server-sent event.",
            text: format!("curl --no-buffer {stream}"),
        },
        Snippet {
            name: "markdown",
            title: "In Markdown",
            hint: "The picture as it is when the page is loaded.",
            text: format!("![{name}]({stream}.svg)"),
        },
    ]
}

fn in_private(base: &str, stream: &str, address: &SessionAddress, update: Snippet) -> Vec<Snippet> {
    let name = &address.id;
    vec![
        Snippet {
            name: "ticket",
            title: "In a web page, with a ticket",
            hint: "Your own server gets a ticket and puts it in the place of TICKET each time it \
                   makes the page. It is used once, within 30 seconds.",
            text: format!(
                "curl --request POST {base}{ticket} \\\n  \
                 --header \"Authorization: Bearer $EASEL_TOKEN\"\n\n\
                 <img src=\"{stream}?ticket=TICKET\" alt=\"{name}\">",
                ticket = path::ticket(address),
            ),
        },
        Snippet {
            name: "cookie",
            title: "In pages of the same site, with a cookie",
            hint: "Until the token expires, this browser shows the picture to whoever uses it. \
                   The setting cors-origins has to name the page's origin, unless it is this one.",
            text: cookie_page(base, stream, name.as_str()),
        },
        update,
        Snippet {
            name: "watch",
            title: "Watch it in a terminal",
            hint: "Every change arrives as a server-sent event. The token goes into EASEL_TOKEN.",
            text: format!(
                "curl --no-buffer {stream} \\\n  --header \"Authorization: Bearer $EASEL_TOKEN\""
            ),
        },
    ]
}

/// A line that gives a shell the token.
pub(crate) fn token_export(token: &str) -> String {
    format!("export EASEL_TOKEN={token}")
}

fn update(base: &str, address: &SessionAddress, args: &Args) -> String {
    let body = serde_json::json!({ "args": args }).to_string();
    format!(
        "curl --request PUT {base}{path} \\\n  \
         --header \"Authorization: Bearer $EASEL_TOKEN\" \\\n  \
         --header 'Content-Type: application/json' \\\n  \
         --data {body}",
        path = path::session(address),
        body = shell_word(&body),
    )
}

/// One word of a POSIX shell, whatever is in it.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn cookie_page(base: &str, stream: &str, name: &str) -> String {
    format!(
        r#"<img id="drawing" alt="{name}">
<script type="module">
  // Until it ends, the token says who watches: ask your own server for it.
  const token = await (await fetch("/easel-token")).text();
  await fetch("{base}{cookie}", {{
    method: "POST",
    credentials: "include",
    headers: {{ Authorization: `Bearer ${{token}}` }},
  }});
  document.getElementById("drawing").src = "{stream}";
</script>
"#,
        cookie = path::COOKIE,
    )
}

fn html_page(stream: &str, name: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{name}</title>
<img id="drawing" alt="{name}">
<script>
  const drawing = document.getElementById("drawing");

  function watch() {{
    const source = new EventSource("{stream}?as=sse");
    source.onmessage = (event) => {{
      const before = drawing.src;
      const svg = new Blob([event.data], {{ type: "image/svg+xml" }});
      drawing.onload = () => URL.revokeObjectURL(before);
      drawing.src = URL.createObjectURL(svg);
    }};
    source.addEventListener("end", (event) => {{
      if (JSON.parse(event.data).reason !== "draining") source.close();
    }});
    source.onerror = () => {{
      if (source.readyState === EventSource.CLOSED) setTimeout(watch, 5000);
    }};
  }}

  watch();
</script>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::read_args;

    fn snippets(base: &str, visibility: Visibility) -> Vec<Snippet> {
        let args = read_args(r#"{"who": "it's me"}"#).unwrap();
        all(base, &"alice/chart".parse().unwrap(), &args, visibility)
    }

    fn texts(base: &str) -> Vec<String> {
        let all = snippets(base, Visibility::Public).into_iter();
        all.chain(snippets(base, Visibility::Private)).map(|snippet| snippet.text).collect()
    }

    #[test]
    fn every_snippet_names_the_session_on_this_server() {
        for text in texts("https://draw.example/") {
            assert!(text.contains("https://draw.example/"), "{text}");
            assert!(!text.contains("example//"), "{text}");
            assert!(text.contains("chart"), "{text}");
        }
    }

    #[test]
    fn no_snippet_of_a_private_session_goes_without_a_right_to_it() {
        for Snippet { name, text, .. } in snippets("http://localhost", Visibility::Private) {
            let rights = ["Authorization: Bearer $EASEL_TOKEN", "?ticket=", "/api/auth/cookie"];
            assert!(rights.iter().any(|right| text.contains(right)), "{name}: {text}");
        }
    }

    #[test]
    fn an_apostrophe_does_not_end_the_shell_word() {
        let update = &texts("http://localhost")[2];
        assert!(update.contains(r#"--data '{"args":{"who":"it'\''s me"}}'"#), "{update}");
        assert!(update.contains("http://localhost/api/user/alice/session/chart"), "{update}");
    }

    #[test]
    fn the_page_closes_only_what_is_over() {
        let page = &texts("http://localhost")[1];
        assert!(page.contains(r#"new EventSource("http://localhost/stream/alice/chart?as=sse")"#));
        assert!(page.ends_with("</html>\n"));
    }
}
