//! [`Chart`]: lines over two logarithmic axes, as an SVG file.

use std::fmt;

use super::axis::{Axis, tick};

/// The picture's size, and the place that the axes enclose, in its units.
const SIZE: (f64, f64) = (760.0, 480.0);
const LEFT: f64 = 80.0;
/// Half of the last number stands beyond it.
const RIGHT: f64 = 715.0;
const TOP: f64 = 110.0;
const BOTTOM: f64 = 420.0;

/// What is drawn.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the horizontal axis means.
    pub(crate) across: String,
    /// What the vertical axis means.
    pub(crate) up: String,
    /// Three at the most: there are no more colours.
    pub(crate) lines: Vec<Line>,
}

/// A line through points, which a logarithm can show: positive ones.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl fmt::Display for Chart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = SIZE;
        let title = Escaped(&self.title);
        writeln!(
            formatter,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">"#
        )?;
        writeln!(formatter, "<title>{title}</title>\n<style>{STYLE}</style>")?;
        writeln!(formatter, r#"<rect class="paper" width="{width}" height="{height}"/>"#)?;
        writeln!(formatter, r#"<text class="title" x="{LEFT}" y="28">{title}</text>"#)?;
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let across = Axis::over(points().map(|(x, _)| x), (LEFT, RIGHT));
        let up = Axis::over(points().map(|(_, y)| y), (BOTTOM, TOP));
        self.write_axes(formatter, &across, &up)?;
        for (index, line) in self.lines.iter().enumerate() {
            let places: Vec<_> =
                line.points.iter().map(|&(x, y)| (across.place(x), up.place(y))).collect();
            line.write(formatter, index, &places)?;
        }
        writeln!(formatter, "</svg>")
    }
}

impl Chart {
    fn write_axes(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        across: &Axis,
        up: &Axis,
    ) -> fmt::Result {
        for value in across.decades() {
            let x = across.place(value);
            writeln!(
                formatter,
                r#"<path class="grid" d="M{x:.1} {TOP}V{BOTTOM}"/><text class="across" x="{x:.1}" y="{:.1}">{}</text>"#,
                BOTTOM + 18.0,
                tick(value)
            )?;
        }
        for value in up.decades() {
            let y = up.place(value);
            writeln!(
                formatter,
                r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/><text class="up" x="{:.1}" y="{:.1}">{}</text>"#,
                LEFT - 8.0,
                y + 4.0,
                tick(value)
            )?;
        }
        let (middle, centre) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        writeln!(
            formatter,
            r#"<text class="across" x="{middle}" y="{}">{}</text>"#,
            BOTTOM + 44.0,
            Escaped(&self.across)
        )?;
        writeln!(
            formatter,
            r#"<text class="across" transform="translate(20 {centre}) rotate(-90)">{}</text>"#,
            Escaped(&self.up)
        )
    }
}

impl Line {
    /// The line, a mark at each of its points, and its name above the axes.
    fn write(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        index: usize,
        places: &[(f64, f64)],
    ) -> fmt::Result {
        let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(formatter, r#"<g class="line{index}">"#)?;
        writeln!(formatter, r#"<polyline points="{}"/>"#, path.join(" "))?;
        for (x, y) in places {
            writeln!(formatter, r#"<circle cx="{x:.1}" cy="{y:.1}" r="4"/>"#)?;
        }
        let y = 50.0 + 18.0 * index as f64;
        writeln!(formatter, r#"<polyline points="{LEFT},{y} {},{y}"/>"#, LEFT + 30.0)?;
        writeln!(
            formatter,
            r#"<text x="{}" y="{}">{}</text>"#,
            LEFT + 38.0,
            y + 4.0,
            Escaped(&self.name)
        )?;
        writeln!(formatter, "</g>")
    }
}

/// Text in which no character means anything to XML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => formatter.write_str("&amp;"),
            '<' => formatter.write_str("&lt;"),
            '>' => formatter.write_str("&gt;"),
            '"' => formatter.write_str("&quot;"),
            _ => write!(formatter, "{character}"),
        })
    }
}

/// Where the reader's system is dark, the picture is. The lines differ in more than their colour.
const STYLE: &str = "
text { font: 13px sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: bold }
.across { text-anchor: middle }
.up { text-anchor: end }
.paper { fill: #ffffff }
.grid { stroke: #d0d7de; fill: none }
polyline { fill: none; stroke-width: 2 }
.line0 { stroke: #cf222e; fill: #cf222e }
.line1 { stroke: #0969da; fill: #0969da }
.line2 { stroke: #1a7f37; fill: #1a7f37 }
.line1 polyline { stroke-dasharray: 8 3 }
.line2 polyline { stroke-dasharray: 2 3 }
g text { stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.paper { fill: #0d1117 }
.grid { stroke: #30363d }
.line0 { stroke: #ff7b72; fill: #ff7b72 }
.line1 { stroke: #58a6ff; fill: #58a6ff }
.line2 { stroke: #3fb950; fill: #3fb950 }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let line =
            |name: &str, points: &[(f64, f64)]| Line { name: name.into(), points: points.into() };
        Chart {
            title: "a < b & \"c\" > d".into(),
            across: "changes & more".into(),
            up: "<seconds>".into(),
            lines: vec![
                line("theirs", &[(100.0, 2.5), (1e6, 4.0)]),
                line("ours & <fast>", &[(100.0, 0.004), (1e6, 0.5)]),
            ],
        }
    }

    /// Follows the tags of an XML text; yields the characters between them.
    fn content(xml: &str) -> String {
        let (mut open, mut content, mut rest) = (Vec::new(), String::new(), xml);
        while let Some((text, tag)) = rest.split_once('<') {
            assert!(!text.contains('>'), "outside of tags: {text}");
            content += text;
            let (tag, after) = tag.split_once('>').expect("every tag ends");
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
                continue;
            }
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(name.chars().all(|letter| letter.is_ascii_lowercase()), "{tag}");
            // Between the quotes come a name, a value, a name, a value, and nothing.
            let parts: Vec<_> = attributes.split('"').collect();
            assert!(parts.len() % 2 == 1 && parts.last() == Some(&""), "{tag}");
            assert!(
                parts.iter().step_by(2).all(|name| name.is_empty() || name.ends_with('=')),
                "{tag}"
            );
            if !empty {
                open.push(name);
            }
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} are open before {rest}");
        for entity in content.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;"];
            assert!(known.iter().any(|known| entity.starts_with(known)), "&{entity}");
        }
        content
    }

    #[test]
    fn it_is_well_formed_and_all_text_is_escaped() {
        let content = content(&chart().to_string());
        let texts =
            ["a &lt; b &amp; &quot;c&quot; &gt; d", "ours &amp; &lt;fast&gt;", "&lt;seconds&gt;"];
        for text in texts.into_iter().chain(["0.001", "10", "1,000,000"]) {
            assert!(content.contains(text), "{text} is not in {content}");
        }
    }

    #[test]
    fn no_point_lies_outside_of_the_axes() {
        let text = chart().to_string();
        for circle in text.split("<circle cx=\"").skip(1) {
            let numbers: Vec<f64> = circle
                .split('"')
                .step_by(2)
                .take(2)
                .map(|number| number.parse().unwrap())
                .collect();
            assert!((LEFT..=RIGHT).contains(&numbers[0]), "{circle}");
            assert!((TOP..=BOTTOM).contains(&numbers[1]), "{circle}");
        }
    }
}
