//! Patterns for names of branches and tags: `*` stands for anything but `/`, `**` for
//! anything, and every other character for itself.

/// Whether a name fits a pattern as a whole. The time it takes is bounded by the product
/// of both lengths, whatever the pattern.
#[must_use]
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let pattern = tokens(pattern);
    let name: Vec<char> = name.chars().collect();
    // `reached[i]`: the tokens so far fit the first `i` characters.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for token in pattern {
        reached = step(token, &reached, &name);
    }
    reached[name.len()]
}

#[derive(Clone, Copy)]
enum Token {
    /// This character.
    Plain(char),
    /// Any characters but `/`.
    Star,
    /// Any characters.
    Stars,
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for character in pattern.chars() {
        match (character, tokens.last()) {
            ('*', Some(Token::Star | Token::Stars)) => {
                tokens.pop();
                tokens.push(Token::Stars);
            }
            ('*', _) => tokens.push(Token::Star),
            (other, _) => tokens.push(Token::Plain(other)),
        }
    }
    tokens
}

fn step(token: Token, reached: &[bool], name: &[char]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for place in 0..reached.len() {
        let before = place.checked_sub(1).map(|before| (before, name[before]));
        next[place] = match (token, before) {
            (Token::Plain(_), None) => false,
            (Token::Plain(expected), Some((before, found))) => expected == found && reached[before],
            (Token::Star | Token::Stars, None) => reached[place],
            (Token::Star, Some((before, found))) => {
                reached[place] || (next[before] && found != '/')
            }
            (Token::Stars, Some((before, _))) => reached[place] || next[before],
        };
    }
    next
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stops_at_a_slash_and_two_stars_do_not() {
        for (pattern, name) in [
            ("main", "main"),
            ("release/*", "release/1.4"),
            ("release/*", "release/"),
            ("*", "main"),
            ("**", "feature/a/b"),
            ("feature/**", "feature/a/b"),
            ("v*.*.*", "v1.2.3"),
            ("***", "a/b"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("main", "main2"),
            ("main", "xmain"),
            ("main", ""),
            ("", "main"),
            ("*", "feature/a"),
            ("release/*", "release/1/2"),
            ("v*.*.*", "v1.2"),
            ("ma.n", "main"),
            ("Main", "main"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_fits_itself_and_itself_with_any_piece_replaced_by_two_stars(
            name in "[a-z/.0-9-]{0,20}",
            one in 0_usize..20,
            other in 0_usize..20,
        ) {
            prop_assert!(fits(&name, &name));
            let (one, other) = (one.min(name.len()), other.min(name.len()));
            let (from, to) = (one.min(other), one.max(other));
            let pattern = format!("{}**{}", &name[..from], &name[to..]);
            prop_assert!(fits(&pattern, &name), "{pattern} {name}");
        }
    }
}
