//! The pages of the playbook as HTML: headings, paragraphs, lists, tables and code, as those pages use them. Whatever is
//! something else shows as the text it is.

use maud::{Markup, html};

/// The text as HTML; `page` leads from the name of another page to where it is.
pub(super) fn rendered(text: &str, page: impl Fn(&str) -> Option<String>) -> Markup {
    let mut lines = text.lines().peekable();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let mut more = |goes_on: fn(&str) -> bool| {
            let mut block = vec![line];
            while let Some(next) = lines.next_if(|next| goes_on(next)) {
                block.push(next);
            }
            block
        };
        blocks.push(if line.starts_with("```") {
            let block = more(|next| !next.starts_with("```"));
            lines.next();
            code(&block[1..])
        } else if line.starts_with('|') {
            table(&more(|next| next.starts_with('|')), &page)
        } else if line.starts_with("- ") {
            let items = more(|next| next.starts_with("- ") || next.starts_with("  "));
            html! { ul .bullets { @for item in items { li { (inline(item.trim_start_matches("- ").trim_start(), &page)) } } } }
        } else if let Some(heading) = line.strip_prefix("# ") {
            html! { h1 { (heading) } }
        } else if let Some(heading) = line.strip_prefix("## ") {
            html! { h2 { (heading) } }
        } else if line.trim().is_empty() {
            html! {}
        } else {
            html! { p { (inline(&more(is_text).join(" "), &page)) } }
        });
    }
    html! { @for block in blocks { (block) } }
}

fn is_text(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.starts_with(['|', '#'])
        && !line.starts_with("```")
        && !line.starts_with("- ")
}

fn code(lines: &[&str]) -> Markup {
    html! { pre .block tabindex="0" role="region" aria-label="Commands" { code { (lines.join("\n")) } } }
}

fn table(lines: &[&str], page: &impl Fn(&str) -> Option<String>) -> Markup {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let (head, rows) = (cells(lines[0]), lines.get(2..).unwrap_or_default());
    html! {
        div .scroll tabindex="0" role="region" aria-label={ "By " (head[0]) } { table {
            thead { tr { @for cell in &head { th scope="col" { (inline(cell, page)) } } } }
            tbody { @for row in rows { tr { @for cell in cells(row) { td { (inline(&cell, page)) } } } } }
        } }
    }
}

/// Code, strong words and links within a line.
fn inline(text: &str, page: &impl Fn(&str) -> Option<String>) -> Markup {
    let Some((at, mark)) = ["`", "**", "["].iter().filter_map(|mark| Some((text.find(mark)?, *mark))).min()
    else {
        return html! { (text) };
    };
    let (before, rest) = (&text[..at], &text[at + mark.len()..]);
    let end = match mark {
        "[" => "](",
        other => other,
    };
    let Some((within, after)) = rest.split_once(end) else {
        return html! { (before) (mark) (inline(rest, page)) };
    };
    let (shown, after) = match mark {
        "`" => (html! { code { (within) } }, after),
        "**" => (html! { strong { (within) } }, after),
        _ => match after.split_once(')') {
            Some((target, after)) => (leads(within, target, page), after),
            None => (html! { "[" (within) "](" }, after),
        },
    };
    html! { (before) (shown) (inline(after, page)) }
}

/// A link where it leads to a page that is here; elsewhere its words.
fn leads(words: &str, target: &str, page: &impl Fn(&str) -> Option<String>) -> Markup {
    let name = target.split('#').next().unwrap_or("").strip_suffix(".md").unwrap_or("");
    html! { @if let Some(path) = page(name) { a href=(path) { (words) } } @else { (words) " (" code { (target) } ")" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let page = |name: &str| (name == "other").then(|| "/p/other".to_owned());
        assert_eq!(rendered(text, page).into_string(), want);
    }

    #[test]
    fn what_the_pages_use_is_rendered_and_the_rest_is_text() {
        check("# A\n\none\ntwo `c` **s**", "<h1>A</h1><p>one two <code>c</code> <strong>s</strong></p>");
        check(
            "see [it](other.md) or [that](https://x.example)",
            "<p>see <a href=\"/p/other\">it</a> or that (<code>https://x.example</code>)</p>",
        );
        check("- a\n- b", "<ul class=\"bullets\"><li>a</li><li>b</li></ul>");
        check("<script>x</script> a ` b [c", "<p>&lt;script&gt;x&lt;/script&gt; a ` b [c</p>");
        check("[a](b", "<p>[a](b</p>");
    }

    #[test]
    fn code_and_tables_keep_their_shape() {
        check(
            "```sh\na | b\n# c\n```\nx",
            "<pre class=\"block\" tabindex=\"0\" role=\"region\" aria-label=\"Commands\"><code>a | b\n# c</code></pre><p>x</p>",
        );
        let table = rendered("| k | v |\n|---|---|\n| `1` | <b> |", |_| None).into_string();
        assert!(table.contains("<th scope=\"col\">k</th>"), "{table}");
        assert!(table.contains("<td><code>1</code></td><td>&lt;b&gt;</td>"), "{table}");
        check(
            "```\nnever ends",
            "<pre class=\"block\" tabindex=\"0\" role=\"region\" aria-label=\"Commands\"><code>never ends</code></pre>",
        );
    }
}
