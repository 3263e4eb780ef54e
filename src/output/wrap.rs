//! Words on lines that are no wider than they may be.

/// A paragraph: `first`, then the text's words; lines after the first are indented by `hang`. A word that is wider than a line stands
/// on one by itself.
pub(super) fn wrap(first: &str, hang: usize, width: usize, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut columns, mut fresh) = (first.to_owned(), first.chars().count(), true);
    for word in text.split(' ') {
        let wide = word.chars().count();
        if !fresh && columns + 1 + wide > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
            (columns, fresh) = (hang, true);
        }
        if !fresh {
            line.push(' ');
            columns += 1;
        }
        line.push_str(word);
        (columns, fresh) = (columns + wide, false);
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_are_no_wider_than_asked_for() {
        let lines = wrap(" = ", 3, 12, "one two three unbreakableword four");
        assert_eq!(lines, [" = one two", "   three", "   unbreakableword", "   four"]);
        assert_eq!(wrap("", 0, 20, ""), [""]);
    }
}
