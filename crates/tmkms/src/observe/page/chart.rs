//! The two pictures of the page, as SVG, each with its numbers in words for those who do not see
//! it.

use super::html::Html;
use crate::observe::document::{Bucket, Heights, Percentiles};
use crate::observe::units::short;

/// How many heights the strip has room for.
const STRIP: u64 = 100;

/// How high the columns are, in the picture's own units.
const HEIGHT: u64 = 64;

/// How wide one is.
const STEP: u64 = 20;

/// The last heights, the newest at the right: full for a precommit, half for less, a dot at the
/// bottom for nothing.
pub(super) fn heights(html: &mut Html, heights: &Heights) {
    let count = u64::try_from(heights.marks.len()).unwrap_or(STRIP);
    let signed = heights.marks.bytes().filter(|mark| *mark == b'S').count();
    let said = match count {
        0 => "no height yet since the start".to_owned(),
        count => format!(
            "{signed} of the last {count} heights signed, up to {} (half a bar: no precommit, low: \
             missed)",
            heights.newest
        ),
    };
    html.raw("<figure>\n<svg class=\"strip\" viewBox=\"0 0 800 24\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
    html.text(&said).raw("\">\n");
    let empty = STRIP.saturating_sub(count);
    for place in 0..empty {
        bar(html, place, "none", 11, 2);
        html.raw("/>\n");
    }
    let first = heights
        .newest
        .saturating_sub_unsigned(count.saturating_sub(1));
    for (offset, mark) in (0_u64..).zip(heights.marks.chars()) {
        let (class, word, y, height) = match mark {
            'S' => ("signed", "signed", 0, 24),
            'p' => ("part", "no precommit", 12, 12),
            _ => ("missed", "missed", 18, 6),
        };
        bar(html, empty.saturating_add(offset), class, y, height);
        let at = first.saturating_add_unsigned(offset);
        html.raw("><title>")
            .text(&format!("{at}: {word}"))
            .raw("</title></rect>\n");
    }
    html.raw("</svg>\n<figcaption>")
        .text(&said)
        .raw("</figcaption>\n</figure>\n");
}

/// The beginning of a column of the strip.
fn bar(html: &mut Html, place: u64, class: &'static str, y: u64, height: u64) {
    html.raw("<rect class=\"")
        .raw(class)
        .raw("\" x=\"")
        .number(place.saturating_mul(8));
    html.raw("\" y=\"").number(y);
    html.raw("\" width=\"6\" height=\"")
        .number(height)
        .raw("\" rx=\"1\"");
}

/// How many took how long, in powers of two.
pub(super) fn durations(html: &mut Html, durations: &Percentiles) {
    let columns = columns(&durations.buckets);
    let most = columns.iter().map(|it| it.count).max().unwrap_or(1).max(1);
    let count = u64::try_from(columns.len()).unwrap_or(1);
    let said = format!(
        "{} signatures: half of them within {}, 99 % within {}, the longest {}",
        durations.count,
        short(durations.p50_ns),
        short(durations.p99_ns),
        short(durations.max_ns)
    );
    html.raw("<figure>\n<svg class=\"durations\" viewBox=\"0 0 ");
    html.number(count.saturating_mul(STEP))
        .raw(" ")
        .number(HEIGHT.saturating_add(1));
    html.raw("\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"")
        .text(&said)
        .raw("\">\n");
    for (place, column) in (0_u64..).zip(&columns) {
        let full = column.count.saturating_mul(HEIGHT).div_ceil(most);
        html.raw("<rect x=\"")
            .number(place.saturating_mul(STEP).saturating_add(1));
        html.raw("\" y=\"").number(HEIGHT.saturating_sub(full));
        html.raw("\" width=\"18\" height=\"")
            .number(full.saturating_add(1))
            .raw("\"><title>");
        html.text(&format!("up to {}: {}", short(column.le_ns), column.count));
        html.raw("</title></rect>\n");
    }
    html.raw("</svg>\n<div class=\"axis\" aria-hidden=\"true\">");
    if let (Some(first), Some(last)) = (columns.first(), columns.last()) {
        html.raw("<span>≤ ")
            .text(&short(first.le_ns))
            .raw("</span>");
        html.raw("<span>≤ ").text(&short(last.le_ns)).raw("</span>");
    }
    html.raw("</div>\n<figcaption>")
        .text(&said)
        .raw("</figcaption>\n</figure>\n");
}

/// The buckets with those between that are empty, at most one for each power of two.
fn columns(buckets: &[Bucket]) -> Vec<Bucket> {
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
        return Vec::new();
    };
    let mut columns = Vec::new();
    let mut le_ns = first.le_ns;
    loop {
        let found = buckets.iter().find(|it| it.le_ns == le_ns);
        let count = found.map_or(0, |it| it.count);
        columns.push(Bucket { le_ns, count });
        if le_ns >= last.le_ns {
            return columns;
        }
        le_ns = le_ns.saturating_mul(2).saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_no_gaps_and_end() {
        let bucket = |le_ns, count| Bucket { le_ns, count };
        assert_eq!(columns(&[]), []);
        let told = columns(&[bucket(1_023, 3), bucket(8_191, 1)]);
        let expected = [
            bucket(1_023, 3),
            bucket(2_047, 0),
            bucket(4_095, 0),
            bucket(8_191, 1),
        ];
        assert_eq!(told, expected);
        assert_eq!(columns(&[bucket(0, 1), bucket(u64::MAX, 1)]).len(), 65);
    }

    #[test]
    fn strip_has_a_column_for_each_height_and_room_for_a_hundred() {
        for (marks, first) in [
            ("", ""),
            ("S.p", "<title>48: signed"),
            (&*".".repeat(100), "<title>-49: missed"),
        ] {
            let mut html = Html::default();
            let told = Heights {
                newest: 50,
                marks: marks.to_owned(),
                missed: 0,
            };
            heights(&mut html, &told);
            let html = html.into_string();
            assert_eq!(html.matches("<rect").count(), 100, "{marks}");
            assert!(html.contains(first), "{html}");
        }
    }
}
