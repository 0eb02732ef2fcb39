//! A page that is being written.
//!
//! Invariant: only texts of the program go in unescaped; `raw` takes no others.

/// HTML that grows.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of the program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Any text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A whole number, as an attribute's value for example.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.push_str(&number.to_string());
        self
    }

    /// An element with a text in it, on a line of its own.
    pub(super) fn element(&mut self, name: &'static str, text: &str) {
        self.raw("<").raw(name).raw(">").text(text);
        self.raw("</").raw(name).raw(">\n");
    }

    /// A word with a tone: `good`, `bad` or `unsure`. A sign stands before it, for those who see
    /// no colours.
    pub(super) fn pill(&mut self, tone: &'static str, text: &str) {
        let sign = match tone {
            "good" => "✓ ",
            "bad" => "✗ ",
            _ => "! ",
        };
        self.raw("<span class=\"pill ").raw(tone).raw("\">");
        self.raw("<span aria-hidden=\"true\">")
            .raw(sign)
            .raw("</span>");
        self.text(text).raw("</span>\n");
    }

    /// A name and a value, in a list of them.
    pub(super) fn fact(&mut self, name: &'static str, value: &str) {
        self.raw("<div><dt>").raw(name).raw("</dt><dd>");
        self.text(value).raw("</dd></div>\n");
    }

    /// Begins a table with its caption and the heads of its columns.
    pub(super) fn table(&mut self, caption: &'static str, heads: &[&'static str]) {
        self.raw("<table>\n<caption>")
            .raw(caption)
            .raw("</caption>\n<thead><tr>");
        for head in heads {
            self.raw("<th scope=\"col\">").raw(head).raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
    }

    /// A row: what it is about, and its cells.
    pub(super) fn row(&mut self, head: &str, cells: &[&str]) {
        self.raw("<tr><th scope=\"row\">").text(head).raw("</th>");
        for cell in cells {
            self.raw("<td>").text(cell).raw("</td>");
        }
        self.raw("</tr>\n");
    }

    pub(super) fn end_table(&mut self) {
        self.raw("</tbody>\n</table>\n");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}
