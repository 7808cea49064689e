//! The page's style, in the colour of its site.

const RULES: &str = include_str!("style.css");

/// The rules, and which colour the visitor's messages and the button have: `#rrggbb`, or the usual one.
pub(super) fn sheet(color: Option<&str>) -> String {
    match color.and_then(|color| Some((color, luminance(color)?))) {
        // At this luminance white and black stand out equally well (WCAG 2: 1.05 / (l + 0.05) = (l + 0.05) / 0.05).
        Some((color, light)) => {
            let text = if light > 0.179 { "#000" } else { "#fff" };
            format!("{RULES}:root {{ --own: {color}; --own-text: {text}; }}\n")
        }
        None => RULES.to_owned(),
    }
}

/// The relative luminance of WCAG 2; none of what is no `#rrggbb`.
fn luminance(color: &str) -> Option<f64> {
    let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| {
        let part = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).ok()?) / 255.0;
        Some(if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * part(0)? + 0.7152 * part(2)? + 0.0722 * part(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_on_a_colour_can_be_read() {
        let text = |color| sheet(Some(color)).split("--own-text: ").last().map(|rest| rest[..4].to_owned());
        for (color, expected) in [("#ffffff", "#000"), ("#000000", "#fff"), ("#ffcc00", "#000"), ("#1f5fd0", "#fff")] {
            assert_eq!(text(color).as_deref(), Some(expected), "{color}");
        }
        assert_eq!(sheet(Some("#12345")), RULES);
        assert_eq!(sheet(Some("#1é345")), RULES, "seven bytes, but not seven letters");
        assert_eq!(sheet(None), RULES);
    }
}
